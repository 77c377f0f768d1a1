"""All figures of an alpha at once."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from shm.metrics.connectivity import connectedness_differences
from shm.metrics.difference import absolute_differences, squared_differences
from shm.metrics.gradient import gradient_differences
from shm.metrics.pixels import FloatAlpha, PixelErrors, in_thousands, mean
from shm.pipeline.values import UNKNOWN, Mask, Trimap


class Metric(NamedTuple):
    """A metric in two steps, so that the first, the slow one, serves all regions."""

    errors: Callable[[FloatAlpha, FloatAlpha], PixelErrors]
    """From an alpha and the true one to the error at each pixel."""

    total: Callable[[PixelErrors, Mask | None], float]
    """What the errors come to in a region."""


METRICS = {
    "sad": Metric(absolute_differences, in_thousands),
    "mse": Metric(squared_differences, mean),
    "mad": Metric(absolute_differences, mean),
}
"""Quick enough to score every validation sample while training."""

ALL_METRICS = METRICS | {
    "grad": Metric(gradient_differences, in_thousands),
    "conn": Metric(connectedness_differences, in_thousands),
}
"""With `gradient_error` and `connectivity_error` at the parameters that papers use; needs SciPy."""


def score(
    alpha: FloatAlpha,
    true_alpha: FloatAlpha,
    trimap: Trimap,
    *,
    metrics: Mapping[str, Metric] = METRICS,
) -> dict[str, dict[str, float]]:
    """Score an alpha over the whole image and over the unknown region.

    Parameters
    ----------
    alpha, true_alpha : float arrays, (H, W)
        In [0, 1].
    trimap : uint8 array, (H, W)
        The true trimap; its 128 are the unknown region.
    metrics : dict of Metric
        Which figures; `METRICS` or `ALL_METRICS`.

    Returns
    -------
    dict
        ``"whole"`` and ``"unknown"``, each with a figure for each metric (``"sad"``, ``"mse"``,
        ``"mad"``; with `ALL_METRICS` also ``"grad"`` and ``"conn"``); NaN for an unknown region
        without a pixel.

    Raises
    ------
    MetricError
        The shapes differ, or an alpha is not of floats in [0, 1].
    """
    regions = {"whole": None, "unknown": trimap == UNKNOWN}
    figures: dict[str, dict[str, float]] = {name: {} for name in regions}
    for metric, (errors_of, total) in metrics.items():
        errors = errors_of(alpha, true_alpha)
        for name, region in regions.items():
            figures[name][metric] = total(errors, region)
    return figures
