"""What a photo and a rough mask say about alpha before anything is solved.

Colours fitted to the mask in windows (a guided filter) make an alpha that follows strands of hair
where the windows are large, and a crisp edge where they are small. No size serves all edges. So the
mask is fitted at seven scales, and at each pixel the scales are mixed by the kind of edge that lies
there: a narrow mixture of neighbouring scales around one that is predicted from cues.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.refine.edge import edge_cues, signed_distance
from shm.pipeline.refine.guided import ColourFit, Plane, fit_colours
from shm.pipeline.resize import resize
from shm.pipeline.size import size_within
from shm.pipeline.values import Alpha, Mask, RgbImage, Size

WORKING_SIDE = 800
"""Longer side at which the mask is fitted, pixels: cues and windows are measured in pixels."""

RADII = (1, 2, 4, 8, 16, 32)
"""Of the windows in which colours are fitted to the mask; scale 0 is the mask, barely blurred."""

BLUR = 0.7
"""Standard deviation of the blur at scale 0, pixels: what antialiasing leaves of a hard edge."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """An expected alpha, and how much it counts.

    `alpha` float32 (H, W) in [0, 1]. `weight` float32 (H, W) ≥ 0: the strength of the pull towards
    `alpha`, on the diagonal of the linear system (closed-form Laplacian = 1).
    """

    alpha: NDArray[np.float32]
    weight: NDArray[np.float32]


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

REACH = 0.12
"""How far from the mask's edge alpha may leave the mask, as a share of the subject's size."""

LEAST_REACH = 16
"""The same in working pixels, for small subjects."""

WHITE = np.float32(255)

STRIP = 256
"""Rows of the photo that are worked on at a time."""

TIGHT, LOOSE = 1000.0, 0.1
"""Pull towards the prior at a hard edge (scale 0) and in the loosest hair (scale 6); by powers of
the ratio between. Weaker pulls gain in hair what they lose at hard edges."""


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
    planes = [_antialiased(mask), *(fit.predict(image) for fit in fits)]
    fine, coarse = planes[1 + RADII.index(4)], planes[1 + RADII.index(16)]
    return Estimates(fits, planes, edge_cues(image, mask >= 0.5, fine, coarse))


def prior_from_mask(image: RgbImage, mask: Alpha) -> tuple[Prior, Plane]:
    """Estimate alpha from a photo and a binary mask.

    Of photos larger than `WORKING_SIDE`, the linear functions from colour to alpha are fitted on a
    reduced copy and applied to the photo's own pixels.

    Parameters
    ----------
    image : uint8 array, (H, W, 3)
        The photo, RGB.
    mask : uint8 array, (H, W)
        0 or 255; where it is soft, its edge is at one half.

    Returns
    -------
    Prior
        Arrays of (H, W).
    float32 array, (H, W)
        The spread: how far the scales' estimates differ, 0..1, a sign of doubt.
    """
    size = (image.shape[0], image.shape[1])
    fitted = _fit(image, mask, size_within(size, WORKING_SIDE))
    prior = Prior(alpha=np.empty(size, np.float32), weight=np.empty(size, np.float32))
    spread = np.empty(size, np.float32)
    crisp = _antialiased(mask.astype(np.float32) / WHITE)
    for top in range(0, size[0], STRIP):
        rows = slice(top, min(top + STRIP, size[0]))
        hard, slope, offset, near, weight, apart = np.split(
            _enlarge(fitted, rows, size), [1, 4, 5, 6, 7], axis=2
        )
        colours = image[rows].astype(np.float32) / WHITE
        alpha = hard[..., 0] * crisp[rows] + ColourFit(slope, offset[..., 0]).predict(colours)
        certain = (mask[rows] >= 128).astype(np.float32)
        prior.alpha[rows] = np.where(near[..., 0] > 0.5, np.clip(alpha, 0, 1), certain)
        prior.weight[rows] = weight[..., 0]
        spread[rows] = np.where(near[..., 0] > 0.5, apart[..., 0], 0)
    return prior, spread


def _fit(image: RgbImage, mask: Alpha, size: Size) -> NDArray[np.float32]:
    """Fit on a copy of this size; return what the photo's pixels need to know, (height, width, 8).

    The share of the hard edge; slope (3) and offset of the mixed fits; 1 near the edge and else 0;
    the prior's weight; its spread.
    """
    colours = resize(image, size).astype(np.float32) / WHITE
    estimates = estimate_at_all_scales(colours, resize(mask, size).astype(np.float32) / WHITE)
    scale = SCALES.scale(estimates.cues)
    shares = SCALES.shares(scale)
    planes = np.stack(estimates.planes)
    expected = (shares * planes).sum(axis=0)
    slope = sum(
        share[..., None] * fit.slope for share, fit in zip(shares[1:], estimates.fits, strict=True)
    )
    offset = sum(share * fit.offset for share, fit in zip(shares[1:], estimates.fits, strict=True))
    return np.dstack(
        [
            shares[0],
            slope,
            offset,
            _near_edge(resize(mask, size) >= 128),
            TIGHT * (LOOSE / TIGHT) ** (np.clip(scale, 0, len(RADII)) / len(RADII)),
            np.minimum((shares * np.abs(planes - expected)).sum(axis=0), 1),
        ]
    ).astype(np.float32)


def _near_edge(mask: Mask) -> Plane:
    """Return 1 where alpha may leave the mask, else 0."""
    reach = max(LEAST_REACH, REACH * float(mask.sum()) ** 0.5)
    return np.asarray(np.abs(signed_distance(mask)) <= reach, np.float32)


def _antialiased(mask: Plane) -> Plane:
    import cv2

    return np.asarray(cv2.GaussianBlur(mask, (0, 0), BLUR), np.float32)


def _enlarge(planes: NDArray[np.float32], rows: slice, size: Size) -> NDArray[np.float32]:
    """Interpolate some rows of planes, (h, w, n), as they would be at another size, linearly."""

    def interpolate(
        values: NDArray[np.float32], positions: NDArray[np.float64], axis: int
    ) -> NDArray[np.float32]:
        last = values.shape[axis] - 1
        positions = np.clip(positions, 0, last)
        before = np.minimum(positions.astype(np.intp), max(last - 1, 0))
        share = (positions - before).astype(np.float32)
        share = share.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        here, following = (
            np.take(values, at, axis) for at in (before, np.minimum(before + 1, last))
        )
        return np.asarray(here + (following - here) * share, np.float32)

    height, width = planes.shape[:2]
    if (height, width) == size:
        return planes[rows]
    down = (np.arange(rows.start, rows.stop) + 0.5) * height / size[0] - 0.5
    across = (np.arange(size[1]) + 0.5) * width / size[1] - 0.5
    return interpolate(interpolate(planes, down, 0), across, 1)
