"""Recipes in, pixels out: a lazy store of composites made into one that has its images."""

from collections.abc import Callable

from shm.datasets.composites.create import create_composites
from shm.datasets.composites.store import open_composites
from shm.datasets.storage.location import Location, is_inside, is_same
from shm.workflows.composite import SPELLINGS, copy_shards, require_unchanged
from shm.workflows.composite.images import make_images, need_of_images
from shm.workflows.composite.sources import CompositeError
from shm.workflows.engine import ClusterConfig, SharedCluster
from shm.workflows.limits import require_room
from shm.workflows.outcome import Outcome
from shm.workflows.resume import Making, open_for_writing

CARRIED = ("config", "people", "inputs", "software", "left_out")
"""What a lazy store says of itself and its copy says, too."""


def materialise(
    lazy: Location,
    target: Location,
    cluster: ClusterConfig,
    *,
    overwrite: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Write the composites of a lazy store with their images; run again, it carries on.

    The result is, byte for byte, what the lazy store's command makes without ``--lazy``.

    Raises
    ------
    ShmError
        The store is damaged, has its images already, or the target was made otherwise.
    """
    if is_same(lazy, target):
        raise CompositeError(f"{lazy} can't be its own copy: name another store")
    if is_inside(target, lazy):
        raise CompositeError(f"{target} lies in {lazy}: name a store that stands by itself")
    source = open_composites(lazy)
    if source.form != "lazy":
        raise CompositeError(f"{lazy} has its images already")
    identities = [(part, part.identity()) for part in (source.foregrounds, source.backgrounds)]
    layout = {"form": "materialised", "slots": source.slots, "canvas": source.canvas}
    attributes = {name: source.attributes[name] for name in CARRIED}
    making = Making(
        command="shm-data materialise",
        wanted={"kind": "composited"} | layout | attributes,
        create=lambda path: create_composites(
            path,
            form="materialised",
            slots=source.slots,
            people=source.foregrounds,
            backgrounds=source.backgrounds.slots,
            longest_file=source.backgrounds.canvas,
            attributes=attributes,
        ),
        reopen=lambda path: open_composites(path, writable=True, incomplete=True),
        spellings=SPELLINGS,
        check=lambda store: require_room(
            need_of_images(source.slots, source.canvas, store),
            target,
            None if cluster.scheduler else cluster.workers,
            note,
        ),
    )
    with open_for_writing(target, making, overwrite=overwrite) as (store, ledger):
        if not store.attributes["complete"]:
            copy_shards(source.foregrounds, store.foregrounds, "people")
            copy_shards(source.backgrounds, store.backgrounds, "backgrounds")
            for part, identity in identities:
                require_unchanged(part, identity)
            if store.attributes["recipes"] is None:
                store.copy_recipes(source)
            with SharedCluster(cluster) as shared:
                make_images(store, shared, ledger)
            store.mark(complete=True)
            ledger.add("end", accepted=store.slots, rejected=0)
    return Outcome(store=target, accepted=store.slots, rejected=())
