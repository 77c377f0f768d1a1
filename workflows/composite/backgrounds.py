"""The backgrounds of composites: read, and kept shard by shard."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from shm.datasets.backgrounds.background import Background
from shm.datasets.backgrounds.keep import keep
from shm.datasets.composites.store import CompositeStore
from shm.datasets.group import made_as, require_made_as
from shm.datasets.record import Record
from shm.datasets.storage.location import Location, absolute
from shm.datasets.store import Arrays, Store, open_store
from shm.workflows.composite.sources import CompositeRun, Sources
from shm.workflows.engine import Cluster
from shm.workflows.ledger import Ledger
from shm.workflows.outcome import attempt
from shm.workflows.shards import ShardReport, make_missing_shards, tell_shard

LETTERS, CLASSES = 80, 20
"""What is kept of what annotations say: a record has room for no more."""


@dataclass(frozen=True, kw_only=True)
class BackgroundJob:
    """One shard of backgrounds, whole: each with its split."""

    store: Location
    made_as: str
    shard: int
    backgrounds: tuple[tuple[Background, str], ...]
    cover: int | None
    largest: int
    max_pixels: int
    decoded: bool


def keep_backgrounds(
    store: CompositeStore,
    sources: Sources,
    run: CompositeRun,
    largest: int,
    cluster: Cluster,
    ledger: Ledger,
) -> None:
    """Read the backgrounds and keep them, shard by shard."""
    path, same = absolute(store.path), made_as(store.attributes)
    cover = cover_of(run, sources.people)

    def job_of(shard: int) -> BackgroundJob:
        some = (sources.backgrounds[slot] for slot in store.backgrounds.slots_of(shard))
        return BackgroundJob(
            store=path,
            made_as=same,
            shard=shard,
            backgrounds=tuple((background, sources.splits[background.id]) for background in some),
            cover=cover,
            largest=largest,
            max_pixels=run.max_pixels,
            decoded=run.decoded,
        )

    make_missing_shards(
        store.backgrounds,
        job_of,
        background_shard,
        cluster,
        ledger,
        what="backgrounds",
        unit="photo",
    )


def cover_of(run: CompositeRun, people: Store) -> int | None:
    """Return how many pixels the shorter side of a background needs at most; None: all it has."""
    return None if run.protocol == "composition-1k" else people.canvas


def background_shard(job: BackgroundJob) -> ShardReport:
    """Read and write one shard of backgrounds."""
    made: list[tuple[Arrays | None, Record]] = []
    rejected = 0
    for background, split in job.backgrounds:
        made.append(attempt(background.source, partial(_keep, background, split, job)))
        rejected += made[-1][0] is None
        tell_shard(job.shard, len(made), rejected)
    store = open_store(job.store / "backgrounds", writable=True, incomplete=True)
    store.write_shard(
        job.shard,
        [arrays for arrays, _ in made],
        [record for _, record in made],
        allowed=partial(require_made_as, job.store, job.made_as),
    )
    return ShardReport(shard=job.shard, accepted=len(made) - rejected, rejected=rejected)


def _keep(background: Background, split: str, job: BackgroundJob) -> tuple[Arrays, Record]:
    kept = keep(
        background,
        job.cover,
        max_pixels=job.max_pixels,
        largest=job.largest,
        decoded=job.decoded,
    )
    record: Record = {
        "id": background.id,
        "source": background.source,
        "sha256": kept.sha256,
        "pixels": kept.pixels,
        "split": split,
        "size": kept.size,
        "bytes": len(kept.content),
        "encoding": kept.encoding,
        "licence": background.licence and background.licence[:LETTERS],
        "person": background.person,
        "classes": [name[:LETTERS] for name in background.classes[:CLASSES]],
    }
    return {"file": np.frombuffer(kept.content, np.uint8)}, record
