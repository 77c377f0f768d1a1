"""Bilinear interpolation in whole numbers: the same bytes on every machine, with NumPy alone.

The arithmetic is that of OpenCV's ``INTER_LINEAR`` for 8 bits, so that whoever has OpenCV may use
it instead: positions in single precision, weights in 1/2048, four bits dropped between the two
directions.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.values import Size

Window: TypeAlias = tuple[slice, slice]
"""Rows and columns of a picture, each with start and stop."""

Enlarge: TypeAlias = Callable[[NDArray[np.uint8], Size, Window], NDArray[np.uint8]]
"""`enlarge`, or what computes the same."""

_ONE = 2048
"""A weight of 1."""


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
    rows, columns = window
    height, width = picture.shape[:2]
    above, below, lower = _neighbours(height, size[0], rows)
    left, right, further = _neighbours(width, size[1], columns)
    source = np.ascontiguousarray(picture[above[0] : below[-1] + 1])
    along = (-1,) + (1,) * (picture.ndim - 2)
    across = np.take(source, left, axis=1) * (_ONE - further).reshape(along)
    across += np.take(source, right, axis=1) * further.reshape(along)
    across >>= 4
    down = (-1,) + (1,) * (picture.ndim - 1)
    first: NDArray[np.int32] = across[above - above[0]] * (_ONE - lower).reshape(down) >> 16
    first += across[below - above[0]] * lower.reshape(down) >> 16
    first += 2
    first >>= 2
    return np.asarray(first, np.uint8)


def _neighbours(
    before: int, after: int, part: slice
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Return where each pixel lies between two of the source, and the weight of the second."""
    scale = 1.0 / (after / before)
    places = ((np.arange(part.start, part.stop) + 0.5) * scale - 0.5).astype(np.float32)
    lower = np.floor(places)
    share = np.rint((places - lower) * np.float32(_ONE)).astype(np.int32)
    index = lower.astype(np.intp)
    first, second = np.clip(index, 0, before - 1), np.clip(index + 1, 0, before - 1)
    return first, second, share
