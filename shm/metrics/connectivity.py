"""The connectivity error: islands and holes, which the eye minds more than their area."""

import math

import numpy as np
from numpy.typing import NDArray

from shm.metrics.pixels import FloatAlpha, MetricError, PixelErrors, checked, in_thousands
from shm.pipeline.values import Mask

ROUNDING = 1e-6
"""What rounding may take from an alpha: 0.7 in float32 lies below 0.7. An 8-bit or 16-bit
alpha that falls short of a level or of the threshold does so by more."""


def connectivity_error(
    alpha: FloatAlpha,
    true_alpha: FloatAlpha,
    region: Mask | None = None,
    step: float = 0.1,
    threshold: float = 0.15,
) -> float:
    """Return how much less, or more, pixels are connected to the subject, summed, in thousands.

    At each level ``step, 2 * step, ..., 1`` the source region is the largest 4-connected region in
    which both alphas reach the level; at level 0 it is the whole image. A pixel's ``l`` is the last
    level before it leaves the source region, 1 where it never does. Its degree of connectedness in
    an alpha is ``phi = 1 - d * (d >= threshold)`` with ``d = alpha - l``: it falls with the opacity
    that the pixel has beyond what connects it. The error is the sum of ``|phi - phi_true|``,
    divided by 1000.

    Parameters
    ----------
    alpha, true_alpha : float arrays, (H, W)
        In [0, 1].
    region : bool array, (H, W), optional
        Where to sum; everywhere without it. Connected is what the whole image connects.
    step : float
        Between two levels, 0.001 to 1; must divide 1.
    threshold : float
        The opacity beyond ``l`` that is not minded, 0 to 1.

    Returns
    -------
    float
        NaN where the region is empty; see `sad`.

    Raises
    ------
    MetricError
        As for `sad`, or the step or the threshold is out of its range.

    Notes
    -----
    Proposed in Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR
    2009, with one source region, where both alphas are 1. A source region a level, and a
    pixel that comes back counting as gone, is the convention of the evaluation code published with
    Deep Image Matting (arXiv 1703.03872). Where that is undefined or arbitrary, here every pixel
    leaves at a level that none reaches, and equally large regions are the source together.
    """
    return in_thousands(connectedness_differences(alpha, true_alpha, step, threshold), region)


def connectedness_differences(
    alpha: FloatAlpha, true_alpha: FloatAlpha, step: float = 0.1, threshold: float = 0.15
) -> PixelErrors:
    """Return the absolute difference in connectedness of each pixel, (H, W)."""
    if not (1e-3 <= step <= 1 and math.isclose(round(1 / step) * step, 1)):
        raise MetricError(f"a step of {step:g}: give one that divides 1, e.g. 0.1")
    if not 0 <= threshold <= 1:
        raise MetricError(f"a threshold of {threshold:g}: it must lie in [0, 1]")
    alpha, true_alpha = checked(alpha, true_alpha)
    connected = _connected_up_to(np.minimum(alpha, true_alpha), round(1 / step))

    def connectedness(each: NDArray[np.float64]) -> NDArray[np.float64]:
        beyond = each - connected
        return 1 - np.where(beyond >= threshold - ROUNDING, beyond, 0)

    return np.abs(connectedness(alpha) - connectedness(true_alpha))


def _connected_up_to(both: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """Return the last level, in [0, 1], before each pixel leaves the source region."""
    inside = np.ones(both.shape, np.bool_)
    passed = np.zeros(both.shape)
    for level in range(1, levels + 1):
        inside &= _largest_regions(both >= level / levels - ROUNDING)
        if not inside.any():
            break
        passed += inside
    return passed / levels


def _largest_regions(mask: Mask) -> Mask:
    from scipy.ndimage import label  # 4-connected unless told otherwise; training never gets here

    labels, count = label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0  # label 0 is everything outside the mask, often the largest
    largest: Mask = (sizes == sizes.max())[labels]
    return largest
