"""What is in a store, for people and for scripts."""

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shm.datasets.record import Record
from shm.datasets.store import Store, open_store
from shm.pipeline.quality import worst_figure
from shm.workflows.outcome import reject_of


def inspect_store(path: Path, *, worst: int = 10) -> dict[str, Any]:
    """Describe a store.

    Parameters
    ----------
    path : Path
    worst : int
        How many of the samples of lowest quality to list.

    Returns
    -------
    dict
        ``kind``, ``complete``, ``samples``, ``groups``, ``rejected`` (list of ``source``,
        ``reason``, ``duplicate``), ``splits`` (name to count), ``canvas`` (pixels), ``shards``,
        ``bytes``, ``quality`` (figure to mean), ``worst`` (list of ``id``, ``source``, ``quality``,
        ``cause``, the figure that lowers it most, and ``figures``, the lowest quality first; empty
        for composites, whose alpha is their person's), ``config``, ``software``; for composites
        also ``backgrounds`` (list of ``source``, ``split``, ``uses``) and ``left_out`` (list of
        ``source``, ``reason``, ``duplicate``).

    Raises
    ------
    ShmError
        There is no such store, or its records are damaged.
    """
    store = open_store(path, incomplete=True)
    tally = Tally(keep=worst if store.kind == "prepared" else 0)
    for shard in filter(store.has_shard, range(store.shards)):
        for record in store.records_of(shard):
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
    }
    return description | _origin(store, tally)


@dataclass(kw_only=True)
class Tally:
    """What is kept of the records as they pass: sums, counts, and the `keep` worst samples."""

    keep: int
    samples: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    splits: Counter[str] = field(default_factory=Counter)
    uses: Counter[tuple[str, str]] = field(default_factory=Counter)
    _sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _counts: Counter[str] = field(default_factory=Counter)
    _worst: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Count one input."""
        if "rejected" in record:
            self.rejected.append(reject_of(record))
            return
        self.samples += 1
        self.groups.add(record["group"])
        self.splits[record["split"]] += 1
        if "background" in record:
            self.uses[record["background"]["source"], record["split"]] += 1
        for name, value in record["quality"].items():
            self._sums[name] += value
            self._counts[name] += 1
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


def _origin(store: Store, tally: Tally) -> dict[str, Any]:
    """Return where the samples came from: the corpus, or the people and the backgrounds."""
    if store.kind == "prepared":
        return {name: store.attributes[name] for name in ("corpus", "left_alone")}
    return {
        "people": store.attributes["people"],
        "left_out": store.attributes["left_out"],
        "backgrounds": [
            {"source": source, "split": split, "uses": count}
            for (source, split), count in sorted(tally.uses.items())
        ],
    }
