"""What a photo and a rough mask say about alpha before anything is solved.

Colours fitted to the mask in windows (a guided filter) make an alpha that follows strands of hair
where the windows are large, and a crisp edge where they are small. No size serves all edges. So the
mask is fitted at seven scales, and at each pixel the scales are mixed by the kind of edge that lies
there: a narrow mixture of neighbouring scales around one that is predicted from cues.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.refine.edge import signed_distance
from shm.pipeline.refine.guided import ColourFit, Plane
from shm.pipeline.refine.scale import RADII, SCALES, antialiased, estimate_at_all_scales
from shm.pipeline.resize import enlarge_rows, resize
from shm.pipeline.size import require_same_size, size_within
from shm.pipeline.values import Alpha, Mask, RgbImage, Size

WORKING_SIDE = 800
"""Longer side at which the mask is fitted, pixels: cues and windows are measured in pixels."""

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


@dataclass(frozen=True, kw_only=True)
class Prior:
    """An expected alpha, and how much it counts.

    `alpha` float32 (H, W) in [0, 1]. `weight` float32 (H, W) ≥ 0: the strength of the pull towards
    `alpha`, on the diagonal of the linear system (closed-form Laplacian = 1).
    """

    alpha: NDArray[np.float32]
    weight: NDArray[np.float32]


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
    require_same_size(photo=image, mask=mask)
    size = (image.shape[0], image.shape[1])
    fitted = _fit(image, mask, size_within(size, WORKING_SIDE))
    prior = Prior(alpha=np.empty(size, np.float32), weight=np.empty(size, np.float32))
    spread = np.empty(size, np.float32)
    crisp = antialiased(mask.astype(np.float32) / WHITE)
    for top in range(0, size[0], STRIP):
        rows = slice(top, min(top + STRIP, size[0]))
        hard, slope, offset, near, weight, apart = np.split(
            enlarge_rows(fitted, rows, size), [1, 4, 5, 6, 7], axis=2
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
