"""Samples of either kind: prepared people, or composites in either form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.datasets.composites.recipe import Recipe
from shm.datasets.composites.store import CompositeStore, open_composites
from shm.datasets.damage import StoreError
from shm.datasets.group import Access, open_group
from shm.datasets.record import Record
from shm.datasets.storage.location import Location
from shm.datasets.store import Arrays, Store, open_store
from shm.pipeline.composite import Uncut
from shm.pipeline.enlarge import Window
from shm.pipeline.values import Size

Samples: TypeAlias = Store | CompositeStore
"""What has samples: to list with `samples` and `slots_in`, to look up with `record`, to `read`."""

PARTS = ("foregrounds", "backgrounds", "images")
"""Kinds of stores that stand in one of composites, and say too little of themselves."""


def open_samples(
    path: Location,
    *,
    writable: bool = False,
    incomplete: bool = False,
    access: Access | None = None,
) -> Samples:
    """Open a store of people or of composites, or say in one line why it can't be.

    Raises
    ------
    StoreError
        There is none, it is of another format, or (unless `incomplete`) not finished.
    """
    _, layout = open_group(path)
    if layout.get("kind") == "composited":
        return open_composites(path, writable=writable, incomplete=incomplete, access=access)
    if layout.get("kind") in PARTS:
        raise StoreError(f"{path} is a part of the composites of {path.parent}: name these")
    return open_store(path, writable=writable, incomplete=incomplete, access=access)


def slots_of_split(store: Samples, split: str) -> NDArray[np.integer]:
    """Return the slots of a split's samples; raises `StoreError` where there are none."""
    slots = store.slots_in(split)
    if not len(slots):
        raise StoreError(
            f"{store.path}: the split {split!r} has no samples: `shm-data prepare --split` gives "
            "people to it"
        )
    # There may be millions.
    return slots.astype(np.uint32) if store.slots < 2**32 else slots


class Sample(Protocol):
    """One sample of either kind of store, of which a part can be read."""

    @property
    def id(self) -> str:
        """Return its id."""

    @property
    def size(self) -> Size:
        """Return its (height, width)."""

    @property
    def fields(self) -> Sequence[str]:
        """Return the names of its arrays."""

    def read(self, names: Sequence[str], window: Window | None = None) -> Arrays:
        """Read some arrays, whole or in a window; returns and raises as `Store.read`."""

    def draw_unknown(self, random: np.random.Generator) -> tuple[int, int] | None:
        """Draw an unknown pixel, (row, column); None where there is none."""

    def uncut(self, window: Window) -> Uncut | None:
        """Return what a window of the background is interpolated from; None: read it instead."""


def open_sample(store: Samples, slot: int) -> Sample:
    """Look up a sample; raises `DamageError` where what is known of it can't be read."""
    if isinstance(store, CompositeStore):
        return _Composite(store=store, slot=slot, recipe=store.recipe(slot))
    return _Person(store=store, slot=slot, record=store.record(slot))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Person:
    """A prepared person."""

    store: Store
    slot: int
    record: Record

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def size(self) -> Size:
        height, width = self.record["size"]
        return height, width

    @property
    def fields(self) -> Sequence[str]:
        return self.store.pictures

    def read(self, names: Sequence[str], window: Window | None = None) -> Arrays:
        return self.store.read(self.slot, self.record, names, window)

    def draw_unknown(self, random: np.random.Generator) -> tuple[int, int] | None:
        return self.store.draw_unknown(self.slot, self.record, random)

    def uncut(self, window: Window) -> Uncut | None:  # noqa: ARG002 - its photo is as it was
        return None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Composite:
    """A composite, of a store of either form."""

    store: CompositeStore
    slot: int
    recipe: Recipe

    @property
    def id(self) -> str:
        return self.store.id_of(self.recipe)

    @property
    def size(self) -> Size:
        return self.store.size_of(self.recipe)

    @property
    def fields(self) -> Sequence[str]:
        return self.store.fields

    def read(self, names: Sequence[str], window: Window | None = None) -> Arrays:
        return self.store.make(self.slot, self.recipe, names, window)

    def draw_unknown(self, random: np.random.Generator) -> tuple[int, int] | None:
        return self.store.draw_unknown(self.recipe, random)

    def uncut(self, window: Window) -> Uncut | None:
        return self.store.uncut(self.recipe, window)
