"""How good a trimap is: what T-Net is for."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.metrics.pixels import MetricError
from shm.pipeline.values import Trimap, TrimapClass, trimap_to_classes

Confusion: TypeAlias = NDArray[np.int64]
"""Counts of pixels, (3, 3): row the true class, column the predicted one, as in `TrimapClass`."""


def confusion_matrix(trimap: Trimap, true_trimap: Trimap) -> Confusion:
    """Count which class was taken for which.

    Matrices of several images add up to that of all their pixels.

    Parameters
    ----------
    trimap, true_trimap : uint8 arrays, (H, W)
        0 background, 128 unknown, 255 foreground.

    Returns
    -------
    int64 array, (3, 3)
        Row the true class, column the predicted one, in the order of `TrimapClass`.

    Raises
    ------
    MetricError
        The sizes differ, or a value is another.
    """
    if trimap.shape != true_trimap.shape:
        raise MetricError(f"trimaps of {trimap.shape} and {true_trimap.shape}: give two of a size")
    try:
        predicted, true = (
            trimap_to_classes(each).astype(np.intp) for each in (trimap, true_trimap)
        )
    except ValueError as error:
        raise MetricError(str(error)) from error
    classes = len(TrimapClass)
    counts = np.bincount((classes * true + predicted).ravel(), minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.int64)


def intersection_over_union(confusion: Confusion) -> dict[str, float]:
    """Return each class's intersection over union, by its name in lower case.

    NaN for a class that is neither predicted nor true anywhere.
    """
    right = np.diag(confusion)
    either = confusion.sum(0) + confusion.sum(1) - right
    return {each.name.lower(): _ratio(right[each], either[each]) for each in TrimapClass}


def unknown_recall(confusion: Confusion) -> float:
    """Return the share of the true unknown region that was found to be unknown.

    What T-Net misses of it M-Net never gets to see: it is decided as all or nothing. NaN where the
    true trimaps leave nothing unknown.
    """
    row = confusion[TrimapClass.UNKNOWN]
    return _ratio(row[TrimapClass.UNKNOWN], row.sum())


def _ratio(part: np.int64, whole: np.int64) -> float:
    return float(part / whole) if whole else float("nan")
