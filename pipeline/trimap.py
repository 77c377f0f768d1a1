"""Trimaps from masks, mattes and priors: what is certain, and the band that isn't."""

import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.size import require_same_size
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, Mask, Trimap

Kernel = Literal["ellipse", "rectangle", "cross"]
TrimapMode = Literal["adaptive", "fixed", "random"]

LEAST_SHARE = 0.1
"""The smallest reach that a random band draws, as a share of the largest."""

CERTAIN = 0.01
"""A prior's alpha is certain when it is nearer than this to 0 or 1: 2.5 steps of 8 bits."""

MARGIN = 2
"""Pixels by which an adaptive band is grown: its rim must touch what is certain."""


class TrimapError(ShmError, ValueError):
    """No usable trimap: nothing certain is left, or a setting is out of its bounds."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far the unknown region reaches, in pixels or as a share of the subject's size.

    The subject's size is the square root of its area, so that one setting serves a portrait and
    a small figure in a landscape.
    """

    value: float
    relative: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.value <= (1 if self.relative else 10_000):
            raise TrimapError(f"a reach of {self} is out of bounds: 0..10000 px or 0..100 %")

    def __str__(self) -> str:
        return f"{self.value * 100:g}%" if self.relative else f"{self.value:g}px"

    @classmethod
    def parse(cls, text: str) -> "Reach":
        """Read ``12``, ``12px`` or ``1.5%``."""
        parts = re.fullmatch(r"(\d+\.?\d*|\.\d+)(px|%)?", text.strip(), re.ASCII)
        if parts is None:
            raise TrimapError(f"{text!r} is no reach: write 12px or 1.5%")
        value, relative = float(parts[1]), parts[2] == "%"
        return cls(value=value / 100 if relative else value, relative=relative)

    def pixels(self, subject_area: float) -> int:
        """Return the reach in whole pixels for a subject of this many pixels; 0 only where asked.

        A share of a small subject is a pixel at least: without a band the mask stays as it is.
        """
        reach = round(self.value * subject_area**0.5 if self.relative else self.value)
        return max(reach, 1 if self.value else 0)


@dataclass(frozen=True, kw_only=True)
class TrimapConfig:
    """Where the unknown band lies.

    ``adaptive``: where the photo leaves a mask in doubt (`trimap_from_prior`); around mattes, which
    show their own soft region, the fixed band. ``fixed``: `erode` inwards and `dilate` outwards,
    each `iterations` times. ``random``: as fixed, with both reaches drawn for each sample, from
    `LEAST_SHARE` of their value to the whole: Deep Image Matting trains on trimaps of random
    dilation so that nets depend less on where a trimap lies (Xu et al., arXiv 1703.03872).

    `tolerance`: a matte's values this close to 0 and 255, in 8 bit steps, count as 0 and 255.
    JPEG's ringing is taken away when a matte is read; what is left are the ±1 and ±2 of networks
    and of resizing. A strand has to be fainter than that to be lost.
    """

    mode: TrimapMode = "adaptive"
    kernel: Kernel = "ellipse"
    erode: Reach = Reach(value=0.01, relative=True)
    dilate: Reach = Reach(value=0.01, relative=True)
    iterations: int = 1
    tolerance: int = 2

    def __post_init__(self) -> None:
        if self.mode not in get_args(TrimapMode):
            raise TrimapError(f"trimap {self.mode!r}: one of {', '.join(get_args(TrimapMode))}")
        if self.kernel not in get_args(Kernel):
            raise TrimapError(
                f"kernel {self.kernel!r}: choose one of {', '.join(get_args(Kernel))}"
            )
        if not 1 <= self.iterations <= 100:
            raise TrimapError(f"{self.iterations} iterations: between 1 and 100, please")
        if not 0 <= self.tolerance <= 12:
            raise TrimapError(
                f"tolerance {self.tolerance}: between 0 and 12 steps of 8 bits, please"
            )

    def drawn(self, random: np.random.Generator) -> "TrimapConfig":
        """Return the band of one sample: its reaches drawn in ``random``, itself otherwise."""
        if self.mode != "random":
            return self
        shares = random.uniform(LEAST_SHARE, 1, size=2)
        reaches = (self.erode, self.dilate)
        erode, dilate = (
            replace(reach, value=reach.value * float(share))
            for reach, share in zip(reaches, shares, strict=True)
        )
        return replace(self, mode="fixed", erode=erode, dilate=dilate)


def trimap_from_alpha(alpha: Alpha, config: TrimapConfig, *, certain: bool = True) -> Trimap:
    """Mark as unknown what is soft, and what lies within the fixed band around it.

    A mask is a matte of 0 and 255. Strands of hair stay unknown however faint they are, down to
    the tolerance: the band starts where alpha leaves 0 and where it reaches 255, not at one half.

    Parameters
    ----------
    alpha : uint8 array, (H, W)
        0 transparent .. 255 opaque.
    config : TrimapConfig
        Shape and reach of the band; its mode does not count, see `TrimapConfig.drawn`.
    certain : bool
        Whether there must be certain foreground and background: glass has none of the one, a veil
        before the lens none of the other.

    Returns
    -------
    uint8 array, (H, W)
        0 background, 128 unknown, 255 foreground.

    Raises
    ------
    TrimapError
        The band leaves no certain foreground or no certain background.
    """
    if certain and alpha.max(initial=0) < 255 - config.tolerance:
        raise TrimapError(
            f"no pixel is opaque: the largest alpha is {alpha.max(initial=0)}; scale it to 255"
        )
    area = float(alpha.sum(dtype=np.float64)) / 255
    inwards, outwards = config.erode.pixels(area), config.dilate.pixels(area)
    opaque = _morph("erode", (alpha >= 255 - config.tolerance).astype(np.uint8), inwards, config)
    touched = _morph("dilate", (alpha > config.tolerance).astype(np.uint8), outwards, config)
    trimap = np.full(alpha.shape, UNKNOWN, np.uint8)
    trimap[touched == 0] = BACKGROUND
    trimap[opaque == 1] = FOREGROUND
    if certain:
        require_certain_pixels(trimap)
    return trimap


def trimap_from_prior(prior: NDArray[np.float32], mask: Alpha) -> Trimap:
    """Mark as unknown where a prior is in doubt or at odds with the mask, and `MARGIN` pixels more.

    The band is as wide as the hair, and a few pixels at a hard edge.

    Parameters
    ----------
    prior : float32 array, (H, W)
        The alpha that photo and mask let expect, in [0, 1].
    mask : uint8 array, (H, W)
        0 or 255.

    Returns
    -------
    uint8 array, (H, W)
        0 background, 128 unknown, 255 foreground.

    Raises
    ------
    TrimapError
        The prior leaves no certain foreground or no certain background.
    """
    import cv2

    require_same_size(prior=prior, mask=mask)
    subject = prior >= 0.5
    doubt = ~((prior <= CERTAIN) | (prior >= 1 - CERTAIN))  # so that no NaN passes for certain
    doubt |= subject != (mask >= 128)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    unknown = cv2.dilate(doubt.astype(np.uint8), element).astype(bool)
    trimap = np.where(subject, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    trimap[unknown] = UNKNOWN
    require_certain_pixels(trimap)
    return trimap


def middle_line(trimap: Trimap) -> Mask:
    """Mark the subject as a hard mask: what is certain, and the nearer half of the unknown region.

    Parameters
    ----------
    trimap : uint8 array, (H, W)
        0 background, 128 unknown, 255 foreground.

    Returns
    -------
    bool array, (H, W)
        True on the certain foreground, and where it is nearer than the certain background.
    """
    import cv2

    def distance(value: int) -> NDArray[np.float32]:
        apart = (trimap != value).astype(np.uint8)
        return np.asarray(cv2.distanceTransform(apart, cv2.DIST_L2, 5), np.float32)

    if not (trimap == FOREGROUND).any():
        return np.zeros(trimap.shape, bool)
    nearer: Mask = distance(FOREGROUND) < distance(BACKGROUND)
    return nearer


def trimap_statistics(trimap: Trimap) -> dict[str, float]:
    """Measure a trimap.

    Parameters
    ----------
    trimap : uint8 array, (H, W)
        0 background, 128 unknown, 255 foreground.

    Returns
    -------
    dict
        ``background``, ``unknown``, ``foreground``: shares of the pixels. ``band_mean`` and
        ``band_max``: half the width of the unknown band in pixels, on average over its pixels and
        where it is widest. ``bands``: number of connected unknown regions.
    """
    import cv2

    unknown = trimap == UNKNOWN
    figures = {
        "background": float((trimap == BACKGROUND).mean()),
        "unknown": float(unknown.mean()),
        "foreground": float((trimap == FOREGROUND).mean()),
        "band_mean": 0.0,
        "band_max": 0.0,
        "bands": 0.0,
    }
    if unknown.any():
        count, _ = cv2.connectedComponents(unknown.astype(np.uint8), connectivity=8)
        # Where nothing is certain, OpenCV's distances are huge: none exceeds the picture.
        rim = cv2.distanceTransform(unknown.astype(np.uint8), cv2.DIST_L2, 5)
        rim = np.minimum(rim[unknown], max(trimap.shape))
        # Across a band 2w wide the distances are 1, 2 .. w, w .. 2, 1: (w + 1) / 2 on average.
        figures["band_mean"] = 2 * float(rim.mean()) - 1
        figures["band_max"] = float(rim.max())
        figures["bands"] = float(count - 1)
    return {name: round(value, 6) for name, value in figures.items()}


def require_certain_pixels(trimap: Trimap, *, given: bool = False) -> None:
    """Raise `TrimapError` where a trimap has no certain foreground or no certain background.

    `given` says that somebody drew it, and so what to do.
    """
    if not (trimap == FOREGROUND).any():
        raise TrimapError(
            "the trimap marks no certain foreground: save some of the subject as 255"
            if given
            else "no certain foreground is left: the subject is thinner than the trimap's band; "
            "try a larger --size, or --trimap fixed with a smaller --erode"
        )
    if not (trimap == BACKGROUND).any():
        raise TrimapError(
            "the trimap marks no certain background: save some of the photo as 0"
            if given
            else "no certain background is left: the trimap's band reaches every edge; "
            "try --trimap fixed with a smaller --dilate"
        )


def _morph(
    operation: Literal["erode", "dilate"],
    region: NDArray[np.uint8],
    reach: int,
    config: TrimapConfig,
) -> NDArray[np.uint8]:
    """Erode or dilate a 0/1 region; beyond the frame nothing is assumed to change."""
    import cv2

    if reach == 0:
        return region
    reach = min(reach, max(region.shape))  # farther is the same, and takes forever
    shapes = {"ellipse": cv2.MORPH_ELLIPSE, "rectangle": cv2.MORPH_RECT, "cross": cv2.MORPH_CROSS}
    element = cv2.getStructuringElement(shapes[config.kernel], (2 * reach + 1, 2 * reach + 1))
    function = cv2.erode if operation == "erode" else cv2.dilate
    return function(region, element, iterations=config.iterations).astype(np.uint8)
