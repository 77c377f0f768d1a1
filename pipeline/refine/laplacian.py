"""Matting Laplacians on the unknown pixels alone, with the certain ones on the right side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.refine.region import Region
from shm.pipeline.refine.system import Sparse, System, Vector

_TILE = 64
"""Side in pixels of the squares of which the closed-form Laplacian is assembled."""

_Entries = tuple[NDArray[np.int32], NDArray[np.int32], Vector]
"""Rows, columns and values of a matrix."""

_Places = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class KnnGraph:
    """Which pixels KNN matting ties together.

    The `neighbours[n]` pixels that are nearest in (red, green, blue, `spread[n]` × place), colours
    in [0, 1] and places in photo sizes, are sought among the unknown pixels and those within `ring`
    pixels of them: for all of these, or, where `mutual` is off, for the unknown ones alone.
    """

    neighbours: tuple[int, ...] = (20, 10)
    spread: tuple[float, ...] = (2.0, 0.1)
    ring: int = 10
    mutual: bool = True


def closed_form_system(region: Region, epsilon: float = 1e-7) -> System:
    """Return the closed-form Laplacian of 3 × 3 windows, reduced to the unknown pixels.

    Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", PAMI 2008,
    equation 12. PyMatting's kernel fills 25 entries for every pixel it is given; it is given one
    small square with unknown pixels after the other, so that memory follows their number.
    """
    right = np.zeros(region.count)
    entries = list(_closed_form_tiles(region, epsilon, right))
    rows, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    del entries
    matrix = _matrix(rows, columns, values, region.count)
    return System(matrix=matrix, local=matrix, right=right)


def _closed_form_tiles(region: Region, epsilon: float, right: Vector) -> Iterator[_Entries]:
    """Yield the matrix entries square by square, and add what is certain to `right`."""
    from pymatting.laplacian.cf_laplacian import cf_laplacian

    height, width = region.trimap.shape
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            core = region.unknown[top : top + _TILE, left : left + _TILE]
            if not core.any():
                continue
            above, before = min(2, top), min(2, left)  # a window's pixels are 2 apart at most
            tile = (
                slice(top - above, top + core.shape[0] + 2),
                slice(left - before, left + core.shape[1] + 2),
            )
            known = ~region.unknown[tile]
            laplacian = cf_laplacian(region.image[tile] / 255.0, epsilon, 1, known)
            wanted = np.zeros(known.shape, bool)
            wanted[above : above + core.shape[0], before : before + core.shape[1]] = core
            places = np.flatnonzero(wanted)
            columns = laplacian.indices.reshape(-1, 25)[places]  # 25: PyMatting's 5 × 5 entries
            values = laplacian.data.reshape(-1, 25)[places]
            numbers = region.numbers[tile].ravel()
            row = numbers[places]
            right[row] = -(values * region.opaque[tile].ravel()[columns]).sum(axis=1)
            column = numbers[columns]
            inside = (column >= 0) & (values != 0)
            yield (
                np.broadcast_to(row[:, None], column.shape)[inside],
                column[inside],
                values[inside],
            )


def knn_system(region: Region, graph: KnnGraph) -> System:
    """Return the Laplacian of nearest neighbours, reduced to the unknown pixels.

    Chen, Li, Tang, "KNN Matting", PAMI 2013, with PyMatting's binary kernel and its neighbours in
    several spaces, without its division by row sums: the matrix stays symmetric, and the solution
    is the same. The mean of its diagonal is 1.
    """
    one, other = _pairs(region, graph)
    numbers, opaque, count = region.numbers.ravel(), region.opaque.ravel(), region.count
    degree, right = np.zeros(count), np.zeros(count)
    for end, far in ((one, other), (other, one)):
        inside = numbers[end] >= 0
        row = numbers[end[inside]]
        degree += np.bincount(row, minlength=count)
        right += np.bincount(row, opaque[far[inside]], minlength=count)
    first, second = numbers[one], numbers[other]
    both = (first >= 0) & (second >= 0)
    first, second = first[both], second[both]
    scale = 1 / max(1.0, float(degree.mean()))
    diagonal = np.arange(count, dtype=np.int32)
    matrix = _matrix(
        np.concatenate([diagonal, first, second]),
        np.concatenate([diagonal, second, first]),
        np.concatenate([degree * scale, np.full(2 * len(first), -scale)]),
        count,
    )
    local = _matrix(diagonal, diagonal, degree * scale, count)
    return System(matrix=matrix, local=local, right=right * scale)


def _pairs(region: Region, graph: KnnGraph) -> tuple[_Places, _Places]:
    """Return the places, as flat indices, of pixels and of their neighbours."""
    import cv2
    from pymatting.util.kdtree import KDTree

    element = np.ones((2 * graph.ring + 1, 2 * graph.ring + 1), np.uint8)
    near = cv2.dilate(region.unknown.astype(np.uint8), element).ravel() > 0
    places = np.flatnonzero(near)
    asking = slice(None) if graph.mutual else region.unknown.ravel()[places]
    row, column = np.divmod(places, region.trimap.shape[1])
    features = np.empty((len(places), 5), np.float32)
    features[:, :3] = region.image.reshape(-1, 3)[places] / 255.0
    one, other = [], []
    for count, spread in zip(graph.neighbours, graph.spread, strict=True):
        features[:, 3] = spread * column / max(1, region.size[1] - 1)
        features[:, 4] = spread * row / max(1, region.size[0] - 1)
        _, found = KDTree(features).query(features[asking], min(count, len(places)))
        one.append(np.repeat(places[asking], found.shape[1]))
        other.append(places[found.ravel()])
    pixels, neighbours = np.concatenate(one), np.concatenate(other)
    apart = pixels != neighbours
    return pixels[apart], neighbours[apart]


def _matrix(
    rows: NDArray[np.int32], columns: NDArray[np.int32], values: Vector, count: int
) -> Sparse:
    """Return the sum of the entries as a CSR matrix with sorted columns."""
    from scipy.sparse import csr_array

    matrix = csr_array((values, (rows, columns)), shape=(count, count))
    matrix.sum_duplicates()
    return matrix
