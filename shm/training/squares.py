"""Squares of any side become planes of one size: gathered, mirrored, composited and resized."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from shm.training import transfer

COLOURS = ("image", "foreground", "background")
"""What has three channels, in the order in which it is returned."""

CHANNELS = {"image": 3, "foreground": 3, "background": 3, "alpha": 1}
"""Bytes of a pixel."""

_SOURCES = {"foreground", "background", "alpha"}
"""What an image is composited of."""


class Place(NamedTuple):
    """Where a plane lies in the bytes of a batch: its first byte, and how many pixels a row has."""

    offset: int
    width: int


class Square(NamedTuple):
    """A square crop: its side in pixels, whether to mirror it, and where its planes lie."""

    side: int
    flip: bool
    planes: Mapping[str, Place]


def squares(
    pixels: Tensor, crops: Sequence[Square], size: int, names: Sequence[str]
) -> dict[str, Tensor]:
    """Bring crops to one size, all their planes in a few operations.

    Parameters
    ----------
    pixels : uint8 (N,)
        Holds the planes: three bytes a pixel, alpha one.
    crops : Squares
        Each with what is asked for; an image that is missing is composited of the others.
    size : int
        Side in pixels of what is returned.
    names : what is returned, some of `COLOURS` and ``alpha``

    Returns
    -------
    dict
        float32 (B, 3 or 1, size, size) in 0..255, interpolated bilinearly with antialiasing. What
        has that side already is as it was, and a composited image of the very levels of
        `shm.pipeline.composite.blend`.
    """
    ready: dict[str, dict[int, Tensor]] = {name: {} for name in names}
    for members in _portions(crops, one_by_one=handles_one_by_one(pixels.device)):
        planes = _floats(pixels, [crops[index] for index in members], names)
        for side, group in groupby(enumerate(members), key=lambda each: crops[each[1]].side):
            rows, indices = zip(*group, strict=True)
            cut = [each[rows[0] : rows[-1] + 1, :, :side, :side] for each in planes]
            for name, plane in zip(names, _resized(cut, size), strict=True):
                ready[name] |= zip(indices, plane, strict=True)
    return {
        name: torch.stack([planes[index] for index in range(len(crops))])
        for name, planes in ready.items()
    }


def nearest(pixels: Tensor, crops: Sequence[Square], size: int) -> Tensor:
    """Bring the trimaps of crops to one size; each pixel takes its nearest neighbour's value.

    Returns
    -------
    uint8 (B, size, size)
    """
    sides = np.array([crop.side for crop in crops])[:, None]
    # The pixel in which the centre of each lies, in whole numbers.
    places = (2 * np.arange(size) + 1) * sides // (2 * size)
    begins = np.array([crop.planes["trimap"] for crop in crops])
    rows = begins[:, :1] + begins[:, 1:] * places
    columns = _mirrored(places, crops)
    table = to_table(np.stack([rows, columns]), pixels.device)
    where = table[0][:, :, None] + table[1][:, None, :]
    return bytes_at(pixels, where, 1).view(where.shape)


def to_table(values: NDArray[np.integer], device: torch.device) -> Tensor:
    """Return whole numbers on the device, int32: a batch has less than 2 GiB."""
    return transfer.to(torch.from_numpy(values.astype(np.int32)), device)


def bytes_at(pixels: Tensor, where: Tensor, depth: int) -> Tensor:
    """Return the `depth` bytes that begin at each place, uint8 (number of places, depth)."""
    overlapping = pixels.as_strided((len(pixels) - depth + 1, depth), (1, 1))
    return overlapping.index_select(0, where.flatten())


def handles_one_by_one(device: torch.device) -> bool:
    """Whether to take crops one by one: a processor has small caches and no launches to save."""
    return device.type == "cpu"


def _portions(crops: Sequence[Square], *, one_by_one: bool) -> Iterator[list[int]]:
    """Yield which crops are handled together: those of the same planes, ordered by their side."""
    kinds: dict[object, list[int]] = {}
    for index, crop in enumerate(crops):
        kinds.setdefault(index if one_by_one else frozenset(crop.planes), []).append(index)
    for members in kinds.values():
        yield sorted(members, key=lambda index: crops[index].side)


def _floats(pixels: Tensor, crops: Sequence[Square], names: Sequence[str]) -> list[Tensor]:
    """Return float32 (B, 3 or 1, S, S) each, S the largest side, beyond which a crop has noise."""
    composite = "image" not in crops[0].planes
    needed = sorted({*names, *_SOURCES} - {"image"} if composite else names)
    read = _view if len(crops) == 1 else _gathered
    found = {
        # Planes rather than pixels: what follows takes two thirds of the time on a processor.
        name: each.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        for name, each in read(pixels, crops, needed).items()
    }
    if composite:
        found["image"] = blended(found["foreground"], found["alpha"], found["background"])
    return [found[name] for name in names]


def _view(pixels: Tensor, crops: Sequence[Square], names: Sequence[str]) -> dict[str, Tensor]:
    """Do as `_gathered` does for one crop, without reading a byte unless it is mirrored."""
    (crop,) = crops
    found = {}
    for name in names:
        (offset, width), depth = crop.planes[name], CHANNELS[name]
        rows = pixels[offset : offset + crop.side * width * depth].view(1, crop.side, width, depth)
        found[name] = rows[:, :, : crop.side].flip(2) if crop.flip else rows[:, :, : crop.side]
    return found


def _gathered(pixels: Tensor, crops: Sequence[Square], names: Sequence[str]) -> dict[str, Tensor]:
    """Return uint8 (B, S, S, 3 or 1) each, gathered in one go from wherever they lie."""
    inside = np.arange(max(crop.side for crop in crops))
    inside = np.minimum(inside, np.array([[crop.side - 1] for crop in crops]))
    columns = _mirrored(inside, crops)
    found: dict[str, Tensor] = {}
    for depth in (3, 1):
        mine = [name for name in names if CHANNELS[name] == depth]
        if not mine:
            continue
        begins = np.array([[crop.planes[name] for name in mine] for crop in crops])[..., None]
        rows = begins[:, :, 0] + depth * begins[:, :, 1] * inside[:, None]
        lines = np.concatenate([rows, depth * columns[:, None]], 1)
        table = to_table(lines, pixels.device)
        where = table[:, :-1, :, None] + table[:, -1, None, None]
        values = bytes_at(pixels, where, depth).view(*where.shape, depth)
        found |= zip(mine, values.unbind(1), strict=True)
    return found


def _mirrored(columns: NDArray[np.integer], crops: Sequence[Square]) -> NDArray[np.integer]:
    flips = np.array([[crop.flip] for crop in crops])
    return np.where(flips, np.array([[crop.side - 1] for crop in crops]) - columns, columns)


def blended(foreground: Tensor, alpha: Tensor, background: Tensor) -> Tensor:
    """Return αF + (1 − α)B at the nearest of 256 levels, as `shm.pipeline.composite.blend` does.

    Single precision will do: an exact value lies at least 1/510 of a level from where rounding
    goes the other way, and the arithmetic is off by less than 1/5000.

    Parameters
    ----------
    foreground, background : float32 (B, 3, H, W), whole numbers in 0..255
    alpha : float32 (B, 1, H, W), whole numbers in 0..255
    """
    return torch.lerp(background, foreground, alpha / 255).round_()


def _resized(planes: Sequence[Tensor], size: int) -> Sequence[Tensor]:
    if planes[0].shape[-1] == size:
        return planes
    together = F.interpolate(
        torch.cat(list(planes), 1), (size, size), mode="bilinear", antialias=True
    )
    # The weights of an interpolation add up to 1 but for rounding.
    return torch.split(together.clamp_(0, 255), [each.shape[1] for each in planes], 1)
