"""Windows of a photo: around its unknown region, and overlapping ones that share a solve."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Size, Trimap

SIDE = 384
"""Side in pixels of the windows that are solved one at a time, without what they overlap."""

OVERLAP = 64
"""Pixels that neighbouring windows share, across which one fades into the other."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of a photo that a solve has to see."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the window as an index."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def window_of(trimap: Trimap, margin: int = 16) -> Window:
    """Return the bounding box of the unknown region, `margin` pixels larger on each side.

    It grows to the whole photo where the box holds no certain foreground or background.
    """
    unknown = trimap == UNKNOWN
    height, width = trimap.shape
    rows, columns = (np.flatnonzero(unknown.any(axis=axis)) for axis in (1, 0))
    window = Window(
        top=max(0, int(rows[0]) - margin),
        bottom=min(height, int(rows[-1]) + 1 + margin),
        left=max(0, int(columns[0]) - margin),
        right=min(width, int(columns[-1]) + 1 + margin),
    )
    inside = trimap[window.slices]
    if (inside == FOREGROUND).any() and (inside == BACKGROUND).any():
        return window
    return Window(top=0, bottom=height, left=0, right=width)


def overlapping_windows(size: Size) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """Yield windows that cover a picture, and the share, (h, w), that each has in the result.

    The shares of all windows add up to 1 at every pixel. Windows begin at even pixels.
    """
    for top, bottom, down in _spans(size[0]):
        for left, right, across in _spans(size[1]):
            window = Window(top=top, bottom=bottom, left=left, right=right)
            yield window, down[:, None] * across


def _spans(length: int) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Yield begin, end and share of the windows along one axis."""
    ramp = (np.arange(OVERLAP, dtype=np.float32) + np.float32(0.5)) / np.float32(OVERLAP)
    starts = range(0, max(1, length - OVERLAP), SIDE)
    for start in starts:
        end = length if start == starts[-1] else start + SIDE + OVERLAP
        share = np.ones(end - start, np.float32)
        if start > 0:
            share[:OVERLAP] = ramp
        if end < length:
            share[-OVERLAP:] = ramp[::-1]
        yield start, end, share
