"""Recipes in, pixels out: a lazy store of composites made into one that has its images."""

from pathlib import Path

from shm.datasets.composites.store import create_composites, open_composites
from shm.workflows.composite import copy_shards, make_images
from shm.workflows.engine import ClusterConfig, SharedCluster
from shm.workflows.outcome import Outcome
from shm.workflows.resume import open_for_writing
from shm.workflows.sources import CompositeError

CARRIED = ("config", "people", "inputs", "software", "left_out")
"""What a lazy store says of itself and its copy says, too."""


def materialise(
    lazy: Path, target: Path, cluster: ClusterConfig, *, overwrite: bool = False
) -> Outcome:
    """Write the composites of a lazy store with their images; run again, it carries on.

    The result is, byte for byte, what the lazy store's command makes without ``--lazy``.

    Raises
    ------
    ShmError
        The store is damaged, has its images already, or the target was made otherwise.
    """
    if lazy.resolve() == target.resolve():
        raise CompositeError(f"{lazy} can't be its own copy: name another store")
    if target.resolve().is_relative_to(lazy.resolve()):
        raise CompositeError(f"{target} lies in {lazy}: name a store that stands by itself")
    source = open_composites(lazy)
    if source.form != "lazy":
        raise CompositeError(f"{lazy} has its images already")
    layout = {"form": "materialised", "slots": source.slots, "canvas": source.canvas}
    attributes = {name: source.attributes[name] for name in CARRIED}
    store = open_for_writing(
        target,
        {"kind": "composited"} | layout | attributes,
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
        overwrite=overwrite,
    )
    if not store.attributes["complete"]:
        copy_shards(source.foregrounds, store.foregrounds, "people")
        copy_shards(source.backgrounds, store.backgrounds, "backgrounds")
        if store.attributes["recipes"] is None:
            store.copy_recipes(source)
        with SharedCluster(cluster) as shared:
            make_images(store, shared)
        store.mark(complete=True)
    return Outcome(store=target, accepted=store.slots, rejected=())
