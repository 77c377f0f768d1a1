"""Prepared people and photos without people in, a store of composites out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from shm.datasets.backgrounds.choose import distinct_pictures
from shm.datasets.backgrounds.keep import LARGEST, most_pixel_bytes
from shm.datasets.composites.create import create_composites
from shm.datasets.composites.planning import plan_recipes, require_company
from shm.datasets.composites.protocols import plan_lists
from shm.datasets.composites.recipe import Recipe
from shm.datasets.composites.store import CompositeStore, Form, open_composites
from shm.datasets.record import Record
from shm.datasets.storage.location import Location, absolute
from shm.datasets.store import Store
from shm.pipeline.placement import Extent, extent_of
from shm.pipeline.ranges import range_words
from shm.workflows.composite.backgrounds import cover_of, keep_backgrounds
from shm.workflows.composite.images import make_images, need_of_images
from shm.workflows.composite.sources import CompositeError, CompositeRun, Sources, gather, reasons
from shm.workflows.differences import Spelling
from shm.workflows.engine import ClusterConfig, SharedCluster
from shm.workflows.limits import require_room
from shm.workflows.outcome import Outcome, reject_of
from shm.workflows.progress import progress, watched
from shm.workflows.resume import Making, open_for_writing
from shm.workflows.software import software_versions

SPELLINGS: Mapping[str, Spelling] = {
    "form": lambda form: "--lazy" if form == "lazy" else "no --lazy",
    "config.recipe.per_foreground": "--per-foreground {}".format,
    "config.recipe.people_per_composite": "--people-per-composite {}".format,
    "config.recipe.placement": lambda moves: f"--placement {','.join(moves) or 'keep'}",
    "config.recipe.match_colours": lambda drawn: f"--match-colours {range_words(drawn)}",
    "config.recipe.blur": lambda drawn: f"--blur {range_words(drawn)}",
    "config.recipe.noise": lambda drawn: f"--noise {range_words(drawn)}",
    "config.recipe.jpeg": lambda drawn: f"--jpeg {range_words(drawn)}",
    "config.recipe.linear": lambda linear: "--linear" if linear else "no --linear",
    "config.protocol": lambda name: f"--protocol {name}" if name else "no --protocol",
    "config.people": "--people {}".format,
    "config.unlabelled": "--unlabelled {}".format,
    "config.max_pixels": lambda pixels: f"--max-megapixels {pixels // 1_000_000}",
    "config.seed": "--seed {}".format,
    "config.decoded": lambda decoded: (
        "--decode-backgrounds" if decoded else "no --decode-backgrounds"
    ),
}
"""How what decides a store's bytes is said on the command line."""


def composite_store(
    people: Location,
    target: Location,
    backgrounds: Sequence[Path],
    run: CompositeRun,
    cluster: ClusterConfig,
    *,
    form: Form = "materialised",
    lists: Path | None = None,
    overwrite: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Paste every prepared person on backgrounds of the same split; run again, it carries on.

    Parameters
    ----------
    lists : Path, optional
        The folder of the protocol's lists, for composition-1k.
    note : callable, optional
        Told what the work will take of disk, memory and time, where that is much.

    Raises
    ------
    ShmError
        A folder of backgrounds is missing, no background may be used, `people` is no prepared
        store, or the target was made with other options.
    """
    sources = gather(people, target, backgrounds, run, lists)
    largest = longest_file(sources, run)
    counts = sources.counts(run)
    if sources.left_out:
        used, why = len(sources.backgrounds), reasons(sources.left_out)
        note(f"{used} backgrounds, {len(sources.left_out)} more left out ({why})")
    require_company(sources.records, run.recipe)
    slots, canvas = sum(counts.values()), sources.people.canvas
    making = replace(
        _making(sources, run, form, slots, largest),
        check=lambda store: require_room(
            need_of_images(slots if form == "materialised" else 0, canvas, store),
            target,
            None if cluster.scheduler else cluster.workers,
            note,
        ),
    )
    identity = making.wanted["people"]["identity"]
    with open_for_writing(target, making, overwrite=overwrite) as (store, ledger):
        if not store.attributes["complete"]:
            with SharedCluster(cluster) as shared:
                copy_shards(sources.people, store.foregrounds, "people")
                require_unchanged(sources.people, identity)
                keep_backgrounds(store, sources, run, largest, shared, ledger)
                if store.attributes["recipes"] is None:
                    plan(store, sources, run, counts)
                make_images(store, shared, ledger)
            store.mark(complete=True)
            ledger.add(
                "end",
                accepted=store.slots,
                rejected=sum(1 for _ in store.backgrounds.rejected()),
                left_out=len(store.attributes["left_out"]),
            )
        rejected = tuple(map(reject_of, store.backgrounds.rejected()))
    return Outcome(store=target, accepted=store.slots, rejected=rejected)


def longest_file(sources: Sources, run: CompositeRun) -> int:
    """Return how many bytes a background may take in the store."""
    if run.decoded:
        cover = cover_of(run, sources.people)
        return most_pixel_bytes(sources.backgrounds, cover, max_pixels=run.max_pixels)
    if run.protocol == "composition-1k":  # every pixel counts: no file is encoded again
        return max(each.path.stat().st_size for each in sources.backgrounds)
    return LARGEST


def _making(
    sources: Sources, run: CompositeRun, form: Form, slots: int, largest: int
) -> Making[CompositeStore]:
    layout: dict[str, Any] = {"form": form, "slots": slots, "canvas": sources.people.canvas}
    people = sources.people
    attributes = {
        "config": asdict(run),
        "people": {"name": absolute(people.path).name, "identity": people.identity()},
        "inputs": sources.digest(),
        "software": software_versions(),
    }
    notes = {"left_out": [asdict(reject) for reject in sources.left_out]}
    return Making(
        command="shm-data composite",
        wanted={"kind": "composited"} | layout | attributes,
        create=lambda path: create_composites(
            path,
            form=form,
            slots=slots,
            people=people,
            backgrounds=len(sources.backgrounds),
            longest_file=largest,
            attributes=attributes | notes,
        ),
        reopen=lambda path: open_composites(path, writable=True, incomplete=True),
        spellings=SPELLINGS,
        explain=sources.explain,
    )


def require_unchanged(source: Store, identity: str) -> None:
    """Raise `CompositeError` where a store was written to while it was copied."""
    if source.identity() != identity:
        raise CompositeError(
            f"{source.path} changed while it was copied: run the command again with --overwrite"
        )


def copy_shards(source: Store, target: Store, what: str) -> None:
    """Copy the shards that the target lacks as they stand; `what` names them to people."""
    missing = [shard for shard in range(target.shards) if not target.is_whole(shard)]
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
    # Last: with the recipes, all of this is done.
    store.write_recipes(watched("plan", "composite", recipes, store.slots))


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
