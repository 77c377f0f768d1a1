"""Bilinear interpolation in whole numbers: the same bytes on every machine, with NumPy alone.

The arithmetic is that of OpenCV's ``INTER_LINEAR`` for 8 bits, so that whoever has OpenCV may use
it instead: positions in single precision, weights in 1/2048, four bits dropped between the two
directions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.values import Size

Window: TypeAlias = tuple[slice, slice]
"""Rows and columns of a picture, each with start and stop."""

Enlarge: TypeAlias = Callable[[NDArray[np.uint8], Size, Window], NDArray[np.uint8]]
"""`enlarge`, or what computes the same."""

ONE = 2048
"""A weight of 1."""

BAND = 32
"""Rows that are computed at a time, so that they stay in the cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Taps:
    """Where each pixel of a line lies between two of the source.

    `first` and `second` are their indices, `weight` that of the second, 0..`ONE`: int32 arrays.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    weight: NDArray[np.int32]

    def source(self) -> slice:
        """Return the part of the source that is read."""
        low = min(self.first.min(), self.second.min())
        high = max(self.first.max(), self.second.max())
        return slice(int(low), int(high) + 1)

    def after(self, start: int) -> "Taps":
        """Return the taps of a source that is cut off before `start`."""
        return Taps(first=self.first - start, second=self.second - start, weight=self.weight)

    def mirrored(self) -> "Taps":
        """Return the taps of the mirrored line."""
        return Taps(first=self.first[::-1], second=self.second[::-1], weight=self.weight[::-1])


def enlarge(picture: NDArray[np.uint8], size: Size, window: Window) -> NDArray[np.uint8]:
    """Return a window of a picture as it would be at another size, interpolated bilinearly.

    Parameters
    ----------
    picture : uint8 array, (h, w) or (h, w, n)
    size : (height, width)
        Of the whole picture afterwards. Below half of what it was, bilinear interpolation leaves
        pixels out: this is for enlarging.
    window : (rows, columns)
        Of the picture at that size.

    Returns
    -------
    uint8 array, (rows, columns) or (rows, columns, n)
    """
    rows = taps(picture.shape[0], size[0], window[0])
    columns = taps(picture.shape[1], size[1], window[1])
    return interpolate(picture, rows, columns)


def taps(before: int, after: int, part: slice) -> Taps:
    """Return the taps of a part of a line of `before` pixels that becomes one of `after`."""
    scale = 1.0 / (after / before)
    places = ((np.arange(part.start, part.stop) + 0.5) * scale - 0.5).astype(np.float32)
    lower = np.floor(places)
    index = lower.astype(np.int32)
    return Taps(
        first=np.clip(index, 0, before - 1),
        second=np.clip(index + 1, 0, before - 1),
        weight=np.rint((places - lower) * np.float32(ONE)).astype(np.int32),
    )


def interpolate(picture: NDArray[np.uint8], rows: Taps, columns: Taps) -> NDArray[np.uint8]:
    """Return what lies at the taps; parameters and result are those of `enlarge`."""
    high, wide = rows.source(), columns.source()
    source = np.ascontiguousarray(picture[high, wide])
    down = _down(_across(source, columns.after(wide.start)), rows.after(high.start))
    return down.reshape(*down.shape[:1], -1, *picture.shape[2:])


def _across(source: NDArray[np.uint8], columns: Taps) -> NDArray[np.int16]:
    """Interpolate along rows; returns (rows, values) in 1/128 levels, rounded down."""
    channels = source.shape[2] if source.ndim == 3 else 1
    # Values are gathered one by one: that takes less than pixels of three bytes.
    values = source.reshape(len(source), -1)
    within = np.arange(channels)
    left, right = (
        np.take(values, (at[:, None] * channels + within).ravel(), axis=1)
        for at in (columns.first, columns.second)
    )
    # (left · ONE + (right − left) · weight) / 16, in parts that fit 16 bits.
    high, low = np.divmod(np.repeat(columns.weight, channels).astype(np.int16), 16)
    across = np.empty(left.shape, np.int16)
    for top in range(0, len(left), BAND):
        band = slice(top, top + BAND)
        step = np.subtract(right[band], left[band], dtype=np.int16)
        mixed = np.multiply(step, high, out=across[band])
        step *= low
        step >>= 4
        mixed += step
        mixed += np.left_shift(left[band], 7, dtype=np.int16)
    return across


def _down(across: NDArray[np.int16], rows: Taps) -> NDArray[np.uint8]:
    """Interpolate along columns, and return levels."""
    down = np.empty((len(rows.first), across.shape[1]), np.uint8)
    weight = rows.weight[:, None]
    wide = across.astype(np.int32)
    for top in range(0, len(down), BAND):
        band = slice(top, top + BAND)
        upper, lower = wide[rows.first[band]], wide[rows.second[band]]
        upper *= ONE - weight[band]
        upper >>= 16
        lower *= weight[band]
        lower >>= 16
        upper += lower
        upper += 2
        upper >>= 2
        down[band] = upper
    return down
