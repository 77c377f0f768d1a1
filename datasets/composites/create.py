"""Writes the metadata of an empty store of composites."""

from collections.abc import Mapping
from typing import Any

import zarr

from shm.datasets.composites.recipe import COLUMNS
from shm.datasets.composites.store import CompositeStore, Form
from shm.datasets.composites.table import create_table
from shm.datasets.group import FORMAT
from shm.datasets.storage.location import Location
from shm.datasets.store import Store, create_store


def create_composites(
    path: Location,
    *,
    form: Form,
    slots: int,
    people: Store,
    backgrounds: int,
    longest_file: int,
    attributes: Mapping[str, Any],
) -> CompositeStore:
    """Write the metadata of an empty store of composites.

    Parameters
    ----------
    slots : int
        How many composites.
    people : Store
        The prepared people, whose slots are those of the foregrounds here.
    backgrounds : int
        How many.
    longest_file : int
        Bytes that a background's file may have.
    attributes : mapping
        What the store says of itself besides its layout, as JSON.
    """
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    create_store(
        path / "foregrounds",
        kind="foregrounds",
        slots=people.slots,
        canvas=people.canvas,
        shard=people.shard,
        attributes={},
    )
    create_store(
        path / "backgrounds",
        kind="backgrounds",
        slots=backgrounds,
        canvas=longest_file,
        attributes={},
    )
    if form == "materialised":
        create_store(
            path / "images", kind="images", slots=slots, canvas=people.canvas, attributes={}
        )
    create_table(group, slots)
    layout: dict[str, Any] = {"format": FORMAT, "kind": "composited", "slots": slots}
    layout |= {"canvas": people.canvas, "form": form, "columns": list(COLUMNS)}
    group.attrs["shm"] = layout | {"recipes": None, "complete": False} | dict(attributes)
    return CompositeStore(path, group)
