"""The subject's own colours, without the old background's."""

import numpy as np

from shm.pipeline.values import Alpha, RgbImage

MARGIN = 8
"""Pixels around the subject whose colour is kept, so that resizing mixes in no black."""


def estimate_foreground(image: RgbImage, alpha: Alpha) -> RgbImage:
    """Estimate the foreground's true colours where alpha is fractional.

    The photo's colours carry the old background's into every composite as a halo. Uses PyMatting's
    multi-level estimator (Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020).

    Parameters
    ----------
    image : uint8 array, (H, W, 3)
        The photo, RGB.
    alpha : uint8 array, (H, W)
        Its matte.

    Returns
    -------
    uint8 array, (H, W, 3)
        The photo where alpha is 255; the estimate where it is less; zero (which costs no disk)
        farther than `MARGIN` pixels from the subject.
    """
    from pymatting import estimate_foreground_ml

    estimate = estimate_foreground_ml(image / 255.0, alpha / 255.0)
    colours = np.rint(np.clip(estimate, 0, 1) * 255).astype(np.uint8)
    colours[alpha == 255] = image[alpha == 255]
    return limit_to_subject(colours, alpha)


def limit_to_subject(foreground: RgbImage, alpha: Alpha) -> RgbImage:
    """Return the colours with zeros farther than `MARGIN` pixels from any alpha above 0."""
    import cv2

    element = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    near = cv2.dilate((alpha > 0).astype(np.uint8), element)
    return np.where(near[..., None] > 0, foreground, np.uint8(0))
