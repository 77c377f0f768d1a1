"""How far an alpha is from the true one: the figures that matting papers report."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.values import UNKNOWN, Mask, Trimap

FloatAlpha: TypeAlias = NDArray[np.floating[Any]]
"""Opacity in [0, 1], (H, W)."""


class MetricError(ShmError, ValueError):
    """Alphas, region or trimap can't be compared."""


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
    error = _errors(alpha, true_alpha, region)
    return float(np.abs(error).sum()) / 1000 if error.size else float("nan")


def mse(alpha: FloatAlpha, true_alpha: FloatAlpha, region: Mask | None = None) -> float:
    """Return the mean squared difference over the region's pixels; see `sad`."""
    error = _errors(alpha, true_alpha, region)
    return float(np.square(error).mean()) if error.size else float("nan")


def mad(alpha: FloatAlpha, true_alpha: FloatAlpha, region: Mask | None = None) -> float:
    """Return the mean absolute difference over the region's pixels; see `sad`.

    Over the whole image this is what arXiv 1809.01354 calls SAD.
    """
    error = _errors(alpha, true_alpha, region)
    return float(np.abs(error).mean()) if error.size else float("nan")


METRICS = {"sad": sad, "mse": mse, "mad": mad}


def score(alpha: FloatAlpha, true_alpha: FloatAlpha, trimap: Trimap) -> dict[str, dict[str, float]]:
    """Score an alpha over the whole image and over the unknown region.

    Parameters
    ----------
    alpha, true_alpha : float arrays, (H, W)
        In [0, 1].
    trimap : uint8 array, (H, W)
        The true trimap; its 128 are the unknown region.

    Returns
    -------
    dict
        ``"whole"`` and ``"unknown"``, each with ``"sad"``, ``"mse"`` and ``"mad"``; NaN for an
        unknown region without a pixel.

    Raises
    ------
    MetricError
        The shapes differ, or an alpha is not of floats in [0, 1].
    """
    regions = {"whole": None, "unknown": trimap == UNKNOWN}
    return {
        name: {metric: measure(alpha, true_alpha, region) for metric, measure in METRICS.items()}
        for name, region in regions.items()
    }


def _errors(alpha: FloatAlpha, true_alpha: FloatAlpha, region: Mask | None) -> NDArray[np.float64]:
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
    error = alpha.astype(np.float64) - true_alpha.astype(np.float64)
    if region is None:
        return error.ravel()
    if region.shape != alpha.shape or region.dtype != np.bool_:
        raise MetricError(
            f"a region of {region.dtype} {region.shape}: give bools of the alphas' {alpha.shape}"
        )
    return error[region]
