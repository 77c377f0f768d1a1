"""A batch of crops in one run of bytes: one tensor to hand over, to pin, to move to the device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm.datasets.store import Arrays
from shm.datasets.streaming.crop import Crop
from shm.pipeline.composite import Uncut

ALIGNED = 4
"""Bytes that the offset of integers is a multiple of."""


class Enlargement(TypedDict):
    """Where the pixels are that a background is interpolated from, and their taps.

    uint8 (height, width, 3) at `offset`; int32 (2, 3, side) at `taps`: of rows, then of columns,
    first pixel, second pixel, weight of the second in 1/2048.
    """

    offset: int
    height: int
    width: int
    taps: int


class PackedCrop(TypedDict):
    """A crop in a `PackedBatch`: what was cut, and what is still to be done to it.

    `planes` has the offset of each array: uint8 (side, side, 3), or (side, side) of alpha and
    trimap. An image that is missing is to be composited; in place of a background there may be
    what it is interpolated from.
    """

    side: int
    flip: bool
    band: tuple[int, int] | None
    jitter: list[float] | None
    planes: dict[str, int]
    enlarge: Enlargement | None


class PackedBatch(TypedDict):
    """A batch of crops.

    `pixels` is uint8 (N,), all bytes of all crops; `skipped` says what could not be read, in whose
    place others were; `pid` is the process that read it.
    """

    id: list[str]
    pixels: Tensor
    crops: list[PackedCrop]
    skipped: list[str]
    pid: int


@dataclass(frozen=True, kw_only=True, eq=False)
class CutSample:
    """A crop of a sample: its arrays at their own size, and perhaps an uncut background."""

    id: str
    crop: Crop
    arrays: Arrays
    uncut: Uncut | None = None


def unshared(size: int) -> Tensor:
    """Return memory of this process."""
    return torch.empty(size, dtype=torch.uint8)


def pack(
    samples: Sequence[CutSample],
    *,
    skipped: Sequence[str],
    pid: int,
    memory: Callable[[int], Tensor] = unshared,
) -> PackedBatch:
    """Pack crops into memory, uint8 (N,), that is asked for by its number of bytes."""
    parts: list[NDArray[np.uint8]] = []
    end = 0

    def put(array: NDArray[np.generic]) -> int:
        nonlocal end
        offset = -(-end // ALIGNED) * ALIGNED
        if offset > end:
            parts.append(np.zeros(offset - end, np.uint8))
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        parts.append(flat)
        end = offset + flat.nbytes
        return offset

    crops = [_pack_one(sample, put) for sample in samples]
    # The same array of all crops in a row: crops of one size are then one tensor as they lie.
    for name in dict.fromkeys(name for sample in samples for name in sample.arrays):
        for sample, crop in zip(samples, crops, strict=True):
            if name in sample.arrays:
                crop["planes"][name] = put(sample.arrays[name])
    pixels = memory(end)
    np.concatenate(parts, out=pixels.numpy())
    return {
        "id": [sample.id for sample in samples],
        "pixels": pixels,
        "crops": crops,
        "skipped": list(skipped),
        "pid": pid,
    }


def _pack_one(sample: CutSample, put: Callable[[NDArray[np.generic]], int]) -> PackedCrop:
    crop, uncut = sample.crop, sample.uncut
    enlarge: Enlargement | None = None
    if uncut is not None:
        taps = np.stack(
            [[each.first, each.second, each.weight] for each in (uncut.rows, uncut.columns)]
        )
        height, width = uncut.source.shape[:2]
        enlarge = {
            "taps": put(taps.astype(np.int32)),
            "offset": put(uncut.source),
            "height": height,
            "width": width,
        }
    return {
        "side": crop.side,
        "flip": crop.flip,
        "band": crop.band,
        "jitter": None if crop.transform is None else crop.transform.ravel().tolist(),
        "planes": {},
        "enlarge": enlarge,
    }
