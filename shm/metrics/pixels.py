"""What all metrics share: an error for each pixel, and what a region's errors come to."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.values import Mask

FloatAlpha: TypeAlias = NDArray[np.floating[Any]]
"""Opacity in [0, 1], (H, W)."""

PixelErrors: TypeAlias = NDArray[np.float64]
"""How wrong each pixel is, 0 where it is right, (H, W)."""


class MetricError(ShmError, ValueError):
    """Alphas, region or trimap can't be compared, or a metric's parameter is out of its range."""


def checked(alpha: FloatAlpha, true_alpha: FloatAlpha) -> tuple[PixelErrors, PixelErrors]:
    """Return both alphas as float64.

    Raises
    ------
    MetricError
        The shapes differ, or an alpha is not of floats in [0, 1].
    """
    if alpha.shape != true_alpha.shape or alpha.ndim != 2:
        raise MetricError(
            f"alphas of {alpha.shape} and {true_alpha.shape}: give two of one size, (H, W)"
        )
    for name, each in (("alpha", alpha), ("true alpha", true_alpha)):
        if not np.issubdtype(each.dtype, np.floating):
            raise MetricError(f"the {name} is of {each.dtype}: give floats, e.g. alpha / 255")
        if each.size and not (each.min() >= 0 and each.max() <= 1):
            raise MetricError(
                f"the {name} spans {each.min():g} to {each.max():g}: it must lie in [0, 1]"
            )
    return alpha.astype(np.float64), true_alpha.astype(np.float64)


def in_thousands(errors: PixelErrors, region: Mask | None = None) -> float:
    """Return the sum of the region's errors, divided by 1000; NaN where the region is empty.

    Raises
    ------
    MetricError
        The region is not of bools, or of another shape.
    """
    there = _within(errors, region)
    return float(there.sum()) / 1000 if there.size else float("nan")


def mean(errors: PixelErrors, region: Mask | None = None) -> float:
    """Return the mean of the region's errors; otherwise as `in_thousands`."""
    there = _within(errors, region)
    return float(there.mean()) if there.size else float("nan")


def _within(errors: PixelErrors, region: Mask | None) -> PixelErrors:
    if region is None:
        return errors
    if region.shape != errors.shape or region.dtype != np.bool_:
        raise MetricError(
            f"a region of {region.dtype} {region.shape}: give bools of the alphas' {errors.shape}"
        )
    there: PixelErrors = errors[region]
    return there
