"""What a run was trained on, and what its nets began with."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shm.datasets.composites.store import CompositeStore
from shm.datasets.group import damaged_metadata
from shm.datasets.opening import Samples, open_samples
from shm.datasets.storage.location import Location
from shm.datasets.tree import printable
from shm.pipeline.errors import ShmError
from shm.workflows.report.runs.folder import Run

Facts = list[tuple[str, str]]

COLLECTIONS = 12
"""Collections of backgrounds that are named, the largest first."""


def provenance(run: Run, measured_on: Location | None) -> Facts:
    """Return (name, value) of a run's checkpoints, stores and beginnings.

    A checkpoint knows a store by its name and content, not where it lies: it is looked for at
    `measured_on`, in the working directory and beside the run, and what it says of itself is told
    where its content is still that which was trained on.
    """
    facts = [(kept.phase, kept.told) for kept in run.kept]
    known = [(kept.phase, kept.metadata) for kept in run.kept if kept.metadata is not None]
    stores: dict[tuple[str, str], tuple[Mapping[str, Any], list[str]]] = {}
    for phase, metadata in known:
        for store in metadata.stores:
            key = str(store.get("name", "?")), str(store.get("sha256", ""))
            stores.setdefault(key, (store, []))[1].append(phase)
    for (name, content), (store, phases) in stores.items():
        title = f"store {printable(name)}"
        if len(phases) < len(known):
            title += f" ({', '.join(phases)})"
        facts.append((title, _line(store)))
        facts += [(f"its {each}", told) for each, told in _made(run, name, content, measured_on)]
    if not stores:
        facts.append(("stores", "not known without a checkpoint that can be read"))
    facts += [
        (f"{net} in {phase} began with", printable(_line(began)))
        for phase, metadata in known
        for net, began in metadata.start.items()
    ]
    return facts


def _line(values: object) -> str:
    """Return what a checkpoint says of something, on one line; lists of names by their length."""
    if not isinstance(values, Mapping):
        return printable(str(values))
    told = (
        f"{name} {f'{len(value)} tensors' if isinstance(value, list) else _line(value)}"
        for name, value in values.items()
        if name != "name" and value not in (None, [])
    )
    return ", ".join(told)


def _made(run: Run, name: str, content: str, measured_on: Location | None) -> Facts:
    places: list[Location] = [] if measured_on is None else [measured_on]
    if name == Path(name).name:
        places += [folder / name for folder in (Path(), run.path.parent, run.path.parent.parent)]
    others = 0
    for place in places:
        try:
            store = open_samples(place)
            with damaged_metadata(place):
                if store.identity() == content:
                    return list(_says(store))
        except (ShmError, OSError):
            continue
        others += place != measured_on or printable(place.name) == printable(name)
    why = (
        "a store of this name is there, with other content"
        if others
        else "the store is not here: --store, or the folder of the run beside it, lets it be found"
    )
    return [("origin", f"not known, {why}")]


def _says(store: Samples) -> Iterator[tuple[str, str]]:
    """Yield what a store says of how it was made."""
    attributes = store.attributes
    if isinstance(store, CompositeStore):
        people = attributes["people"]
        yield "people", _line({"store": people.get("name"), "sha256": people.get("identity")})
        yield "backgrounds", ", ".join(_collections(store))
    else:
        corpus = attributes["corpus"]
        yield "corpus", printable(f"{corpus.get('name')}, read as {corpus.get('layout')}")
    yield "seed", printable(str(attributes["config"].get("seed")))
    yield "software", _line(attributes["software"])


def _collections(store: CompositeStore) -> Sequence[str]:
    """Return where the backgrounds that were used are from, with how many."""
    scenes = store.scenes()
    used = np.unique(store.column("background")).tolist()
    found = Counter(scenes[slot]["source"].split("/")[0] for slot in used)
    told = [printable(f"{count} of {name}") for name, count in found.most_common(COLLECTIONS)]
    more = len(found) - len(told)
    return [*told, f"and of {more} more"] if more else told
