"""What pixels mean: array types, trimap values and class indices, defined here and nowhere else."""

from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RgbImage: TypeAlias = NDArray[np.uint8]
"""Red, green, blue, 0..255, (H, W, 3)."""

Alpha: TypeAlias = NDArray[np.uint8]
"""Opacity, 0 transparent .. 255 opaque, (H, W)."""

Trimap: TypeAlias = NDArray[np.uint8]
"""Each pixel one of `BACKGROUND`, `UNKNOWN`, `FOREGROUND`, (H, W)."""

Mask: TypeAlias = NDArray[np.bool_]
"""True on the subject, (H, W)."""

FloatArray: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

Size: TypeAlias = tuple[int, int]
"""(height, width) in pixels, always in this order."""

BACKGROUND = 0
UNKNOWN = 128
FOREGROUND = 255


class TrimapClass(IntEnum):
    """Channel order of everything that predicts a trimap; with two swapped nothing trains."""

    BACKGROUND = 0
    UNKNOWN = 1
    FOREGROUND = 2


TRIMAP_VALUES = np.array([BACKGROUND, UNKNOWN, FOREGROUND], np.uint8)
"""Trimap value of each class: ``TRIMAP_VALUES[classes]`` is a trimap."""


def trimap_to_classes(trimap: Trimap) -> NDArray[np.uint8]:
    """Return the class index (`TrimapClass`) of each pixel.

    Parameters
    ----------
    trimap : uint8 array, any shape
        Values 0, 128 and 255 only.

    Raises
    ------
    ValueError
        Another value is present.
    """
    classes = np.searchsorted(TRIMAP_VALUES, trimap).astype(np.uint8)
    if not np.array_equal(TRIMAP_VALUES[np.minimum(classes, 2)], trimap):
        strange = sorted(set(np.unique(trimap).tolist()) - set(TRIMAP_VALUES.tolist()))
        raise ValueError(f"a trimap holds 0, 128 and 255 only, this one holds {strange[:5]} too")
    return classes


def classes_to_trimap(classes: NDArray[np.integer]) -> Trimap:
    """Return the trimap (0, 128, 255) of class indices; the inverse of `trimap_to_classes`."""
    trimap: Trimap = TRIMAP_VALUES[classes]
    return trimap
