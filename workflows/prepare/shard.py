"""One shard's work: its inputs read, prepared and written."""

import hashlib
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from shm.datasets.corpus import Pair, Reject
from shm.datasets.damage import DamageError
from shm.datasets.files import signature
from shm.datasets.group import require_made_as
from shm.datasets.marks import Verdict
from shm.datasets.raw import read_pair
from shm.datasets.record import Record
from shm.datasets.storage.location import Location
from shm.datasets.store import Arrays, Store, open_store
from shm.pipeline.prepare import prepare
from shm.pipeline.quality import QualityError
from shm.pipeline.refine import compile_solvers
from shm.pipeline.seed import generator
from shm.workflows.ledger import Signatures
from shm.workflows.outcome import attempt, rejection
from shm.workflows.prepare.entries import Entry, PrepareRun, annotation_files, hashes_of
from shm.workflows.shards import ShardReport, tell_shard


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """What a worker needs to make a shard, and nothing more.

    Attributes
    ----------
    kept : frozenset of int
        Slots whose samples are in the store already and stay as they are.
    made_as : str
        Tells the store from another one that may be put in its place.
    """

    store: Location
    made_as: str
    shard: int
    root: Path
    entries: tuple[Entry, ...]
    run: PrepareRun
    kept: frozenset[int] = frozenset()


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


def prepare_shard(job: ShardJob) -> ShardReport:
    """Prepare and write one shard."""
    ready_worker(job.run.sample.refine)
    store = open_store(job.store, writable=True, incomplete=True)
    # The record is deleted first when a shard is made again: without one, all of it is.
    kept = job.kept if job.kept and store.has_shard(job.shard) else frozenset()
    files: Signatures = {}
    made: list[tuple[Arrays | None, Record]] = []
    rejected = 0
    for slot, entry in zip(store.slots_of(job.shard), job.entries, strict=True):
        taken = _kept(store, slot) if slot in kept else None
        arrays, record = taken or _prepare_entry(entry, job, files)
        made.append((arrays, _with_mark(record, entry.mark)))
        rejected += arrays is None
        tell_shard(job.shard, len(made), rejected)
    store.write_shard(
        job.shard,
        [arrays for arrays, _ in made],
        [record for _, record in made],
        allowed=partial(require_made_as, job.store, job.made_as),
        anew=bool(kept),
    )
    return ShardReport(
        shard=job.shard, accepted=len(made) - rejected, rejected=rejected, files=files
    )


def signatures(root: Path, pair: Pair) -> Signatures:
    """Return what tells the files of a pair from changed ones; of one that is gone, nothing."""
    found = {}
    for name in pair.files:
        try:
            found[name] = signature(root / name)
        except OSError:
            continue
    return found


def _kept(store: Store, slot: int) -> tuple[Arrays | None, Record] | None:
    """Return what a store has of a slot; None where another run of the same job has deleted it."""
    try:
        record = store.record(slot)
        return (None if "rejected" in record else store.read(slot, record)), record
    except DamageError:
        return None


def _with_mark(record: Record, mark: Verdict | None) -> Record:
    record = {name: value for name, value in record.items() if name != "mark"}
    return record if mark is None else record | {"mark": mark}


def _prepare_entry(entry: Entry, job: ShardJob, files: Signatures) -> tuple[Arrays | None, Record]:
    """Make a sample or a reject of an entry, and note in `files` what its files were like."""
    if entry.pair is None:
        reject = entry.reject or Reject(source="?", reason="no input")
        return None, rejection(reject.source, reject.reason, duplicate=reject.duplicate)
    pair = entry.pair
    if entry.mark == "reject":
        return attempt(pair.image, lambda: (None, _marked(job.root, pair)))
    before = signatures(job.root, pair)
    made = attempt(pair.image, lambda: _prepare_pair(entry, pair, job))
    if made[0] is not None and signatures(job.root, pair) != before:
        return None, rejection(pair.image, "changed while it was read: run the command again")
    # What may not be read looks the same once it may: it is tried again, as of it nothing is known.
    files |= {name: each for name, each in before.items() if _is_readable(job.root / name)}
    return made


def _is_readable(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return False
    return True


def _marked(root: Path, pair: Pair) -> Record:
    return rejection(pair.image, "marked to be rejected") | hashes_of(root, pair)


def _prepare_pair(entry: Entry, pair: Pair, job: ShardJob) -> tuple[Arrays | None, Record]:
    raw = read_pair(job.root, pair, max_pixels=job.run.max_pixels)
    # Somebody has looked at what is marked: no figure knows better.
    config = replace(job.run.sample, reject_below=0) if entry.mark else job.run.sample
    try:
        sample = prepare(raw, config, generator(job.run.seed, "trimap", pair.id))
    except QualityError as error:  # somebody may look at it, and mark it to be kept
        return None, rejection(pair.image, str(error)) | hashes_of(job.root, pair)
    record: Record = {
        "id": pair.id,
        "source": pair.image,
        "pixels": hashlib.sha256(raw.image.tobytes()).hexdigest(),
        "annotations": annotation_files(pair),
        "group": pair.group,
        "split": entry.split,
        "size": sample.image.shape[:2],
        "photo_size": raw.image.shape[:2],
        "steps": sample.steps,
        "quality": sample.quality,
        **hashes_of(job.root, pair),
    }
    arrays = {name: getattr(sample, name) for name in ("image", "alpha", "trimap", "foreground")}
    return arrays, record
