"""The gradient error: edges that are too soft, too sharp, or not there."""

import math

import numpy as np
from numpy.typing import NDArray

from shm.metrics.pixels import FloatAlpha, MetricError, PixelErrors, checked, in_thousands
from shm.pipeline.values import Mask

SIGMAS = (0.1, 10.0)
"""Below, a filter sees single pixels only; above, it is cut off where it is still large."""


def gradient_error(
    alpha: FloatAlpha, true_alpha: FloatAlpha, region: Mask | None = None, sigma: float = 1.4
) -> float:
    """Return the sum of squared differences between gradient magnitudes, in thousands.

    The gradient is what two filters give, one across and one down: the derivative of a Gaussian in
    its own direction, a Gaussian in the other, up to the offset beyond which a Gaussian lies below
    0.01 (4 pixels for sigma 1.4), scaled so that the squares of a filter's weights sum to 1. Beyond
    the image's border its outermost pixels are repeated. This L2 norm is the convention of the
    evaluation code published with Deep Image Matting (arXiv 1703.03872), and does not give slopes:
    a straight sharp edge that is missing costs 19.6 a pixel of its length at sigma 1.4, before the
    division by 1000. That code also stretches each alpha to span [0, 1] first, which pardons a
    matte that is too faint. Here alphas are compared as they are; where both span [0, 1] already,
    it is the same.

    Parameters
    ----------
    alpha, true_alpha : float arrays, (H, W)
        In [0, 1].
    region : bool array, (H, W), optional
        Where to compare; everywhere without it. Filters see across its edge.
    sigma : float
        Of the Gaussian, in pixels, 0.1 to 10.

    Returns
    -------
    float
        NaN where the region is empty; see `sad`.

    Raises
    ------
    MetricError
        As for `sad`, or sigma is out of its range.

    Notes
    -----
    Proposed in Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR
    2009.
    """
    return in_thousands(gradient_differences(alpha, true_alpha, sigma), region)


def gradient_differences(
    alpha: FloatAlpha, true_alpha: FloatAlpha, sigma: float = 1.4
) -> PixelErrors:
    """Return the squared difference of gradient magnitudes at each pixel, (H, W)."""
    if not SIGMAS[0] <= sigma <= SIGMAS[1]:
        raise MetricError(f"sigma is {sigma:g}: give {SIGMAS[0]:g} to {SIGMAS[1]:g} pixels")
    alpha, true_alpha = checked(alpha, true_alpha)
    return np.square(_magnitude(alpha, sigma) - _magnitude(true_alpha, sigma))


def _magnitude(alpha: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    from scipy.ndimage import correlate1d  # training scores without it

    if not alpha.size:
        return alpha
    radius = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * 0.01)))
    offsets = np.arange(-radius, radius + 1, dtype=np.float64)
    gaussian = np.exp(-np.square(offsets) / (2 * sigma**2))
    derivative = offsets * gaussian
    # Each filter is an outer product, whose norm is the product of its factors' norms.
    gaussian /= np.linalg.norm(gaussian)
    derivative /= np.linalg.norm(derivative)

    def filtered(down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth = correlate1d(alpha, down, axis=0, mode="nearest")
        response: NDArray[np.float64] = correlate1d(smooth, across, axis=1, mode="nearest")
        return response

    return np.hypot(filtered(gaussian, derivative), filtered(derivative, gaussian))
