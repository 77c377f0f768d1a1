"""Pasting a subject on another background."""

from dataclasses import dataclass

import numpy as np

from shm.pipeline.resize import resize
from shm.pipeline.values import Alpha, RgbImage, Size


@dataclass(frozen=True, kw_only=True)
class BackgroundCrop:
    """The part of a background that is used, in its own pixels, and whether it is mirrored."""

    top: int
    left: int
    height: int
    width: int
    flip: bool


def choose_crop(background: Size, size: Size, random: np.random.Generator) -> BackgroundCrop:
    """Choose at random one of the largest crops of a background that have the aspect of `size`.

    Parameters
    ----------
    background, size : (height, width)
        Of the background photo, and of the composite.
    random : numpy.random.Generator
        Decides the place and the mirroring.
    """
    height, width = largest_crop(background, size)
    return BackgroundCrop(
        top=int(random.integers(background[0] - height + 1)),
        left=int(random.integers(background[1] - width + 1)),
        height=height,
        width=width,
        flip=bool(random.integers(2)),
    )


def centre_crop(background: Size, size: Size) -> BackgroundCrop:
    """Return the middle one of the largest crops that have the aspect of `size`."""
    height, width = largest_crop(background, size)
    return BackgroundCrop(
        top=(background[0] - height) // 2,
        left=(background[1] - width) // 2,
        height=height,
        width=width,
        flip=False,
    )


def largest_crop(background: Size, size: Size) -> Size:
    """Return the (height, width) of the largest crop of the aspect of `size`, to a pixel."""
    scale = min(background[0] / size[0], background[1] / size[1])
    return (
        min(background[0], max(1, round(size[0] * scale))),
        min(background[1], max(1, round(size[1] * scale))),
    )


def cut_background(background: RgbImage, crop: BackgroundCrop, size: Size) -> RgbImage:
    """Cut a background as `crop` says and resize it; returns uint8, (*size, 3)."""
    cut = background[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    resized = resize(np.ascontiguousarray(cut), size)
    return np.ascontiguousarray(resized[:, ::-1] if crop.flip else resized)


def blend(foreground: RgbImage, alpha: Alpha, background: RgbImage) -> RgbImage:
    """Return C = αF + (1 − α)B (Porter and Duff, SIGGRAPH 1984), rounded to the nearest level.

    Computed in whole numbers, in the image's own gamma as the field does: the same bytes on every
    machine.

    Parameters
    ----------
    foreground, background : uint8 arrays, (H, W, 3)
    alpha : uint8 array, (H, W)

    Returns
    -------
    uint8 array, (H, W, 3)
    """
    opacity = alpha.astype(np.uint16)[..., None]
    mixed = foreground * opacity + background * (255 - opacity)
    return ((mixed + 127) // 255).astype(np.uint8)
