"""Raw photos and masks in, a store of training samples out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from shm.datasets.corpus import Corpus, open_corpus
from shm.datasets.group import made_as
from shm.datasets.marks import Marks
from shm.datasets.splits import SplitConfig
from shm.datasets.storage.location import Location, absolute
from shm.datasets.store import Store, create_store, open_store
from shm.pipeline.seed import digest
from shm.pipeline.trimap import Reach
from shm.workflows.differences import Spelling
from shm.workflows.engine import ClusterConfig
from shm.workflows.limits import Need, need_of, require_room
from shm.workflows.outcome import Outcome, outcome_of
from shm.workflows.prepare.changes import explain_entries, find_changes
from shm.workflows.prepare.entries import Entry, PrepareRun, list_entries, with_marks
from shm.workflows.prepare.shard import ShardJob, prepare_shard, ready_worker
from shm.workflows.progress import watched
from shm.workflows.resume import Making, open_for_writing
from shm.workflows.shards import make_missing_shards, missing_slots
from shm.workflows.software import software_versions

__all__ = ["PrepareRun", "prepare_corpus"]

SPELLINGS: Mapping[str, Spelling] = {
    "config.sample.size": "--size {}".format,
    "config.sample.refine": "--refine {}".format,
    "config.sample.foreground": "--foreground {}".format,
    "config.sample.reject_below": "--reject-below {}".format,
    "config.sample.trimap.mode": "--trimap {}".format,
    "config.sample.trimap.kernel": "--kernel {}".format,
    "config.sample.trimap.erode": lambda reach: f"--erode {Reach(**reach)}",
    "config.sample.trimap.dilate": lambda reach: f"--dilate {Reach(**reach)}",
    "config.sample.trimap.iterations": "--iterations {}".format,
    "config.sample.trimap.tolerance": "--tolerance {}".format,
    "config.split": lambda shares: f"--split {SplitConfig(**shares)}",
    "config.annotation": "--annotation {}".format,
    "config.layout": "--layout {}".format,
    "config.max_pixels": lambda pixels: f"--max-megapixels {pixels // 1_000_000}",
    "config.seed": "--seed {}".format,
}
"""How what decides a store's bytes is said on the command line."""


SECONDS_SOLVED, SECONDS_READ = 1.0, 0.3
"""Time of one core for a photo, by the megapixels of the canvas, with and without refining: 0.85
and 0.25 of 24 portraits on a fast core."""

WORKER_MEMORY, WORKER_MEMORY_PER_PIXEL = 400e6, 600.0
"""Bytes of one worker, of itself and by the pixels of the canvas."""


def prepare_corpus(
    raw: Path,
    target: Location,
    run: PrepareRun,
    cluster: ClusterConfig,
    *,
    overwrite: bool = False,
    marks: Marks | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Prepare every pair of a raw corpus; run again after a stop, it carries on.

    A photo or an annotation that changed since is prepared anew, and the others stay.

    Parameters
    ----------
    marks : Marks, optional
        Photos that somebody looked at: to reject, or to keep whatever their quality.
    note : callable, optional
        Told what the work will take of disk, memory and time, where that is much.

    Raises
    ------
    ShmError
        The corpus holds nothing, the target was made with other options or of other inputs, or
        another command writes to it.
    """
    compare = partial(watched, "compare photos", "photo")
    corpus = open_corpus(raw, run.layout, max_pixels=run.max_pixels, watch=compare)
    entries = with_marks(list_entries(corpus, run), marks or {}, corpus, note)
    making = _making(corpus, entries, run)

    def check(store: Store | None) -> None:
        missing = len(entries) if store is None else len(missing_slots(store))
        workers = None if cluster.scheduler else cluster.workers
        require_room(_need(missing, run), target, workers, note)

    making = replace(making, check=check)
    with open_for_writing(target, making, overwrite=overwrite) as (store, ledger):
        changes = find_changes(store, entries, corpus.root, ledger)
        if changes.seen:
            ledger.add("seen", files=changes.seen)
        if changes.sources:
            if store.attributes["complete"]:
                ledger.begin(making.command, making.wanted["software"], asdict(run))
                store.mark(complete=False)
            ledger.add("changed", sources=changes.sources, void=changes.void)
        same = made_as(store.attributes)

        def job_of(shard: int) -> ShardJob:
            return ShardJob(
                store=absolute(target),
                made_as=same,
                shard=shard,
                root=corpus.root.resolve(),
                entries=tuple(entries[slot] for slot in store.slots_of(shard)),
                run=run,
                kept=changes.kept(store, shard),
            )

        unfinished = not store.attributes["complete"]
        make_missing_shards(
            store,
            job_of,
            prepare_shard,
            cluster,
            ledger,
            what="prepare",
            unit="photo",
            first=partial(ready_worker, run.sample.refine),
            again=changes.slots,
        )
        outcome = replace(outcome_of(store, redone=changes.sources), store=target)
        if unfinished:
            ledger.add("end", accepted=outcome.accepted, rejected=len(outcome.rejected))
    return outcome


def _input(entry: Entry) -> dict[str, Any]:
    """Return what an input is, whatever was thought of it."""
    return {name: value for name, value in asdict(entry).items() if name != "mark"}


def _need(photos: int, run: PrepareRun) -> Need:
    megapixels = run.sample.size**2 / 1e6
    solved = run.sample.refine != "none"
    return need_of(
        photos,
        run.sample.size,
        what="photos",
        seconds=megapixels * (SECONDS_SOLVED if solved else SECONDS_READ),
        worker_memory=WORKER_MEMORY + megapixels * 1e6 * WORKER_MEMORY_PER_PIXEL,
    )


def _making(corpus: Corpus, entries: Sequence[Entry], run: PrepareRun) -> Making[Store]:
    layout: dict[str, Any] = {
        "kind": "prepared",
        "slots": len(entries),
        "canvas": run.sample.size,
    }
    attributes = {
        "config": asdict(run),
        "corpus": {"name": corpus.root.resolve().name, "layout": corpus.layout},
        "inputs": digest(*map(_input, entries)).hex(),
        "software": software_versions(),
    }
    notes = {"left_alone": list(corpus.left_alone)}
    return Making(
        command="shm-data prepare",
        wanted=layout | attributes,
        create=lambda path: create_store(path, **layout, attributes=attributes | notes),
        reopen=lambda path: open_store(path, writable=True, incomplete=True),
        spellings=SPELLINGS,
        is_empty=lambda store: next(store.samples(), None) is None,
        explain=lambda store: explain_entries(store, entries),
    )
