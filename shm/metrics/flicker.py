"""How much a video's matte flickers."""

import numpy as np

from shm.metrics.pixels import FloatAlpha, checked
from shm.pipeline.values import Mask


def dtssd(
    alpha: FloatAlpha,
    true_alpha: FloatAlpha,
    before: FloatAlpha,
    true_before: FloatAlpha,
    region: Mask | None = None,
) -> float:
    """Return how differently an alpha and the true one change from one frame to the next.

    dtSSD of Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015: the
    root of the mean, over the pixels of a frame, of the squared difference between both changes.
    A video's is the mean over its frames but the first. Papers print it × 100.

    Parameters
    ----------
    alpha, true_alpha : float arrays, (H, W)
        Of a frame, in [0, 1].
    before, true_before : float arrays, (H, W)
        Of the frame before it.
    region : bool array, (H, W), optional
        Where to compare; everywhere without it.

    Returns
    -------
    float
        0 where both change alike, whatever their constant error; NaN where the region is empty.

    Raises
    ------
    MetricError
        The shapes differ, or an alpha is not of floats in [0, 1].
    """
    now, true_now = checked(alpha, true_alpha)
    then, true_then = checked(before, true_before)
    checked(alpha, before)
    change = np.square((now - then) - (true_now - true_then))
    there = change if region is None else change[region]
    return float(np.sqrt(there.mean())) if there.size else float("nan")
