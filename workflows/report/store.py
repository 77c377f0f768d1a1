"""A store as one page to look at: samples, figures, rejects, and marks to keep or to reject."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from shm.datasets.composites.store import CompositeStore
from shm.datasets.files import write_bytes
from shm.datasets.group import damaged_metadata
from shm.datasets.opening import Samples, open_samples
from shm.datasets.record import Record
from shm.datasets.storage.location import Location
from shm.datasets.tree import printable
from shm.pipeline.errors import ShmError
from shm.pipeline.seed import generator
from shm.workflows.inspect import flatten, inspect_store
from shm.workflows.progress import progress, watched
from shm.workflows.report.choice import Choice, Shown
from shm.workflows.report.encode import THUMBNAIL
from shm.workflows.report.figures import Histogram, count, histograms
from shm.workflows.report.page import write_page
from shm.workflows.report.panels import LISTED, VIEWS, Panel, panel_of

PROBES = 8
"""Samples whose pictures say how large those of all will be."""

NAMES_SHOWN = 500
"""Files of one reason that are listed."""

CLASSES_SHOWN = 24


class ReportError(ShmError, ValueError):
    """There is nothing to show."""


@dataclass(frozen=True, kw_only=True)
class ReportRun:
    """What a page shows.

    Parameters
    ----------
    samples : int
        How many at most.
    megabytes : float
        Size that the page may have: where the pictures take more they are made smaller.
    corpus : Path, optional
        The folder that `shm-data prepare` read, for the masks; a store holds none.
    seed : int
        Of what is drawn at random.
    """

    samples: int = 200
    megabytes: float = 64.0
    corpus: Path | None = None
    seed: int = 0


def report_store(path: Location, out: Path, run: ReportRun) -> dict[str, Any]:
    """Write the page of a store, finished or not.

    Returns
    -------
    dict
        ``report`` (its path), ``samples`` and ``shown`` (how many), ``side`` (pixels of the largest
        picture), ``masks`` (how many samples have theirs), ``bytes``.

    Raises
    ------
    ShmError
        There is no such store, it is damaged, or it has no sample.
    """
    if run.corpus is not None and not run.corpus.is_dir():
        raise ReportError(f"{run.corpus}: there is no such folder: give the one that was prepared")
    store = open_samples(path, incomplete=True)
    about = inspect_store(path, worst=0)
    with damaged_metadata(path):
        found = histograms()
        shown = _choose(store, run, found)
        if not shown:
            raise ReportError(f"{path}: it has no sample to show yet")
        panels, side = _panels(store, shown, run)
        content = write_page(
            "store.html",
            about=about,
            name=printable(path.resolve().name),
            config=[(name, printable(str(value))) for name, value in flatten(about["config"])],
            identity=str(store.attributes.get("seal", about["store"])),
            panels=panels,
            histograms=[each for each in found if each.total],
            classes=_classes(store),
            rejects=_by_reason(about["rejected"]),
            left_out=_by_reason(about.get("left_out", [])),
            views={name: title for name, title in VIEWS.items() if _has(panels, name)},
            listed=[name for name in LISTED if any(name in panel.figures for panel in panels)],
            side=side,
        )
    write_bytes(out, content)
    return {
        "report": str(out),
        "samples": about["samples"],
        "shown": len(panels),
        "side": side,
        "masks": sum("mask" in panel.pictures for panel in panels),
        "bytes": len(content),
    }


def _has(panels: Sequence[Panel], view: str) -> bool:
    return any(view in panel.pictures for panel in panels)


def _choose(store: Samples, run: ReportRun, found: list[Histogram]) -> list[Shown]:
    """Look at every sample's record; returns those to show, and counts the figures of all."""
    choice = Choice(count=run.samples, seed=run.seed)
    if not isinstance(store, CompositeStore):
        for slot, record in _people(store):
            count(found, record["quality"])
            choice.offer(slot, record)
        return choice.chosen()
    if not store.attributes["complete"]:
        raise ReportError(f"{store.path}: not finished: run the command that makes it again")
    column = store.column("foreground")
    slots, uses = np.unique(column, return_counts=True)
    people = store.people()
    for slot, times in zip(slots.tolist(), uses.tolist(), strict=True):
        count(found, people[slot]["quality"], times)
    # Of each person one composite, so that the worst are not one person over and over.
    random = generator(run.seed, "report")
    order = random.permutation(store.slots)
    _, first = np.unique(column[order], return_index=True)
    own = set(order[first].tolist())
    drawn = [*order[first].tolist(), *order[: run.samples].tolist()]
    for slot in dict.fromkeys(drawn):
        choice.offer(slot, store.record(slot), ranked=slot in own)
    return choice.chosen()


def _people(store: Any) -> Iterator[tuple[int, Record]]:  # noqa: ANN401
    """Yield (slot, record) of the accepted samples of the shards that stand."""
    shards = list(filter(store.has_shard, range(store.shards)))
    for shard in watched("choose samples", "shard", shards):
        for slot, record in zip(store.slots_of(shard), store.records_of(shard), strict=True):
            if "rejected" not in record:
                yield slot, record


def _panels(store: Samples, shown: Sequence[Shown], run: ReportRun) -> tuple[list[Panel], int]:
    """Read what is shown, with pictures as large as the page allows; returns their side, too."""
    side = _side(store, shown, run)
    make = partial(panel_of, store, corpus=run.corpus, side=side)
    panels = []
    with (
        progress("report", len(shown), "sample") as bar,
        ThreadPoolExecutor(os.cpu_count() or 1) as threads,
    ):
        bar.begin()
        for panel in threads.map(make, shown):
            panels.append(panel)
            bar.advance()
    return panels, side


def _side(store: Samples, shown: Sequence[Shown], run: ReportRun) -> int:
    """Return how large pictures may be, judged by a few of the samples."""
    probes = shown[:: max(1, len(shown) // PROBES)][:PROBES]
    limit = run.megabytes * 1e6 / len(shown)
    side: int = max(max(each.record["size"]) for each in shown)
    while True:
        taken = sum(panel_of(store, each, run.corpus, side).bytes for each in probes) / len(probes)
        if taken <= limit or side <= THUMBNAIL:
            return side
        side = max(THUMBNAIL, int(side * min(0.9, (limit / taken) ** 0.5)))


def _classes(store: Samples) -> list[tuple[str, int]]:
    """Return how many composites have each class of object in their background."""
    if not isinstance(store, CompositeStore):
        return []
    scenes = store.scenes()
    slots, uses = np.unique(store.column("background"), return_counts=True)
    found: Counter[str] = Counter()
    for slot, times in zip(slots.tolist(), uses.tolist(), strict=True):
        for name in scenes[slot].get("classes", ()) or ("not annotated",):
            found[printable(name)] += times
    return found.most_common(CLASSES_SHOWN)


def _by_reason(rejects: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put rejects together whose reasons differ in numbers alone, the most frequent first."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for reject in rejects:
        reason = printable(reject["reason"])
        groups[re.sub(r"\d[\d.,]*", "…", reason)].append((printable(reject["source"]), reason))
    return [
        {
            "reason": files[0][1] if len(set(dict(files).values())) == 1 else reason,
            "count": len(files),
            "files": files[:NAMES_SHOWN],
        }
        for reason, files in sorted(groups.items(), key=lambda each: -len(each[1]))
    ]
