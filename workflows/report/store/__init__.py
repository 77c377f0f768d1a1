"""A store as one page to look at: samples, figures, rejects, and marks to keep or to reject."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from shm.datasets.composites.store import CompositeStore
from shm.datasets.files import write_bytes
from shm.datasets.group import damaged_metadata, made_as
from shm.datasets.marks import FORMAT
from shm.datasets.opening import Samples, open_samples
from shm.datasets.storage.location import Location
from shm.datasets.tree import printable
from shm.pipeline.errors import ShmError
from shm.workflows.differences import differences, told_as_options
from shm.workflows.inspect import flatten, history_of
from shm.workflows.prepare import SPELLINGS, PrepareRun
from shm.workflows.report.page import write_page
from shm.workflows.report.store.figures import OF_PIXELS, Histogram, count, figures_of, histograms
from shm.workflows.report.store.fit import FitError, fit
from shm.workflows.report.store.panels import VIEWS, Panel, has_mask, panel_of
from shm.workflows.report.store.rejects import MOST_FILES
from shm.workflows.report.store.survey import Survey, survey

FEWEST_FILES = 5
"""Files of one reason that are listed however small the page is to be."""

LISTS = 1 / 3
"""Share of a page that its lists may take before they are cut shorter."""


class ReportError(ShmError, ValueError):
    """There is nothing to show."""


@dataclass(frozen=True, kw_only=True)
class StorePage:
    """What a page shows.

    Parameters
    ----------
    samples : int
        How many at most.
    megabytes : float
        Size that the page may have: where the pictures take more they are made smaller, then fewer.
    corpus : Path, optional
        The folder, or the manifest, that `shm-data prepare` read, for the masks; a store holds
        none.
    seed : int
        Of what is drawn at random.
    """

    samples: int = 200
    megabytes: float = 64.0
    corpus: Path | None = None
    seed: int = 0


def report_store(path: Location, out: Path, wanted: StorePage) -> dict[str, Any]:
    """Write the page of a store: of prepared people, finished or not, or of finished composites.

    Returns
    -------
    dict
        ``report`` (its path), ``kind`` (the store's), ``samples`` and ``shown`` (how many),
        ``side`` (pixels of the largest picture), ``masks`` (how many samples have theirs),
        ``no_masks`` (how many were made from one that is not shown), ``too_large`` (how many
        samples had no room), ``bytes``.

    Raises
    ------
    ShmError
        There is no such store, it is damaged, it has no sample, or not one of them has room.
    """
    store = open_samples(path, incomplete=True)
    corpus = _corpus(store, wanted.corpus)
    with damaged_metadata(path):
        found = survey(store, wanted.samples, wanted.seed)
        asked = found.choice.shown(wanted.samples)
        if not asked:
            rejected = found.rejects.total
            why = (
                f": all {rejected} inputs were rejected, shm-data inspect lists why"
                if rejected
                else ""
            )
            raise ReportError(f"{path}: it has no sample to show{why or ' yet'}")
        common = _common(store, path, wanted, found)
        write = partial(write_page, "store.html", asked=len(asked), **common)
        panels, content = _fitted(write, store, found, replace(wanted, corpus=corpus))
    write_bytes(out.resolve(), content)  # a link stays one
    masks = sum("mask" in panel.pictures for panel in panels)
    made = {each.record["id"] for each in asked if has_mask(each.record)}
    return {
        "report": str(out),
        "kind": store.kind,
        "samples": found.samples,
        "shown": len(panels),
        "side": max(panel.side for panel in panels),
        "masks": masks,
        "no_masks": sum(panel.id in made for panel in panels) - masks,
        "too_large": len(asked) - len(panels),
        "bytes": len(content),
    }


def _corpus(store: Samples, corpus: Path | None) -> Path | None:
    """Return the folder of the masks; raises `ReportError` where there can be none."""
    if isinstance(store, CompositeStore):
        if corpus is not None:
            raise ReportError(
                f"{store.path}: composites stand elsewhere than their masks: leave --corpus out, "
                "or show the store of the people with it"
            )
        if not store.attributes["complete"]:
            raise ReportError(f"{store.path}: not finished: run the command that makes it again")
    if corpus is None:
        return None
    folder = corpus.parent if corpus.is_file() else corpus
    if not folder.is_dir():
        raise ReportError(f"{corpus}: there is no such folder: give the one that was prepared")
    return folder


def _fitted(
    write: partial[bytes], store: Samples, found: Survey, wanted: StorePage
) -> tuple[list[Panel], bytes]:
    """Return the samples of a page and the page, which is no larger than asked for."""
    room = int(wanted.megabytes * 1e6)
    files = MOST_FILES
    while True:
        bare = len(write(panels=[], histograms=found.histograms, views={}, files=files))
        if bare <= room * LISTS or files <= FEWEST_FILES:
            break
        files //= 2
    make = partial(panel_of, store, wanted.corpus)
    limit = room - bare
    while True:
        try:
            panels, _ = fit(make, found.choice, wanted.samples, limit)
        except FitError as error:
            raise ReportError(
                f"--megabytes {wanted.megabytes:g} is too little: without samples the page takes "
                f"{bare / 1e6:.1f} MB, and {error}: give more"
            ) from error
        content = write(
            panels=panels,
            histograms=[*found.histograms, *_of_shown(store, panels)],
            views={name: VIEWS[name] for name in VIEWS if _has(panels, name)},
            files=files,
        )
        if len(content) <= room:
            return panels, content
        limit -= len(content) - room + FEWEST_FILES


def _has(panels: Sequence[Panel], view: str) -> bool:
    return any(view in panel.pictures for panel in panels)


def _of_shown(store: Samples, panels: Sequence[Panel]) -> list[Histogram]:
    """Return how the figures that are known only of samples that are shown are distributed."""
    if not isinstance(store, CompositeStore):
        return []
    found = histograms(OF_PIXELS)
    for panel in panels:
        count(found, panel.figures)
    return found


def _common(store: Samples, path: Location, wanted: StorePage, found: Survey) -> dict[str, Any]:
    """Return what a page says whichever samples it shows."""
    attributes = store.attributes
    composites = isinstance(store, CompositeStore)
    return {
        "composites": composites,
        "form": store.form if isinstance(store, CompositeStore) else "",
        "complete": attributes["complete"],
        "canvas": store.canvas,
        "bytes_on_disk": store.bytes_on_disk(),
        "name": printable(path.resolve().name),
        "config": [(name, printable(str(value))) for name, value in flatten(attributes["config"])],
        "software": attributes["software"],
        "history": history_of(path),
        "identity": attributes.get("seal") or made_as(attributes),
        "format": FORMAT,
        "found": found,
        "figures": _figures(composites=composites),
        "again": "" if composites else _again(attributes, path, wanted.corpus),
    }


def _figures(*, composites: bool) -> dict[str, dict[str, str]]:
    """Return what figures are called and what they say, by their names."""
    shown = figures_of(("quality", *OF_PIXELS) if composites else None)
    found = {each.name: {"title": each.title, "meaning": each.meaning} for each in shown}
    if composites:
        found["quality"]["title"] = "Quality of the person's matte"
    return found


def _again(attributes: Mapping[str, Any], path: Location, corpus: Path | None) -> str:
    """Return the command that makes a store of people again as it was made, but for the marks."""
    there = {"config": json.loads(json.dumps(asdict(PrepareRun())))}
    made = {"config": attributes["config"]}
    _, options = told_as_options(differences(there, made), there, made, SPELLINGS)
    words = ["shm-data", "prepare", "RAW" if corpus is None else str(corpus), str(path)]
    for option in options:
        name, _, value = option.partition(" ")
        words += [name, value]
    return printable(shlex.join([*words, "--marks", "marks.json"]))
