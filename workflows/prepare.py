"""Raw photos and masks in, a store of training samples out."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from shm.datasets.corpus import Corpus, Pair, Reject, open_corpus
from shm.datasets.files import file_sha256
from shm.datasets.image import MAX_PIXELS
from shm.datasets.raw import read_pair
from shm.datasets.record import Record
from shm.datasets.splits import SplitConfig, assign_splits
from shm.datasets.store import Arrays, create_store, open_store
from shm.pipeline.errors import ShmError
from shm.pipeline.prepare import PrepareConfig, prepare
from shm.pipeline.refine import compile_solvers
from shm.pipeline.seed import digest, generator
from shm.workflows.engine import ClusterConfig
from shm.workflows.outcome import Outcome, attempt, outcome_of, rejection
from shm.workflows.resume import open_for_writing
from shm.workflows.shards import make_missing_shards
from shm.workflows.software import software_versions

Annotation = Literal["auto", "alpha", "mask", "trimap"]


class CorpusEmptyError(ShmError, ValueError):
    """Nothing in the corpus can be prepared."""


@dataclass(frozen=True, kw_only=True)
class PrepareRun:
    """Everything that decides what the store will hold."""

    sample: PrepareConfig = field(default_factory=PrepareConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    annotation: Annotation = "auto"
    layout: str = "auto"
    max_pixels: int = MAX_PIXELS
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One input, which gets one slot: a pair to prepare, or a reject."""

    pair: Pair | None = None
    split: str = ""
    reject: Reject | None = None


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """One shard's work, whole: what a worker needs and nothing more."""

    store: Path
    shard: int
    root: Path
    entries: tuple[Entry, ...]
    run: PrepareRun


def prepare_corpus(
    raw: Path,
    target: Path,
    run: PrepareRun,
    cluster: ClusterConfig,
    *,
    overwrite: bool = False,
) -> Outcome:
    """Prepare every pair of a raw corpus; run again after a stop, it carries on.

    Raises
    ------
    ShmError
        The corpus holds nothing, or the target was made with other options.
    """
    corpus = open_corpus(raw, run.layout, max_pixels=run.max_pixels)
    entries = list_entries(corpus, run)
    layout: dict[str, Any] = {
        "kind": "prepared",
        "slots": len(entries),
        "canvas": run.sample.size,
    }
    attributes = {
        "config": asdict(run),
        "corpus": {"name": corpus.root.resolve().name, "layout": corpus.layout},
        "inputs": _inputs_digest(corpus.root, entries),
        "software": software_versions(),
    }
    notes = {"left_alone": list(corpus.left_alone)}
    store = open_for_writing(
        target,
        layout | attributes,
        create=lambda path: create_store(path, **layout, attributes=attributes | notes),
        reopen=lambda path: open_store(path, writable=True, incomplete=True),
        overwrite=overwrite,
    )

    def job_of(shard: int) -> ShardJob:
        return ShardJob(
            store=target.resolve(),
            shard=shard,
            root=corpus.root.resolve(),
            entries=tuple(entries[slot] for slot in store.slots_of(shard)),
            run=run,
        )

    make_missing_shards(
        store,
        job_of,
        prepare_shard,
        cluster,
        what="prepare",
        unit="photo",
        first=partial(ready_worker, run.sample.refine),
    )
    return outcome_of(store)


def list_entries(corpus: Corpus, run: PrepareRun) -> list[Entry]:
    """List the inputs in the order of their slots: pairs by id, then rejects by source."""
    pairs = [_with_annotation(pair, run.annotation) for pair in corpus.pairs]
    entries = [
        Entry(reject=found) if isinstance(found, Reject) else Entry(pair=found[0], split=found[1])
        for found in split_pairs(pairs, run.split, run.seed)
    ]
    entries = [_with_something_to_start_from(entry, run.annotation) for entry in entries]
    entries += [Entry(reject=reject) for reject in corpus.rejects]
    if not entries:
        raise CorpusEmptyError(f"{corpus.root}: no photo with a mask, a matte or a trimap in it")
    return entries


def split_pairs(
    pairs: Sequence[Pair], shares: SplitConfig, seed: int
) -> list[tuple[Pair, str] | Reject]:
    """Give each pair its group's split: the one that the corpus names for it, else a drawn one.

    A pair whose corpus names another split than the first of its group is rejected: nobody may be
    in two.
    """
    named: dict[str, str] = {}
    for pair in pairs:
        if pair.split is not None:
            named.setdefault(pair.group, pair.split)
    drawn = assign_splits({pair.group for pair in pairs} - named.keys(), shares, seed, "people")
    splits = drawn | named
    return [
        (pair, splits[pair.group])
        if pair.split in (None, splits[pair.group])
        else Reject(
            pair.image,
            f"its group {pair.group!r} is in the split {splits[pair.group]} already: name one",
        )
        for pair in pairs
    ]


@cache
def ready_worker(method: str) -> None:
    """Compile what is compiled at first use, and keep the libraries to the worker's one core.

    Once a process: a worker that joined late does it in its first job.
    """
    import cv2

    cv2.setNumThreads(1)  # on a cluster that was started elsewhere no variable says so
    if method == "none":
        return
    import numba

    numba.set_num_threads(1)
    compile_solvers()


def prepare_shard(job: ShardJob) -> tuple[int, int]:
    """Prepare and write one shard; returns (accepted, rejected)."""
    ready_worker(job.run.sample.refine)
    made = [_prepare_entry(entry, job) for entry in job.entries]
    store = open_store(job.store, writable=True, incomplete=True)
    store.write_shard(job.shard, [arrays for arrays, _ in made], [record for _, record in made])
    rejected = sum(arrays is None for arrays, _ in made)
    return len(made) - rejected, rejected


def _prepare_entry(entry: Entry, job: ShardJob) -> tuple[Arrays | None, Record]:
    if entry.pair is None:
        reject = entry.reject or Reject(source="?", reason="no input")
        return None, rejection(reject.source, reject.reason, duplicate=reject.duplicate)
    pair = entry.pair
    return attempt(pair.image, lambda: _prepare_pair(pair, entry.split, job))


def _prepare_pair(pair: Pair, split: str, job: ShardJob) -> tuple[Arrays, Record]:
    raw = read_pair(job.root, pair, max_pixels=job.run.max_pixels)
    sample = prepare(raw, job.run.sample, generator(job.run.seed, "trimap", pair.id))
    files = {
        role: name
        for role, name in (
            ("mask", pair.mask),
            ("alpha", pair.alpha),
            ("trimap", pair.trimap),
            ("foreground", pair.foreground),
        )
        if name is not None
    }
    record: Record = {
        "id": pair.id,
        "source": pair.image,
        "sha256": file_sha256(job.root / pair.image),
        "pixels": hashlib.sha256(raw.image.tobytes()).hexdigest(),
        "annotations": files,
        "group": pair.group,
        "split": split,
        "size": sample.image.shape[:2],
        "photo_size": raw.image.shape[:2],
        "steps": sample.steps,
        "quality": sample.quality,
    }
    arrays = {name: getattr(sample, name) for name in ("image", "alpha", "trimap", "foreground")}
    return arrays, record


def _with_annotation(pair: Pair, annotation: Annotation) -> Pair:
    """Keep the annotation that was asked for; ``auto`` keeps all, and a matte then counts most."""
    if annotation == "auto":
        return pair
    dropped: dict[str, Any] = {
        role: None for role in ("mask", "alpha", "trimap") if role != annotation
    }
    return replace(pair, **dropped)


def _with_something_to_start_from(entry: Entry, annotation: Annotation) -> Entry:
    """Turn a pair that does not have the annotation that was asked for into a reject."""
    pair = entry.pair
    if pair is None or annotation == "auto" or pair.mask or pair.alpha or pair.trimap:
        return entry
    reason = f"it has no {annotation}, only another annotation: leave --annotation out to take that"
    return Entry(reject=Reject(pair.image, reason))


def _inputs_digest(root: Path, entries: Sequence[Entry]) -> str:
    """Return a digest of the inputs' names and sizes, to notice a corpus that changed."""

    def parts() -> Iterator[object]:
        for entry in entries:
            if entry.pair is None:
                yield entry.reject
                continue
            yield asdict(entry.pair)
            for name in sorted(set(entry.pair.files)):
                yield (root / name).stat().st_size

    return digest(*parts()).hex()
