"""How far an alpha is from the true one: the figures that matting papers report."""

from shm.metrics.connectivity import connectivity_error
from shm.metrics.difference import mad, mse, sad
from shm.metrics.gradient import gradient_error
from shm.metrics.pixels import FloatAlpha, MetricError
from shm.metrics.score import ALL_METRICS, METRICS, Metric, score

__all__ = [
    "ALL_METRICS",
    "METRICS",
    "FloatAlpha",
    "Metric",
    "MetricError",
    "connectivity_error",
    "gradient_error",
    "mad",
    "mse",
    "sad",
    "score",
]
