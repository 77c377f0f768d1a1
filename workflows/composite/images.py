"""The images of composites that are not lazy: made from their recipes, shard by shard."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from shm.datasets.composites.store import CompositeStore, open_composites
from shm.datasets.group import made_as, require_made_as
from shm.datasets.storage.location import Location, absolute
from shm.pipeline.resize import fastest_enlarge
from shm.workflows.composite.sources import CompositeError
from shm.workflows.engine import Cluster
from shm.workflows.ledger import Ledger
from shm.workflows.limits import Need, need_of
from shm.workflows.shards import ShardReport, make_missing_shards, missing_slots, tell_shard

if TYPE_CHECKING:
    from shm.datasets.record import Record
    from shm.datasets.store import Arrays

PHOTO_BYTES = 256 * 2**20
"""How much of the backgrounds a worker keeps decoded."""


SECONDS = 0.03
"""Time of one core for a composite, by the megapixels of the canvas: 0.015 to 0.02 of 24 portraits
on a fast core."""

WORKER_MEMORY, WORKER_MEMORY_PER_PIXEL = 300e6 + PHOTO_BYTES, 500.0
"""Bytes of one worker, of itself and by the pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class ImageJob:
    """One shard of images, whole; `identity` tells the store from another that stood there."""

    store: Location
    made_as: str
    shard: int
    identity: str


def need_of_images(slots: int, canvas: int, store: CompositeStore | None) -> Need:
    """Return what images of so many composites take, besides those that a store has already."""
    if store is not None and store.images is not None:
        slots = len(missing_slots(store.images))
    megapixels = canvas**2 / 1e6
    return need_of(
        slots,
        canvas,
        what="composites",
        seconds=megapixels * SECONDS,
        worker_memory=WORKER_MEMORY + megapixels * 1e6 * WORKER_MEMORY_PER_PIXEL,
    )


def make_images(store: CompositeStore, cluster: Cluster, ledger: Ledger) -> None:
    """Make the images of a store that is not lazy, shard by shard."""
    if store.images is not None:
        path, same, identity = absolute(store.path), made_as(store.attributes), store.identity()
        make_missing_shards(
            store.images,
            lambda shard: ImageJob(store=path, made_as=same, shard=shard, identity=identity),
            image_shard,
            cluster,
            ledger,
            what="composite",
            unit="composite",
        )


def image_shard(job: ImageJob) -> ShardReport:
    """Make and write one shard of images."""
    store = _opened(job.store, job.identity)
    if store.images is None:
        raise CompositeError(f"{job.store} is lazy: it has no images to make")
    slots = store.images.slots_of(job.shard)
    samples: list[Arrays | None] = []
    records: list[Record] = []
    for name, stored in store.make_images(slots):
        samples.append(stored)
        records.append({"id": name})
        tell_shard(job.shard, len(samples), 0)
    store.images.write_shard(
        job.shard,
        samples,
        records,
        allowed=partial(require_made_as, job.store, job.made_as),
    )
    return ShardReport(shard=job.shard, accepted=len(slots), rejected=0)


@lru_cache(maxsize=1)
def _opened(path: Location, identity: str) -> CompositeStore:  # noqa: ARG001 - a key of the cache
    """Return the store, open: a worker keeps the people's records and the last photos."""
    return open_composites(
        path, writable=True, incomplete=True, by=fastest_enlarge(), photo_bytes=PHOTO_BYTES
    )
