"""Metrics that look at each pixel by itself."""

import numpy as np

from shm.metrics.pixels import FloatAlpha, PixelErrors, checked, in_thousands, mean
from shm.pipeline.values import Mask


def sad(alpha: FloatAlpha, true_alpha: FloatAlpha, region: Mask | None = None) -> float:
    """Return the sum of absolute differences, in thousands.

    Divided by 1000, as the field reports it: an image that is wrong by 1 at 1000 pixels has 1.0.

    Parameters
    ----------
    alpha, true_alpha : float arrays, (H, W)
        In [0, 1].
    region : bool array, (H, W), optional
        Where to compare; everywhere without it.

    Returns
    -------
    float
        NaN where the region is empty: no pixel was wrong, and none was right, so that such an image
        must not count in a mean.

    Raises
    ------
    MetricError
        The shapes differ, or an alpha is not of floats in [0, 1].
    """
    return in_thousands(absolute_differences(alpha, true_alpha), region)


def mse(alpha: FloatAlpha, true_alpha: FloatAlpha, region: Mask | None = None) -> float:
    """Return the mean squared difference over the region's pixels; see `sad`."""
    return mean(squared_differences(alpha, true_alpha), region)


def mad(alpha: FloatAlpha, true_alpha: FloatAlpha, region: Mask | None = None) -> float:
    """Return the mean absolute difference over the region's pixels; see `sad`.

    Over the whole image this is what arXiv 1809.01354 calls SAD.
    """
    return mean(absolute_differences(alpha, true_alpha), region)


def absolute_differences(alpha: FloatAlpha, true_alpha: FloatAlpha) -> PixelErrors:
    """Return the absolute difference at each pixel, (H, W)."""
    alpha, true_alpha = checked(alpha, true_alpha)
    return np.abs(alpha - true_alpha)


def squared_differences(alpha: FloatAlpha, true_alpha: FloatAlpha) -> PixelErrors:
    """Return the squared difference at each pixel, (H, W)."""
    alpha, true_alpha = checked(alpha, true_alpha)
    return np.square(alpha - true_alpha)
