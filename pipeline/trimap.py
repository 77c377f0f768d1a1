"""Trimaps from masks and mattes: what is certain, and the band that isn't."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, Trimap

Kernel = Literal["ellipse", "rectangle", "cross"]


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
        number, relative = text.strip().removesuffix("px"), text.strip().endswith("%")
        try:
            value = float(number.removesuffix("%"))
        except ValueError:
            raise TrimapError(f"{text!r} is no reach: write 12px or 1.5%") from None
        return cls(value=value / 100 if relative else value, relative=relative)

    def pixels(self, subject_area: float) -> int:
        """Return the reach in whole pixels for a subject of this many pixels."""
        return round(self.value * subject_area**0.5 if self.relative else self.value)


@dataclass(frozen=True, kw_only=True)
class TrimapConfig:
    """A band around the edge: `erode` inwards, `dilate` outwards, each `iterations` times."""

    kernel: Kernel = "ellipse"
    erode: Reach = Reach(value=0.01, relative=True)
    dilate: Reach = Reach(value=0.01, relative=True)
    iterations: int = 1

    def __post_init__(self) -> None:
        if self.kernel not in get_args(Kernel):
            raise TrimapError(
                f"kernel {self.kernel!r}: choose one of {', '.join(get_args(Kernel))}"
            )
        if not 1 <= self.iterations <= 100:
            raise TrimapError(f"{self.iterations} iterations: between 1 and 100, please")


def trimap_from_alpha(alpha: Alpha, config: TrimapConfig) -> Trimap:
    """Mark as unknown what is soft, and what lies within the band around it.

    A mask is a matte of 0 and 255. Strands of hair stay unknown however faint they are: the band
    starts where alpha leaves 0 and where it reaches 255, not at one half.

    Parameters
    ----------
    alpha : uint8 array, (H, W)
        0 transparent .. 255 opaque.
    config : TrimapConfig
        Shape and reach of the band.

    Returns
    -------
    uint8 array, (H, W)
        0 background, 128 unknown, 255 foreground.

    Raises
    ------
    TrimapError
        The band leaves no certain foreground or no certain background.
    """
    area = float(alpha.sum(dtype=np.float64)) / 255
    inwards, outwards = config.erode.pixels(area), config.dilate.pixels(area)
    opaque = _morph("erode", (alpha == 255).astype(np.uint8), inwards, config)
    touched = _morph("dilate", (alpha > 0).astype(np.uint8), outwards, config)
    trimap = np.full(alpha.shape, UNKNOWN, np.uint8)
    trimap[touched == 0] = BACKGROUND
    trimap[opaque == 1] = FOREGROUND
    require_certain_pixels(trimap)
    return trimap


def require_certain_pixels(trimap: Trimap) -> None:
    """Raise `TrimapError` where a trimap has no certain foreground or no certain background."""
    if not (trimap == FOREGROUND).any():
        raise TrimapError(
            "no certain foreground is left: the subject is thinner than the trimap's band"
        )
    if not (trimap == BACKGROUND).any():
        raise TrimapError("no certain background is left: the trimap's band reaches every edge")


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
    shapes = {"ellipse": cv2.MORPH_ELLIPSE, "rectangle": cv2.MORPH_RECT, "cross": cv2.MORPH_CROSS}
    element = cv2.getStructuringElement(shapes[config.kernel], (2 * reach + 1, 2 * reach + 1))
    function = cv2.erode if operation == "erode" else cv2.dilate
    return function(region, element, iterations=config.iterations).astype(np.uint8)
