"""Alpha of a mask at seven scales, and which of them serves which kind of edge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.refine.edge import edge_cues
from shm.pipeline.refine.guided import ColourFit, Plane, fit_colours

RADII = (1, 2, 4, 8, 16, 32)
"""Of the windows in which colours are fitted to the mask; scale 0 is the mask, barely blurred."""

BLUR = 0.7
"""Standard deviation of the blur at scale 0, pixels: what antialiasing leaves of a hard edge."""


@dataclass(frozen=True)
class ScaleModel:
    """Which scale serves a pixel: a linear function of its cues, and how scales mix around it.

    The share of scale k is the softmax of ``preference[k] - sharpness * (k - scale) ** 2``.
    """

    intercept: float
    coefficients: dict[str, float]
    preference: tuple[float, ...]
    sharpness: float

    def scale(self, cues: dict[str, Plane]) -> Plane:
        """Return the scale of each pixel: 0 for the hardest edges, 6 for the loosest hair."""
        scale = np.full(cues["distance"].shape, self.intercept, np.float32)
        for name, coefficient in self.coefficients.items():
            scale += np.float32(coefficient) * cues[name]
        return scale

    def shares(self, scale: Plane) -> NDArray[np.float32]:
        """Return how much each scale counts, (scales, H, W), summing to 1."""
        index = np.arange(len(self.preference), dtype=np.float32)[:, None, None]
        preference = np.array(self.preference, np.float32)[:, None, None]
        score = preference - np.float32(self.sharpness) * (index - scale) ** 2
        share = np.exp(score - score.max(axis=0))
        total: NDArray[np.float32] = share / share.sum(axis=0)
        return total


SCALES = ScaleModel(
    intercept=1.98,
    coefficients={
        "distance": 0.88,
        "distance relative": -3.3,
        "outline near": -1.42,
        "outline around": 0.8,
        "raggedness": 4.95,
        "separation": 0.94,
        "steepness": -0.49,
        "disagreement fine": 4.23,
        "disagreement coarse": -5.45,
        "softness coarse": 2.58,
    },
    preference=(6.85, 2.69, -2.5, -3.52, -2.25, -4.53, 3.25),
    sharpness=1.14,
)
"""Fitted on twelve of 24 portraits with true alphas, at 800 px: from their exact masks, from
smoothed ones, and out of focus (``benchmarks/fit_scales.py``). It does as well on the others."""


@dataclass(frozen=True)
class Estimates:
    """Alpha at every scale, of one photo at working size.

    `fits` are those of `RADII`; `planes` the alphas, scale 0 first, each (H, W); `cues` as
    `edge_cues` measures them.
    """

    fits: Sequence[ColourFit]
    planes: Sequence[Plane]
    cues: dict[str, Plane]


def estimate_at_all_scales(image: NDArray[np.float32], mask: Plane) -> Estimates:
    """Fit a mask, (H, W) in [0, 1], to the colours of its photo, (H, W, 3) in [0, 1]."""
    fits = [fit_colours(image, mask, radius) for radius in RADII]
    planes = [antialiased(mask), *(fit.predict(image) for fit in fits)]
    fine, coarse = planes[1 + RADII.index(4)], planes[1 + RADII.index(16)]
    return Estimates(fits, planes, edge_cues(image, mask >= 0.5, fine, coarse))


def antialiased(mask: Plane) -> Plane:
    """Return the mask, (H, W) in [0, 1], with its edge blurred by `BLUR`."""
    import cv2

    return np.asarray(cv2.GaussianBlur(mask, (0, 0), BLUR), np.float32)
