"""What is in a store, for people and for scripts."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shm.datasets.composites.store import CompositeStore
from shm.datasets.group import damaged_metadata
from shm.datasets.opening import Samples, open_samples
from shm.datasets.record import Record
from shm.datasets.storage.location import Location
from shm.pipeline.errors import ShmError
from shm.pipeline.quality import worst_figure
from shm.workflows.ledger import read_ledger
from shm.workflows.outcome import reject_of
from shm.workflows.progress import watched


class InspectError(ShmError, ValueError):
    """The store has no such sample."""


def inspect_store(path: Location, *, worst: int = 10) -> dict[str, Any]:
    """Describe a store.

    Parameters
    ----------
    path : Path or URL
    worst : int
        How many of the samples of lowest quality to list.

    Returns
    -------
    dict
        ``kind``, ``complete``, ``samples``, ``groups``, ``rejected`` (list of ``source``,
        ``reason``, ``duplicate``), ``splits`` (name to count), ``canvas`` (pixels), ``shards``,
        ``bytes``, ``quality`` (figure to mean), ``worst`` (list of ``id``, ``source``, ``quality``,
        ``cause``, the figure that lowers it most, and ``figures``, the lowest quality first; empty
        for composites, whose alpha is their person's), ``config``, ``software``, ``history`` (list
        of ``at``, ``event`` and what belongs to it: `shm.workflows.ledger`); for composites
        also ``form``, ``backgrounds`` (list of ``id``, ``source``,
        ``split``, ``uses``) and ``left_out``
        (list of ``source``, ``reason``, ``duplicate``).

    Raises
    ------
    ShmError
        There is no such store, or its records are damaged.
    """
    store = open_samples(path, incomplete=True)
    with damaged_metadata(path):
        return _described(store, path, worst)


def _described(store: Samples, path: Location, worst: int) -> dict[str, Any]:
    tally = Tally(keep=worst if store.kind == "prepared" else 0)
    if isinstance(store, CompositeStore):
        for record, count in _used(store, "foreground"):
            tally.add(record, count)
    else:
        for shard in watched("inspect", "shard", range(store.shards)):
            for record in store.records_of(shard) if store.has_shard(shard) else ():
                tally.add(record)
    description: dict[str, Any] = {
        "store": str(path),
        "kind": store.kind,
        "complete": store.attributes["complete"],
        "samples": tally.samples,
        "groups": len(tally.groups),
        "rejected": tally.rejected,
        "splits": dict(sorted(tally.splits.items())),
        "canvas": store.canvas,
        "shards": store.shards,
        "bytes": store.bytes_on_disk(),
        "quality": tally.means(),
        "worst": tally.worst(),
        "config": store.attributes["config"],
        "software": store.attributes["software"],
        "history": history_of(path),
    }
    return description | _origin(store)


def history_of(path: Location) -> list[dict[str, Any]]:
    """Return what was done to a store and when: each command, without its single shards."""
    return [
        {name: value for name, value in line.items() if name not in ("config", "files")}
        for line in read_ledger(path)
        if line["event"] not in ("shard", "seen")
    ]


def describe_sample(path: Location, name: str) -> dict[str, Any]:
    """Return all that is known of one sample: of a composite, back to both files.

    Returns
    -------
    dict
        The sample's record; of a composite with the whole records of its ``foreground``, its
        ``background`` and, where there is one, the ``second`` person.

    Raises
    ------
    InspectError
        There is no sample of this id.
    """
    store = open_samples(path, incomplete=True)
    slot = _slot_of(store, name)
    record = store.record(slot)
    if not isinstance(store, CompositeStore):
        return record
    people, scenes = store.people(), store.scenes()
    whole = {
        "foreground": people[record["foreground"]["slot"]],
        "background": scenes[record["background"]["slot"]],
    }
    if "second" in record:
        whole["second"] = people[record["second"]["slot"]]
    del record["quality"]  # the person's, who has it, too
    return record | whole


def _slot_of(store: Samples, name: str) -> int:
    if isinstance(store, CompositeStore):
        slot = store.find(name)
    else:
        slot = next((slot for slot, record in store.samples() if record["id"] == name), None)
    if slot is None:
        raise InspectError(
            f"{store.path}: no sample {name!r}; composites are called PERSON-NUMBER, like p7-003"
        )
    return slot


def _used(store: CompositeStore, column: str) -> Iterator[tuple[Record, int]]:
    """Yield the records that the recipes use, with how many of them do; none before all stand."""
    parts = store.foregrounds, store.backgrounds
    whole = all(part.attributes["complete"] for part in parts)
    if store.attributes["recipes"] is None or not whole:
        return
    records = store.scenes() if column == "background" else store.people()
    slots, counts = np.unique(store.column(column), return_counts=True)
    for slot, count in zip(slots.tolist(), counts.tolist(), strict=True):
        yield records[slot], count


@dataclass(kw_only=True)
class Tally:
    """What is kept of the records as they pass: sums, counts, and the `keep` worst samples."""

    keep: int
    samples: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    splits: Counter[str] = field(default_factory=Counter)
    _sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _counts: Counter[str] = field(default_factory=Counter)
    _worst: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)

    def add(self, record: Record, count: int = 1) -> None:
        """Count one input, or so many composites of one person."""
        if "rejected" in record:
            self.rejected.append(reject_of(record))
            return
        self.samples += count
        self.groups.add(record["group"])
        self.splits[record["split"]] += count
        for name, value in record["quality"].items():
            self._sums[name] += value * count
            self._counts[name] += count
        self._offer(record)

    def _offer(self, record: Record) -> None:
        figures = record["quality"]
        if not self.keep or "quality" not in figures:
            return
        described = {
            "id": record["id"],
            "source": record["source"],
            "quality": figures["quality"],
            "cause": worst_figure(figures),
            "figures": {name: value for name, value in figures.items() if name != "quality"},
        }
        # A heap gives up its smallest first: here the best, and of equals the last to come.
        entry = (-figures["quality"], -self.samples, described)
        if len(self._worst) < self.keep:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)

    def worst(self) -> list[dict[str, Any]]:
        """Return the samples of lowest quality, the lowest first."""
        return [described for _, _, described in sorted(self._worst, reverse=True)]

    def means(self) -> dict[str, float]:
        """Return the mean of each quality figure over the samples that have it."""
        return {
            name: round(self._sums[name] / count, 4) for name, count in sorted(self._counts.items())
        }


def _origin(store: Samples) -> dict[str, Any]:
    """Return where the samples came from: the corpus, or the people and the backgrounds."""
    if not isinstance(store, CompositeStore):
        return {name: store.attributes[name] for name in ("corpus", "left_alone")}
    uses = (
        {"id": scene["id"], "source": scene["source"], "split": scene["split"], "uses": count}
        for scene, count in _used(store, "background")
    )
    return {
        "form": store.form,
        "people": store.attributes["people"],
        "left_out": store.attributes["left_out"],
        "backgrounds": sorted(uses, key=lambda used: (used["source"], used["split"])),
    }


def flatten(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """Return (dotted name, value) of every setting."""
    found: list[tuple[str, object]] = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            found += flatten(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", value))
    return found
