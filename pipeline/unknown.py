"""How much of a trimap is unknown where: to find an unknown pixel without reading the trimap."""

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.enlarge import Window
from shm.pipeline.values import UNKNOWN, Trimap

CELL = 15
"""Side in pixels of the cells that are counted in: 225 pixels fit a byte."""


def cells(side: int) -> int:
    """Return how many cells cover so many pixels."""
    return -(-side // CELL)


def count_unknown(trimap: Trimap) -> NDArray[np.uint8]:
    """Count the unknown pixels of each cell.

    Parameters
    ----------
    trimap : uint8 array, (H, W)

    Returns
    -------
    uint8 array, (cells of H, cells of W)
        0..225; the last cells of a side may be cut off.
    """
    height, width = trimap.shape
    rows, columns = np.arange(0, height, CELL), np.arange(0, width, CELL)
    along = np.add.reduceat((trimap == UNKNOWN).astype(np.uint8), columns, axis=1)
    return np.asarray(np.add.reduceat(along, rows, axis=0), np.uint8)


def draw_cell(counts: NDArray[np.uint8], random: np.random.Generator) -> Window | None:
    """Draw a cell, each as probable as it has unknown pixels; None where there are none.

    Returns
    -------
    (rows, columns)
        Of the trimap; cells of its last row and column may reach over its sides.
    """
    sums = np.cumsum(counts, dtype=np.int64)
    if sums.size == 0 or sums[-1] == 0:
        return None
    number = int(np.searchsorted(sums, random.integers(sums[-1]), side="right"))
    row, column = divmod(number, counts.shape[1])
    return slice(row * CELL, (row + 1) * CELL), slice(column * CELL, (column + 1) * CELL)


def draw_unknown(trimap: Trimap, random: np.random.Generator) -> tuple[int, int] | None:
    """Draw an unknown pixel, (row, column), each as probable as any; None where there is none."""
    unknown = np.flatnonzero(trimap == UNKNOWN)
    if unknown.size == 0:
        return None
    row, column = divmod(int(unknown[random.integers(unknown.size)]), trimap.shape[1])
    return row, column
