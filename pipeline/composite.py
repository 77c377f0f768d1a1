"""Pasting a subject on another background."""

from dataclasses import dataclass

import numpy as np

from shm.pipeline.resize import resize
from shm.pipeline.values import Alpha, RgbImage, Size


@dataclass(frozen=True, kw_only=True)
class BackgroundCrop:
    """Where a background is cut: first scaled to `scaled`, then cropped at (top, left)."""

    scaled: Size
    top: int
    left: int
    flip: bool


def choose_crop(background: Size, size: Size, random: np.random.Generator) -> BackgroundCrop:
    """Choose the random crop of a background that is scaled just to cover `size`.

    Parameters
    ----------
    background, size : (height, width)
        Of the background photo, and of the composite.
    random : numpy.random.Generator
        Decides the place and the mirroring.
    """
    height, width = covering(background, size)
    return BackgroundCrop(
        scaled=(height, width),
        top=int(random.integers(height - size[0] + 1)),
        left=int(random.integers(width - size[1] + 1)),
        flip=bool(random.integers(2)),
    )


def centre_crop(background: Size, size: Size) -> BackgroundCrop:
    """Return the middle of a background that is scaled just to cover `size`."""
    height, width = covering(background, size)
    return BackgroundCrop(
        scaled=(height, width),
        top=(height - size[0]) // 2,
        left=(width - size[1]) // 2,
        flip=False,
    )


def covering(background: Size, size: Size) -> Size:
    """Return the smallest size of the background's aspect that covers `size`."""
    scale = max(size[0] / background[0], size[1] / background[1])
    return max(size[0], round(background[0] * scale)), max(size[1], round(background[1] * scale))


def cut_background(background: RgbImage, crop: BackgroundCrop, size: Size) -> RgbImage:
    """Scale and crop a background as `crop` says; returns uint8, (*size, 3)."""
    scaled = resize(background, crop.scaled)
    cut = scaled[crop.top : crop.top + size[0], crop.left : crop.left + size[1]]
    return np.ascontiguousarray(cut[:, ::-1] if crop.flip else cut)


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
