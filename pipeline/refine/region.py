"""The unknown pixels of a photo, numbered: the unknowns of the linear system."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.values import FOREGROUND, UNKNOWN, Mask, RgbImage, Size, Trimap


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A photo, or a window of one, with its trimap.

    `image` uint8 (H, W, 3), `trimap` uint8 (H, W), `size` the whole photo's (height, width).
    """

    image: RgbImage
    trimap: Trimap
    size: Size

    @cached_property
    def unknown(self) -> Mask:
        """Return where alpha is to be solved, (H, W)."""
        return np.asarray(self.trimap == UNKNOWN)

    @cached_property
    def opaque(self) -> NDArray[np.float64]:
        """Return the alpha of the certain pixels, and 0 where it is unknown, (H, W)."""
        return np.asarray(self.trimap == FOREGROUND, np.float64)

    @cached_property
    def numbers(self) -> NDArray[np.int32]:
        """Return each unknown pixel's row in the linear system, and −1 elsewhere, (H, W)."""
        numbers = np.full(self.trimap.shape, -1, np.int32)
        numbers[self.unknown] = np.arange(self.count, dtype=np.int32)
        return numbers

    @cached_property
    def count(self) -> int:
        """Return the number of unknown pixels."""
        return int(np.count_nonzero(self.unknown))
