"""Figures that tell a good alpha from a bad one without knowing the truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.refine.edge import mean_colour, signed_distance
from shm.pipeline.resize import resize
from shm.pipeline.size import require_same_size, size_within
from shm.pipeline.trimap import trimap_statistics
from shm.pipeline.values import UNKNOWN, Alpha, Mask, RgbImage, Trimap

WORKING_SIDE = 800
"""Longer side in pixels at which colours and outlines are looked at: distances are pixels of it."""

SPECK = 1e-4
"""Islands and holes below this share of the subject's area are not counted."""

FAR = 0.04
"""Away from the edge is farther than this share of the subject's size (root of its area)."""

SEEN = 0.01
"""Share of a neighbourhood that has to be there for its mean colour to say something."""

LEAST_SEEN = 0.25
"""Share of an outline whose two sides can be looked at: with less it is noise, and unsupported."""

LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue in brightness (ITU-R BT.709)."""

COLOUR_STEP = 0.04
"""Smallest distance of two mean colours (RGB in [0, 1]) that is an edge in the photo."""


@dataclass(frozen=True)
class Fault:
    """How much a figure counts against a sample, ``(figure / scale) ** power``, and its cause."""

    scale: float
    cause: str
    power: int = 1

    def of(self, figure: float) -> float:
        """Return the figure's part of the doubt about a sample."""
        return (max(figure, 0.0) / self.scale) ** self.power


FAULTS = {
    "softness": Fault(
        0.03, "much of the photo is half transparent: blur, or a mask that is off its subject"
    ),
    "unsupported": Fault(
        0.08,
        "the outline follows no edge of the photo: a mask of another photo, shifted, or with parts "
        "missing",
        power=2,
    ),
    "off_mask": Fault(0.05, "the alpha leaves the mask far from its edge"),
    "residual": Fault(0.65, "subject and background do not explain the photo's colours", power=8),
    "framed": Fault(0.05, "the subject lies along the photo's frame: an inverted mask?"),
}
"""What lowers the quality, and by how much: ``quality = 1 / (1 + sum of the faults)``.

Softness ranks the alphas of sound masks by their error, in the whole photo; the others are small
there, and large where the mask is no good. Chosen on twelve of 24 portraits with true alphas, from
their masks and from broken ones; reported on the other twelve.
"""


MEANINGS = {
    "quality": "0 to 1: high where nothing speaks against the alpha",
    "softness": "share of the photo that is half transparent",
    "unsupported": "share of the outline across which the photo's colours do not change",
    "off_mask": "difference from the mask away from its edge, a pixel of the mask",
    "residual": "share of the unknown region's colours that F and B do not explain",
    "framed": "how much more of the photo's frame than of the photo the subject covers",
    "subject": "mean alpha",
    "brightness": "mean luma of the photo, 0 to 1",
    "undecided": "share of the unknown pixels whose alpha is between 0.1 and 0.9",
    "islands": "opaque regions beyond the largest",
    "holes": "transparent regions that the subject encloses",
    "mask_difference": "mean difference between alpha and mask",
    "spread": "how far the estimates of alpha differ, a pixel of the subject",
    "background": "share of the trimap that is certain background",
    "unknown": "share of the trimap that is unknown",
    "foreground": "share of the trimap that is certain foreground",
    "band_mean": "half the width of the unknown band, pixels",
    "band_max": "the same, where it is widest",
    "bands": "connected unknown regions",
}
"""What each figure of `measure_quality` says, as a few words for people, in the order to read."""


class QualityError(ShmError, ValueError):
    """A sample's quality lies below the bound."""


def measure_quality(
    image: RgbImage,
    alpha: Alpha,
    trimap: Trimap,
    *,
    mask: Alpha | None = None,
    spread: NDArray[np.float32] | None = None,
) -> dict[str, float]:
    """Measure a matte.

    Parameters
    ----------
    image : uint8 array, (H, W, 3)
        The photo, RGB.
    alpha, trimap : uint8 arrays, (H, W)
    mask : uint8 array, (H, W), optional
        The annotation that the matte was refined from, 0 or 255.
    spread : float32 array, (H, W), optional
        How far the estimates that the prior was made of differ, 0..1.

    Returns
    -------
    dict
        ``quality``, 0..1: high where nothing speaks against the matte, ``1 / (1 + doubt)``, the
        doubt being the sum of the `FAULTS`:

        ``softness``: mean of 4 α (1 − α), the share of the photo that is half transparent.
        ``unsupported``: share of the outline across which the photo's colours do not change, and 1
        where hardly any of it has two sides to compare.
        ``off_mask``: Σ |α − mask| away from the mask's edge, a pixel of the mask.
        ``residual``: |I − αF − (1 − α)B| in the unknown region, as a share of itself and |F − B|,
        for the mean colours F and B of what is certain nearby.
        ``framed``: how much more of the photo's frame the subject covers than of the photo, as an
        inverted mask does.

        And for information: ``subject``, mean alpha. ``brightness``, mean luma of the photo, 0..1.
        ``undecided``, share of the unknown pixels whose alpha lies between 0.1 and 0.9.
        ``islands`` and ``holes``, connected regions of opaque pixels beyond the largest, and of
        transparent pixels that the subject encloses, specks left out.
        ``mask_difference``, mean |α − mask|. ``spread``, its sum over the unknown region, a pixel
        of the subject. And the trimap's statistics (`trimap_statistics`).

        ``off_mask``, ``mask_difference`` and ``spread`` are only there for what they are made of.

    Notes
    -----
    Hair is where alphas err, so soft alphas rank low, a true matte's too. What is too sure goes
    unseen: a mask that was not refined, or one whose hair was smoothed away.
    """
    import cv2

    require_same_size(photo=image, alpha=alpha, trimap=trimap, mask=mask, spread=spread)
    area = max(1.0, float(alpha.sum(dtype=np.float64)) / 255)
    figures = {
        "subject": area / alpha.size,
        "softness": _softness(alpha),
        "undecided": _undecided(alpha, trimap == UNKNOWN),
        "islands": float(_count_islands(alpha, SPECK * area)),
        "holes": float(_count_holes(alpha, SPECK * area)),
        **_colour_figures(image, alpha, trimap),
    }
    if mask is not None:
        figures["mask_difference"] = float(cv2.absdiff(alpha, mask).mean()) / 255
        figures["off_mask"] = _off_mask(alpha, mask)
    if spread is not None:
        figures["spread"] = float(spread[trimap == UNKNOWN].sum(dtype=np.float64)) / area
    figures |= trimap_statistics(trimap)
    doubt = sum(fault.of(figures.get(name, 0.0)) for name, fault in FAULTS.items())
    figures["quality"] = 1 / (1 + doubt)
    return {name: round(value, 6) for name, value in figures.items()}


def worst_figure(figures: dict[str, float]) -> str:
    """Return the figure that lowers a sample's quality most, "" where none does by 1 %."""
    faults = {name: fault.of(figures[name]) for name, fault in FAULTS.items() if name in figures}
    worst = max(faults, key=faults.__getitem__, default="")
    return worst if worst and faults[worst] >= 0.01 else ""


def require_quality(figures: dict[str, float], bound: float) -> None:
    """Raise `QualityError` where the quality lies below the bound, with the likeliest cause."""
    if figures["quality"] >= bound:
        return
    worst = worst_figure(figures)
    cause = f"; {worst} {figures[worst]:.3g}: {FAULTS[worst].cause}" if worst else ""
    raise QualityError(f"quality {figures['quality']:g} is below {bound:g}{cause}")


def _softness(alpha: Alpha) -> float:
    import cv2

    counts = cv2.calcHist([alpha], [0], None, [256], [0, 256]).reshape(-1)
    level = np.arange(256) / 255
    return float((4 * level * (1 - level) * counts).sum()) / max(1, alpha.size)


def _undecided(alpha: Alpha, unknown: Mask) -> float:
    levels = alpha[unknown]
    return float(((levels > 25) & (levels < 230)).mean()) if levels.size else 0.0


def _off_mask(alpha: Alpha, mask: Alpha) -> float:
    """Return Σ |α − mask| away from the mask's edge, a pixel of the subject, at working size."""
    size = size_within((alpha.shape[0], alpha.shape[1]), WORKING_SIDE)
    matte = resize(alpha, size).astype(np.float32) / np.float32(255)
    inside = resize(mask, size) >= 128
    area = max(1.0, float(inside.sum()))
    far = np.abs(signed_distance(inside)) > max(2.0, FAR * area**0.5)
    return float(np.abs(matte - inside)[far].sum(dtype=np.float64)) / area


def _colour_figures(image: RgbImage, alpha: Alpha, trimap: Trimap) -> dict[str, float]:
    """Measure what needs the photo, at working size."""
    size = size_within((alpha.shape[0], alpha.shape[1]), WORKING_SIDE)
    photo = resize(image, size).astype(np.float32) / np.float32(255)
    matte = resize(alpha, size).astype(np.float32) / np.float32(255)
    unknown = resize((trimap == UNKNOWN).astype(np.uint8) * np.uint8(255), size) >= 128
    frame = np.concatenate([matte[0], matte[-1], matte[:, 0], matte[:, -1]])
    return {
        "unsupported": _unsupported(photo, matte >= 0.5),
        "residual": _residual(photo, matte, unknown),
        "framed": max(0.0, float(frame.mean()) - float(matte.mean())),
        "brightness": float((photo.mean((0, 1), dtype=np.float64) * LUMA).sum()),
    }


def _unsupported(photo: NDArray[np.float32], inside: Mask) -> float:
    """Return the share of the outline whose two sides, 2 to 8 pixels away, have one colour."""
    distance = signed_distance(inside)
    outline = np.abs(distance) < 1.5
    if not outline.any():
        return 0.0
    within, some = mean_colour(photo, (distance > 2) & (distance < 8), 4)
    without, others = mean_colour(photo, (distance < -2) & (distance > -8), 4)
    seen = ((some > SEEN) & (others > SEEN))[outline]  # strands have no inside to look at
    if seen.mean() < LEAST_SEEN:
        return 1.0
    step = np.square(within - without).sum(axis=2)[outline][seen]
    return float((step < COLOUR_STEP**2).mean())


def _residual(photo: NDArray[np.float32], matte: NDArray[np.float32], unknown: Mask) -> float:
    """Return Σ |I − αF − (1−α)B| as a share of itself and Σ |F − B|, over the unknown region.

    F and B are the mean colours of what is certain nearby.
    """
    if not unknown.any():
        return 0.0
    front, _ = mean_colour(photo, matte > 0.95, 16)
    back, _ = mean_colour(photo, matte < 0.05, 16)
    mixed = matte[..., None] * front + (1 - matte[..., None]) * back
    unexplained = np.abs(photo - mixed)[unknown].sum(dtype=np.float64)
    contrast = np.abs(front - back)[unknown].sum(dtype=np.float64)
    return float(unexplained / (unexplained + contrast + 1e-6))


def _count_islands(alpha: Alpha, least: float) -> int:
    """Count regions of the subject beyond the largest."""
    import cv2

    opaque = (alpha >= 128).astype(np.uint8)
    _, _, statistics, _ = cv2.connectedComponentsWithStats(opaque, connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return max(0, int(np.count_nonzero(areas >= least)) - 1)


def _count_holes(alpha: Alpha, least: float) -> int:
    """Count transparent regions that do not touch the frame."""
    import cv2

    clear = (alpha < 128).astype(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(clear, connectivity=4)
    large = statistics[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        large[side] = False
    return int(np.count_nonzero(large))
