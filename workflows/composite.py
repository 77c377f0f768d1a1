"""Prepared people and photos without people in, a store of composites out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache, partial
from pathlib import Path

import numpy as np

from shm.datasets.backgrounds.background import Background
from shm.datasets.backgrounds.choose import distinct_pictures
from shm.datasets.backgrounds.keep import LARGEST, keep, most_pixel_bytes
from shm.datasets.composites.planning import plan_recipes, require_company
from shm.datasets.composites.protocols import plan_lists
from shm.datasets.composites.recipe import Recipe
from shm.datasets.composites.store import CompositeStore, Form, create_composites, open_composites
from shm.datasets.record import Record
from shm.datasets.storage.location import Location
from shm.datasets.store import Arrays, Store, open_store
from shm.pipeline.placement import Extent, extent_of
from shm.pipeline.resize import fastest_enlarge
from shm.workflows.engine import Cluster, ClusterConfig, SharedCluster
from shm.workflows.outcome import Outcome, attempt, reject_of
from shm.workflows.progress import progress
from shm.workflows.resume import open_for_writing
from shm.workflows.shards import make_missing_shards
from shm.workflows.software import software_versions
from shm.workflows.sources import CompositeError, CompositeRun, Sources, gather

PHOTO_BYTES = 256 * 2**20
"""How much of the backgrounds a worker keeps decoded."""

LETTERS, CLASSES = 80, 20
"""What is kept of what annotations say: a record has room for no more."""


@dataclass(frozen=True, kw_only=True)
class BackgroundJob:
    """One shard of backgrounds, whole: each with its split."""

    store: Location
    shard: int
    backgrounds: tuple[tuple[Background, str], ...]
    cover: int | None
    largest: int
    max_pixels: int
    decoded: bool


@dataclass(frozen=True, kw_only=True)
class ImageJob:
    """One shard of images, whole; `made_as` tells the store from another that stood there."""

    store: Location
    shard: int
    made_as: str


def composite_store(
    people: Path,
    target: Path,
    backgrounds: Sequence[Path],
    run: CompositeRun,
    cluster: ClusterConfig,
    *,
    form: Form = "materialised",
    lists: Path | None = None,
    overwrite: bool = False,
) -> Outcome:
    """Paste every prepared person on backgrounds of the same split; run again, it carries on.

    Parameters
    ----------
    lists : Path, optional
        The folder of the protocol's lists, for composition-1k.

    Raises
    ------
    ShmError
        A folder of backgrounds is missing, no background may be used, `people` is no prepared
        store, or the target was made with other options.
    """
    sources = gather(people, target, backgrounds, run, lists)
    largest = LARGEST
    if run.decoded:
        cover = cover_of(run, sources.people)
        largest = most_pixel_bytes(sources.backgrounds, cover, max_pixels=run.max_pixels)
    elif run.protocol == "composition-1k":  # every pixel counts: no file is encoded again
        largest = max(each.path.stat().st_size for each in sources.backgrounds)
    counts = sources.counts(run)
    require_company(sources.records, run.recipe)
    slots = sum(counts.values())
    layout = {"form": form, "slots": slots, "canvas": sources.people.canvas}
    attributes = {
        "config": asdict(run),
        "people": {"name": people.resolve().name, "identity": sources.people.identity()},
        "inputs": sources.digest(),
        "software": software_versions(),
    }
    notes = {"left_out": [asdict(reject) for reject in sources.left_out]}
    store = open_for_writing(
        target,
        {"kind": "composited"} | layout | attributes,
        create=lambda path: create_composites(
            path,
            form=form,
            slots=slots,
            people=sources.people,
            backgrounds=len(sources.backgrounds),
            longest_file=largest,
            attributes=attributes | notes,
        ),
        reopen=lambda path: open_composites(path, writable=True, incomplete=True),
        overwrite=overwrite,
    )
    if not store.attributes["complete"]:
        with SharedCluster(cluster) as shared:
            copy_shards(sources.people, store.foregrounds, "people")
            _keep_backgrounds(store, sources, run, largest, shared)
            if store.attributes["recipes"] is None:
                plan(store, sources, run, counts)
            make_images(store, shared)
        store.mark(complete=True)
    rejected = tuple(map(reject_of, store.backgrounds.rejected()))
    return Outcome(store=target, accepted=store.slots, rejected=rejected)


def cover_of(run: CompositeRun, people: Store) -> int | None:
    """Return how many pixels the shorter side of a background needs at most; None: all it has."""
    return None if run.protocol == "composition-1k" else people.canvas


def copy_shards(source: Store, target: Store, what: str) -> None:
    """Copy the shards that the target lacks as they stand; `what` names them to people."""
    missing = [shard for shard in range(target.shards) if not target.has_shard(shard)]
    if missing:
        with progress(what, target.shards, "shard", done=target.shards - len(missing)) as bar:
            for shard in missing:
                target.write_shard_bytes(shard, source.shard_bytes(shard, list(target.fields)))
                bar.advance()
    if not target.attributes["complete"]:
        target.mark(complete=True)


def plan(
    store: CompositeStore, sources: Sources, run: CompositeRun, counts: Mapping[int, int]
) -> None:
    """Write a recipe for each composite, of the backgrounds that could be read."""
    left_out = list(sources.left_out)
    if run.protocol == "composition-1k":
        broken = list(map(reject_of, store.backgrounds.rejected()))
        if broken:
            raise CompositeError(
                f"{broken[0]['source']}: {broken[0]['reason']}; the protocol needs all of its "
                f"{store.backgrounds.slots} backgrounds, {len(broken)} can't be read"
            )
        recipes = plan_lists(sources.pastings, store.people(), store.scenes())
    else:
        scenes, repeated = distinct_pictures(store.scenes(), store.people())
        left_out += repeated
        recipes = _recipes(store, scenes, run, counts)
    unread = map(reject_of, store.backgrounds.rejected())
    store.mark(left_out=[*map(asdict, left_out), *unread])
    store.write_recipes(recipes)  # last: with it, all of this is done


def make_images(store: CompositeStore, cluster: Cluster) -> None:
    """Make the images of a store that is not lazy, shard by shard."""
    if store.images is not None:
        path, made_as = store.path.resolve(), store.identity()
        make_missing_shards(
            store.images,
            lambda shard: ImageJob(store=path, shard=shard, made_as=made_as),
            image_shard,
            cluster,
            what="composite",
            unit="composite",
        )


def background_shard(job: BackgroundJob) -> tuple[int, int]:
    """Read and write one shard of backgrounds; returns (accepted, rejected)."""
    made = [
        attempt(background.source, partial(_keep, background, split, job))
        for background, split in job.backgrounds
    ]
    store = open_store(job.store, writable=True, incomplete=True)
    store.write_shard(job.shard, [arrays for arrays, _ in made], [record for _, record in made])
    rejected = sum(arrays is None for arrays, _ in made)
    return len(made) - rejected, rejected


def image_shard(job: ImageJob) -> tuple[int, int]:
    """Make and write one shard of images; returns (accepted, rejected)."""
    store = _opened(job.store, job.made_as)
    if store.images is None:
        raise CompositeError(f"{job.store} is lazy: it has no images to make")
    slots = store.images.slots_of(job.shard)
    made = list(store.make_images(slots))
    samples: list[Arrays | None] = [stored for _, stored in made]
    store.images.write_shard(job.shard, samples, [{"id": name} for name, _ in made])
    return len(slots), 0


@lru_cache(maxsize=1)
def _opened(path: Path, made_as: str) -> CompositeStore:  # noqa: ARG001 - a key of the cache
    """Return the store, open: a worker keeps the people's records and the last photos."""
    return open_composites(
        path, writable=True, incomplete=True, by=fastest_enlarge(), photo_bytes=PHOTO_BYTES
    )


def _keep_backgrounds(
    store: CompositeStore, sources: Sources, run: CompositeRun, largest: int, cluster: Cluster
) -> None:
    """Read the backgrounds and keep them, shard by shard."""
    path = store.path.resolve() / "backgrounds"
    cover = cover_of(run, sources.people)

    def job_of(shard: int) -> BackgroundJob:
        some = (sources.backgrounds[slot] for slot in store.backgrounds.slots_of(shard))
        return BackgroundJob(
            store=path,
            shard=shard,
            backgrounds=tuple((background, sources.splits[background.id]) for background in some),
            cover=cover,
            largest=largest,
            max_pixels=run.max_pixels,
            decoded=run.decoded,
        )

    make_missing_shards(
        store.backgrounds, job_of, background_shard, cluster, what="backgrounds", unit="photo"
    )


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
        "classes": [name[:LETTERS] for name in background.classes[:CLASSES]],
    }
    return {"file": np.frombuffer(kept.content, np.uint8)}, record


def _recipes(
    store: CompositeStore,
    scenes: Mapping[int, Record],
    run: CompositeRun,
    counts: Mapping[int, int],
) -> Iterator[Recipe]:
    people = store.people()

    @cache  # asked for once a composite, and an extent is a few numbers
    def extent(slot: int) -> Extent:
        return extent_of(store.foregrounds.read(slot, people[slot], ["alpha"])["alpha"])

    return plan_recipes(
        people,
        scenes,
        run.recipe,
        run.seed,
        counts=counts,
        unique=run.protocol == "shm",
        extent=extent,
    )
