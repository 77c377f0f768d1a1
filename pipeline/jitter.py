"""Random changes of colour, each an affine map of RGB, so that all of them together are one.

An image αF + (1 − α)B goes on being the mixture of its foreground and its background when all
three go through the same affine map; and a map of 12 numbers is applied to a picture at once,
however many changes it holds. Therefore contrast is about mid-grey rather than about the
picture's mean, and hue is a rotation of the plane of chroma rather than of a hexagon.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError

_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]]
)
"""Luma (ITU-R BT.601), then NTSC's two axes of chroma."""


class JitterError(ShmError, ValueError):
    """A strength of the colour jitter is out of its bounds."""


@dataclass(frozen=True, kw_only=True)
class JitterConfig:
    """How strongly colours are changed at random; all zero leaves them alone.

    Parameters
    ----------
    brightness, contrast, saturation : float in [0, 1]
        Factors are drawn from 1 − strength to 1 + strength.
    hue : float in [0, 0.5]
        Turns are drawn from −hue to +hue; half a turn makes of each hue its complement.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        bounds = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5}
        for name, bound in bounds.items():
            value = getattr(self, name)
            if not 0 <= value <= bound:
                raise JitterError(f"{name} is {value}: between 0 and {bound:g}, please")


def draw_transform(config: JitterConfig, random: np.random.Generator) -> NDArray[np.float32] | None:
    """Draw a change of colour, float32 (3, 4); None, and nothing drawn, where there is to be none.

    The four factors are drawn whichever are zero, so that one strength does not change the
    draws of another.
    """
    if config == JitterConfig():
        return None
    brightness, contrast, saturation, hue = random.uniform(-1, 1, 4)
    return colour_transform(
        brightness=1 + config.brightness * brightness,
        contrast=1 + config.contrast * contrast,
        saturation=1 + config.saturation * saturation,
        hue=config.hue * hue,
    )


def colour_transform(
    *, brightness: float = 1.0, contrast: float = 1.0, saturation: float = 1.0, hue: float = 0.0
) -> NDArray[np.float32]:
    """Return the map that changes brightness, then contrast, saturation and hue.

    Parameters
    ----------
    brightness : float
        Factor of all values.
    contrast : float
        Factor of the distance to mid-grey, 0.5.
    saturation : float
        Factor of the chroma; 0 makes grey, luma stays.
    hue : float
        Turns of the chroma in YIQ's plane; luma stays.

    Returns
    -------
    float32 array, (3, 4)
        Linear part and offset: ``rgb @ m[:, :3].T + m[:, 3]`` for RGB in [0, 1].

    References
    ----------
    Haeberli, "Matrix Operations for Image Processing", 1993; luma of ITU-R BT.601.
    """
    angle = 2 * math.pi * hue
    cos, sin = saturation * math.cos(angle), saturation * math.sin(angle)
    chroma = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    turned = np.linalg.solve(_TO_YIQ, chroma @ _TO_YIQ)
    linear = turned * (contrast * brightness)
    offset = turned @ np.full(3, (1 - contrast) / 2)
    return np.column_stack([linear, offset]).astype(np.float32)
