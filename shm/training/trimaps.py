"""Trimaps drawn around alpha on the device, and what the nets read of a trimap."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from shm.pipeline.values import BACKGROUND, FOREGROUND, TRIMAP_VALUES, UNKNOWN, TrimapClass
from shm.training import transfer
from shm.training.raw import check_trimap

OPAQUE = 255
"""Alpha of what hides all behind it."""

Band = tuple[int, int]
"""Reaches inwards and outwards, in pixels."""


def random_trimaps(alpha: Tensor, bands: Sequence[Band]) -> Tensor:
    """Mark as unknown what is soft, and what lies within a band around it.

    Parameters
    ----------
    alpha : float32 (B, H, W)
        In 0..255; counts as if rounded to whole levels.
    bands : one (inwards, outwards) for each
        Unknown is what lies within `inwards` pixels of alpha below 255 and within `outwards` of
        alpha above 0, along either axis (a square kernel).

    Returns
    -------
    uint8 (B, H, W)
        0 background, 128 unknown, 255 foreground.

    References
    ----------
    Random dilation: Xu et al., "Deep Image Matting", arXiv 1703.03872, section 4.1.
    """
    levels = alpha.round().to(torch.uint8)
    regions = torch.cat([levels < OPAQUE, levels > 0])
    reaches = [inwards for inwards, _ in bands] + [outwards for _, outwards in bands]
    not_opaque, touched = dilated(regions, reaches).chunk(2)
    trimap = torch.full_like(levels, UNKNOWN)
    trimap.masked_fill_(~touched, BACKGROUND)
    return trimap.masked_fill_(~not_opaque, FOREGROUND)


def dilated(regions: Tensor, reaches: Sequence[int]) -> Tensor:
    """Grow each region by its own reach, in pixels to every side (a square kernel).

    The square is two segments, and a segment of any length is two overlapping ones whose length
    is a power of two (van Herk, Pattern Recognition Letters 13(7), 1992, has the row of maxima;
    the doubling is that of sparse tables): the work grows with the logarithm of the reach.

    Parameters
    ----------
    regions : bool (B, H, W)
    reaches : B ints
    """
    return _dilated_along(2, _dilated_along(1, regions, reaches), reaches)


def _dilated_along(axis: int, regions: Tensor, reaches: Sequence[int]) -> Tensor:
    length = regions.shape[axis]
    # Farther than the picture is long is the same.
    reaches = [min(reach, length) for reach in reaches]
    margin = max(reaches)
    beyond = (margin, margin) if axis == 2 else (0, 0, margin, margin)
    # doubled[k]: whether any of the 2**k pixels from each on is set.
    doubled = [F.pad(regions, beyond)]
    while 2 ** len(doubled) <= 2 * margin + 1:
        last, by = doubled[-1], 2 ** (len(doubled) - 1)
        rest = last.shape[axis] - by
        doubled.append(last.narrow(axis, 0, rest) | last.narrow(axis, by, rest))
    first, second = [], []
    for index, reach in enumerate(reaches):
        level = (2 * reach + 1).bit_length() - 1
        runs = doubled[level][index]
        first.append(runs.narrow(axis - 1, margin - reach, length))
        second.append(runs.narrow(axis - 1, margin + reach + 1 - 2**level, length))
    return torch.stack(first) | torch.stack(second)


def classes_of(trimap: Tensor, ids: Sequence[str] = ()) -> Tensor:
    """Return the class index of each pixel of a trimap.

    Parameters
    ----------
    trimap : uint8 (B, 1, H, W)
        0, 128 and 255 only.
    ids : strings
        To name the sample where there is another value.

    Returns
    -------
    int64 (B, H, W)

    Raises
    ------
    BatchError
        Another value is present: a trimap was resized smoothly, or the sample is damaged.
    """
    for index, each in enumerate(trimap):
        check_trimap(each, ids[index] if ids else f"number {index} of the batch")
    return classes(trimap[:, 0])


def one_hot(labels: Tensor) -> Tensor:
    """Return class indices (B, H, W) as probabilities that are 0 or 1, float32 (B, 3, H, W)."""
    return F.embedding(labels, torch.eye(len(TrimapClass), device=labels.device)).movedim(-1, 1)


def classes(trimap: Tensor) -> Tensor:
    """Return the class index of each pixel, int64, of trimaps uint8 that were checked."""
    table = torch.zeros(256, dtype=torch.int64)
    table[torch.from_numpy(TRIMAP_VALUES).long()] = torch.arange(len(TrimapClass))
    found = transfer.to(table, trimap.device).index_select(0, trimap.flatten().int())
    return found.view(trimap.shape)
