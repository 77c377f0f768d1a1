"""The recipes of a store at rest: a table of numbers, a row a composite."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from shm.datasets.composites.recipe import COLUMNS, NOBODY
from shm.datasets.damage import Damage, DamageError, repair_of
from shm.datasets.group import is_coded, open_array
from shm.datasets.sharding import Layout, ShardedArray, ShardError
from shm.datasets.storage.location import Location
from shm.datasets.storage.storage import Storage

NAME = "recipe"

BLOCKS_KEPT = 1024
"""Runs of `RECIPE_ROWS` recipes that are kept: 6 kB each."""

RECIPE_ROWS, RECIPE_SHARD = 64, 65_536
"""Recipes that are one inner chunk, and one shard."""

LAYOUT = Layout(
    slots=RECIPE_SHARD // RECIPE_ROWS,
    slot=(RECIPE_ROWS * len(COLUMNS),),
    chunk=(RECIPE_ROWS * len(COLUMNS),),
    dtype="float32",
)
"""How recipes lie in their shards: a slot is `RECIPE_ROWS` of them."""

MOST = 2**24
"""Whole numbers up to this are exact in float32."""

_BOUNDS = {
    **dict.fromkeys(("foreground", "background", "number"), (0, MOST)),
    "second": (NOBODY, MOST),
    **dict.fromkeys(("background_height", "background_width"), (1, MOST)),
    **dict.fromkeys(("background_top", "background_left"), (0, MOST)),
    **dict.fromkeys(("background_flip", "flip", "second_flip"), (0, 1)),
    **dict.fromkeys(("scale", "second_scale"), (0.1, 10)),
    "match": (0, 1),
    "blur": (0, 20),
    "noise": (0, 50),
    "jpeg": (0, 100),
}
"""Least and most of a column, where it has other bounds than `MOST`: beyond them, some numbers make
no composite, and others one that takes hours or fills the memory."""

Rows = NDArray[np.float32]
"""Recipes, (N, columns)."""


def create_table(group: zarr.Group, slots: int) -> None:
    """Write the metadata of so many recipes."""
    group.create_array(
        NAME,
        shape=(slots, len(COLUMNS)),
        chunks=(RECIPE_ROWS, len(COLUMNS)),
        shards=(RECIPE_SHARD, len(COLUMNS)),
        dtype=LAYOUT.dtype,
        compressors=LAYOUT.codecs,
        fill_value=0,
    )


class RecipeTable:
    """The recipes of a store, read and written row by row.

    Parameters
    ----------
    group : zarr.Group
        Of the store.
    storage : Storage
        Of the store.
    path : Path or URL
        The store, to name to who has to mend it.
    slots : int
        How many recipes.
    limits : mapping
        By the name of a column, how many slots its numbers choose from.
    """

    def __init__(
        self,
        group: zarr.Group,
        storage: Storage,
        *,
        path: Location,
        slots: int,
        limits: Mapping[str, int],
    ) -> None:
        self._group, self._storage, self._path = group, storage, path
        self._slots = slots
        bounds = [_BOUNDS.get(name, (-MOST, MOST)) for name in COLUMNS]
        self._low, self._high = np.array(bounds, np.float32).T
        for name, limit in limits.items():
            self._high[COLUMNS.index(name)] = limit - 1
        self._array = ShardedArray(storage, NAME, LAYOUT)
        self._block = lru_cache(BLOCKS_KEPT)(self._read_block)

    def is_consistent(self) -> bool:
        """Return whether the array is as large, and lies in its shards, as it is read."""
        array: zarr.Array[Any] = open_array(self._group, NAME, self._path)
        columns = len(COLUMNS)
        layout = (array.shape, array.chunks, array.shards)
        expected = ((self._slots, columns), (RECIPE_ROWS, columns), (RECIPE_SHARD, columns))
        return layout == expected and is_coded(array, LAYOUT)

    def parts(self) -> Iterator[slice]:
        """Yield the rows of each shard."""
        for start in range(0, self._slots, RECIPE_SHARD):
            yield slice(start, min(self._slots, start + RECIPE_SHARD))

    def write(self, part: slice, rows: Rows) -> None:
        """Write the rows of one of `parts`."""
        shard = part.start // RECIPE_SHARD
        blocks = [rows[at : at + RECIPE_ROWS].ravel() for at in range(0, len(rows), RECIPE_ROWS)]
        self._storage.write(self._array.key(shard), self._array.encode(blocks))
        self._array.forget(shard)
        self._block.cache_clear()

    def rows(self, part: slice) -> Rows:
        """Return some rows.

        Raises
        ------
        DamageError
            They are missing or damaged, or ask for what there is none of, or what is never planned.
        """
        first, last = part.start // RECIPE_ROWS, -(-part.stop // RECIPE_ROWS)
        shard, skipped = divmod(part.start, RECIPE_SHARD)
        whole = not skipped and part.stop == min(self._slots, part.start + RECIPE_SHARD)
        try:
            if whole:
                blocks = self._array.read_shard(shard)
            else:
                blocks = np.stack([self._block(block) for block in range(first, last)])
        except ShardError as error:
            raise self._damage(error.what.replace("is", "are", 1)) from error
        rows: Rows = blocks.reshape(-1, len(COLUMNS))
        rows = rows[part.start - first * RECIPE_ROWS : part.stop - first * RECIPE_ROWS]
        if not ((rows >= self._low) & (rows <= self._high)).all():  # nor is a NaN
            raise self._damage("are damaged")
        return rows

    def columns(self, *names: str) -> tuple[NDArray[np.int64], ...]:
        """Return some whole numbers of each recipe, (slots,) each."""
        places = [COLUMNS.index(name) for name in names]
        parts = [self.rows(part)[:, places].astype(np.int64) for part in self.parts()]
        return tuple(np.concatenate([np.empty((0, len(places)), np.int64), *parts]).T)

    def damages(self, written: str) -> Iterator[Damage]:
        """Check all rows against the SHA-256 of what was written."""
        content = hashlib.sha256()
        for shard, part in enumerate(self.parts()):
            try:
                content.update(self.rows(part).tobytes())
            except DamageError:
                yield Damage(shard, NAME, "is missing or damaged", ())
                return
        if content.hexdigest() != written:
            yield Damage(0, NAME, "is not what was written", ())

    def _read_block(self, block: int) -> Rows:
        return self._array.read(block, ())

    def _damage(self, what: str) -> DamageError:
        return DamageError(f"{self._path}: recipes {what}; {repair_of(self._path)}")
