"""What is in a store, for people and for scripts."""

from collections import Counter
from pathlib import Path
from typing import Any

from shm.datasets.store import Store, open_store
from shm.workflows.outcome import reject_of


def inspect_store(path: Path) -> dict[str, Any]:
    """Describe a store.

    Returns
    -------
    dict
        ``kind``, ``complete``, ``samples``, ``groups``, ``rejected`` (list of ``source``,
        ``reason``, ``duplicate``), ``splits`` (name to count), ``canvas`` (pixels), ``shards``,
        ``bytes``, ``quality`` (figure to mean), ``config``, ``software``; for composites also
        ``backgrounds`` (list of ``source``, ``split``, ``uses``) and ``left_out`` (list of
        ``source``, ``reason``, ``duplicate``).

    Raises
    ------
    ShmError
        There is no such store, or its records are damaged.
    """
    store = open_store(path, incomplete=True)
    samples, rejected = [], []
    for shard in filter(store.has_shard, range(store.shards)):
        for record in store.records_of(shard):
            if "rejected" in record:
                rejected.append(reject_of(record))
            else:
                samples.append(record)
    description: dict[str, Any] = {
        "store": str(path),
        "kind": store.kind,
        "complete": store.attributes["complete"],
        "samples": len(samples),
        "groups": len({record["group"] for record in samples}),
        "rejected": rejected,
        "splits": dict(sorted(Counter(record["split"] for record in samples).items())),
        "canvas": store.canvas,
        "shards": store.shards,
        "bytes": store.bytes_on_disk(),
        "quality": _means([record["quality"] for record in samples]),
        "config": store.attributes["config"],
        "software": store.attributes["software"],
    }
    return description | _origin(store, samples)


def _origin(store: Store, samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Return where the samples came from: the corpus, or the people and the backgrounds."""
    if store.kind == "prepared":
        return {name: store.attributes[name] for name in ("corpus", "left_alone")}
    uses = Counter((r["background"]["source"], r["split"]) for r in samples)
    return {
        "people": store.attributes["people"],
        "left_out": store.attributes["left_out"],
        "backgrounds": [
            {"source": source, "split": split, "uses": count}
            for (source, split), count in sorted(uses.items())
        ],
    }


def _means(figures: list[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for sample in figures for name in sample})
    return {
        name: round(sum(values) / len(values), 4)
        for name in names
        if (values := [sample[name] for sample in figures if name in sample])
    }
