"""What a store holds and where it came from, as a page to publish with it.

After Gebru et al., Datasheets for Datasets, CACM 2021 (arXiv 1803.09010), as far as a store can
answer for itself; what only its makers know is left for them to fill in.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shm.datasets.composites.store import CompositeStore
from shm.datasets.group import damaged_metadata
from shm.datasets.opening import Samples, open_samples
from shm.datasets.record import Record
from shm.datasets.storage.location import Location
from shm.workflows.inspect import flatten, inspect_store

Rows = Iterable[Sequence[object]]

ASKED = (
    "For what purpose was the set made, and by whom?",
    "Did the people in the photos agree to this use?",
    "Under which licence is the set given on, and do the sources allow it?",
)
"""What no store knows."""


def datasheet(path: Location) -> str:
    """Return the datasheet of a store, in Markdown.

    Raises
    ------
    ShmError
        There is no such store, it is not finished, or its records are damaged.
    """
    store = open_samples(path)
    about = inspect_store(path, worst=0)
    with damaged_metadata(path):
        return _sheet(store, path, about)


def _sheet(store: Samples, path: Location, about: Mapping[str, Any]) -> str:
    parts = [
        f"# {_plain(path.resolve().name)}",
        _composition(about),
        _origin(store, about),
        _splits(store, about),
        _steps(store),
        _quality(about),
        _parameters(about),
        _rejects("Inputs that were rejected", about["rejected"]),
        _rejects("Backgrounds that were left out", about.get("left_out", [])),
        "## To be filled in\n\n" + "\n".join(f"- {question}" for question in ASKED),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _composition(about: Mapping[str, Any]) -> str:
    what = "photos of people with an alpha matte, a trimap and clean foreground colours"
    if about["kind"] == "composited":
        backgrounds = len(about["backgrounds"])
        people = f"{about['groups']} people on {backgrounds} photos"
        what = f"composites, {_plain(about['form'])}, of {people}"
    side = about["canvas"]
    return (
        f"{about['samples']} {what}. No side is longer than {side} pixels. "
        f"{about['bytes']} bytes, {about['bytes'] // max(1, about['samples'])} a sample."
    )


def _origin(store: Samples, about: Mapping[str, Any]) -> str:
    if not isinstance(store, CompositeStore):
        corpus = about["corpus"]
        name, layout = (_plain(corpus.get(each, "unknown")) for each in ("name", "layout"))
        origin = f"The raw corpus {name}, read as {layout}."
        return f"## Sources\n\n{origin}"
    people = about["people"]
    used = {background["id"] for background in about["backgrounds"]}
    scenes = [scene for scene in store.scenes().values() if scene["id"] in used]
    collections = Counter(scene["source"].split("/")[0] for scene in scenes)
    licences = Counter(scene["licence"] or "not stated" for scene in scenes)
    name, identity = (_plain(people.get(each, "unknown")) for each in ("name", "identity"))
    origin = (
        f"The people come from the store {name}, whose content has the SHA-256 {identity}. "
        "Each background keeps its own licence:"
    )
    tables = (
        _table(("backgrounds from", "photos"), collections.most_common()),
        _table(("licence", "photos"), licences.most_common()),
    )
    return "\n\n".join(("## Sources", origin, *tables))


def _people(store: Samples) -> Iterable[Record]:
    if isinstance(store, CompositeStore):
        return store.people().values()
    return (record for _, record in store.samples())


def _splits(store: Samples, about: Mapping[str, Any]) -> str:
    groups: dict[str, set[str]] = {}
    for person in _people(store):
        groups.setdefault(person["split"], set()).add(person["group"])
    scenes = Counter(each["split"] for each in about.get("backgrounds", ()))
    rows = [
        (split, count, len(groups.get(split, ())), *([scenes[split]] if scenes else []))
        for split, count in about["splits"].items()
    ]
    head = ("split", "samples", "groups of people", *(["backgrounds"] if scenes else []))
    return "## Splits\n\n" + _table(head, rows)


def _steps(store: Samples) -> str:
    """Return how often each way was taken to annotation, trimap, alpha and foreground."""
    ways: Counter[tuple[str, str]] = Counter()
    for person in _people(store):
        ways.update(person.get("steps", {}).items())
    rows = [(step, way, count) for (step, way), count in sorted(ways.items())]
    return "## How the mattes were made\n\n" + _table(("step", "way", "people"), rows)


def _quality(about: Mapping[str, Any]) -> str:
    return "## Quality\n\n" + _table(("figure", "mean"), about["quality"].items())


def _parameters(about: Mapping[str, Any]) -> str:
    rows = [*flatten(about["config"]), *flatten({"software": about["software"]})]
    return "## Parameters\n\n" + _table(("name", "value"), rows)


def _rejects(title: str, rejects: Sequence[Mapping[str, Any]]) -> str:
    reasons = Counter(reject["reason"] for reject in rejects)
    if not reasons:
        return ""
    table = _table(("reason", "files"), reasons.most_common())
    return f"## {title}\n\n{len(rejects)} in all.\n\n{table}"


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(value: object) -> str:
    """Return a value as one line that can't break the page: names of files may hold anything."""
    text = " ".join(str(value).split())
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return re.sub(r"([\\|`<>\[\]!*&])", r"\\\1", text)
