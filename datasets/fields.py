"""The arrays of each kind of store, and how each lies in its shards."""

import math
from typing import Literal

import numpy as np

from shm.datasets.record import RECORD_BYTES
from shm.datasets.sharding import Layout
from shm.pipeline.unknown import cells

TARGET_SHARD_BYTES = 64 * 2**20

CHUNK_SIDE = 200
"""Side in pixels of an inner chunk of a picture, about: canvases are divided evenly."""

FILE_CHUNK_BYTES = 2**16
"""Inner chunk of an array of files: reading one costs what it is long, not the longest."""

Kind = Literal["prepared", "foregrounds", "backgrounds", "images"]

FIELDS: dict[Kind, tuple[str, ...]] = {
    "prepared": ("image", "alpha", "trimap", "foreground", "unknown"),
    "foregrounds": ("alpha", "trimap", "foreground", "unknown"),
    "backgrounds": ("file",),
    "images": ("image", "difference"),
}
"""Arrays of a kind of store, in the order in which a shard is written: pictures, ``file`` (a row of
bytes) and ``unknown`` (how many of the trimap's pixels are, cell by cell). ``difference`` is the
background minus the image, modulo 256."""

PLANES = ("alpha", "trimap")
"""Pictures of one channel; all others have three."""

LEVEL = -5
"""Of Zstandard, for pictures: read in half the time of level 3, for a tenth more bytes."""


def pictures(kind: Kind) -> tuple[str, ...]:
    """Return the arrays of a kind of store that hold pictures."""
    return tuple(name for name in FIELDS[kind] if name not in ("unknown", "file"))


def layout_of(name: str, canvas: int, shard: int) -> Layout:
    """Return how an array of a store lies in its shards."""
    if name == "record":
        return Layout(slots=shard, slot=(RECORD_BYTES,), chunk=(RECORD_BYTES,))
    if name == "unknown":
        grid = (cells(canvas), cells(canvas))
        return Layout(slots=shard, slot=grid, chunk=grid)
    if name == "file":
        chunk = min(canvas, FILE_CHUNK_BYTES)
        return Layout(slots=shard, slot=(canvas,), chunk=(chunk,), level=LEVEL)
    side = -(-canvas // max(1, round(canvas / CHUNK_SIDE)))
    rest = () if name in PLANES else (3,)
    return Layout(slots=shard, slot=(canvas, canvas, *rest), chunk=(side, side, *rest), level=LEVEL)


def shard_slots(kind: Kind, canvas: int) -> int:
    """Return how many samples make one shard of about 64 MiB before compression, 1..64."""
    slots = (layout_of(name, canvas, 1).slot for name in FIELDS[kind])
    return int(np.clip(TARGET_SHARD_BYTES // sum(map(math.prod, slots)), 1, 64))
