"""Which part of a sample is trained on."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.enlarge import Window
from shm.pipeline.jitter import JitterConfig, draw_transform
from shm.pipeline.values import Size


@dataclass(frozen=True, kw_only=True)
class CropConfig:
    """How crops are drawn.

    Parameters
    ----------
    sides : tuple of int
        Side in pixels of the square that is cut, one drawn for each crop; none: any from `size` to
        the sample's shorter side. Never more than the shorter side.
    size : int
        Side in pixels that it is resized to, on the device.
    centred_on_unknown : bool
        Around an unknown pixel, rather than anywhere.
    flip : bool
        Mirror half of the crops.
    band : (least, most), optional
        Reach in pixels, at the final size, of the band of a trimap that is drawn from alpha anew,
        inwards and outwards each by itself; None keeps the store's trimap.
    jitter : JitterConfig
        How colours vary.
    """

    sides: tuple[int, ...] = (320, 480, 640)
    size: int = 320
    centred_on_unknown: bool = True
    flip: bool = True
    band: tuple[int, int] | None = (2, 16)
    jitter: JitterConfig = field(default_factory=JitterConfig)


@dataclass(frozen=True, kw_only=True, eq=False)
class Crop:
    """A crop as it was drawn.

    Parameters
    ----------
    window : (rows, columns)
        The square, in the sample.
    flip : bool
    band : (inwards, outwards), optional
    transform : float32 array, (3, 4), optional
        Of the colours, red, green and blue in [0, 1].
    """

    window: Window
    flip: bool
    band: tuple[int, int] | None
    transform: NDArray[np.float32] | None

    @property
    def side(self) -> int:
        """Return the side of the square in pixels."""
        rows = self.window[0]
        return int(rows.stop - rows.start)


def draw_crop(
    config: CropConfig,
    size: Size,
    unknown: Callable[[], tuple[int, int] | None],
    random: np.random.Generator,
) -> Crop:
    """Draw a crop.

    Parameters
    ----------
    config : CropConfig
    size : (height, width)
        Of the sample.
    unknown : callable
        Draws an unknown pixel, (row, column), with `random`; gives None where there is none.
    random : numpy.random.Generator
    """
    height, width = size
    side = _side(config, min(size), random)
    flip = bool(random.integers(2)) and config.flip
    band = config.band and _reaches(config.band, random)
    transform = draw_transform(config.jitter, random)
    pixel = unknown() if config.centred_on_unknown else None
    if pixel is None:
        top, left = int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
    else:
        top = min(max(pixel[0] - side // 2, 0), height - side)
        left = min(max(pixel[1] - side // 2, 0), width - side)
    window = slice(top, top + side), slice(left, left + side)
    return Crop(window=window, flip=flip, band=band, transform=transform)


def _side(config: CropConfig, shorter: int, random: np.random.Generator) -> int:
    if config.sides:
        return min(int(random.choice(config.sides)), shorter)
    return int(random.integers(min(config.size, shorter), shorter + 1))


def _reaches(band: tuple[int, int], random: np.random.Generator) -> tuple[int, int]:
    inwards, outwards = random.integers(band[0], band[1] + 1, 2).tolist()
    return inwards, outwards
