"""Pasting subjects on another background.

A composite is C = αF + (1 − α)B (Porter and Duff, SIGGRAPH 1984). All of it is whole numbers, so
that the same recipe gives the same bytes on every machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.enlarge import Enlarge, Taps, Window, enlarge, interpolate, taps
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, RgbImage, Size, Trimap

BAND = 64
"""Rows that are blended at a time."""


@dataclass(frozen=True, kw_only=True)
class BackgroundCrop:
    """The part of a background that is used.

    `scaled` is the (height, width) to which the whole background is enlarged; `top` and `left` are
    the corner of the crop in it; `flip` mirrors the crop.
    """

    scaled: Size
    top: int = 0
    left: int = 0
    flip: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What is pasted: `foreground` uint8 (H, W, 3), `alpha` and `trimap` uint8 (H, W)."""

    foreground: RgbImage
    alpha: Alpha
    trimap: Trimap


def cover_size(background: Size, size: Size) -> Size:
    """Return the (height, width) that a background is enlarged to, so that it covers `size`.

    It is left as it is where it covers that already: never reduced. Otherwise by the rule of
    DIM's published scripts: r = max(h / h_b, w / w_b), then ⌊h_b · r + 1⌋ × ⌊w_b · r + 1⌋.
    """
    ratio = max(size[0] / background[0], size[1] / background[1])
    if ratio <= 1:
        return background
    return int(background[0] * ratio + 1), int(background[1] * ratio + 1)


def choose_crop(background: Size, size: Size, random: np.random.Generator) -> BackgroundCrop:
    """Choose at random where in the enlarged background the composite lies, and whether mirrored.

    Parameters
    ----------
    background, size : (height, width)
        Of the background photo, and of the composite.
    """
    scaled = cover_size(background, size)
    return BackgroundCrop(
        scaled=scaled,
        top=int(random.integers(scaled[0] - size[0] + 1)),
        left=int(random.integers(scaled[1] - size[1] + 1)),
        flip=bool(random.integers(2)),
    )


def centre_crop(background: Size, size: Size) -> BackgroundCrop:
    """Return the crop in the middle of the enlarged background."""
    scaled = cover_size(background, size)
    return BackgroundCrop(
        scaled=scaled, top=(scaled[0] - size[0]) // 2, left=(scaled[1] - size[1]) // 2
    )


def cut_background(
    background: RgbImage, crop: BackgroundCrop, size: Size, *, by: Enlarge = enlarge
) -> RgbImage:
    """Enlarge a background and cut the crop out of it; returns uint8, (*size, 3)."""
    window = slice(crop.top, crop.top + size[0]), slice(crop.left, crop.left + size[1])
    enlarged = crop.scaled != background.shape[:2]
    cut = by(background, crop.scaled, window) if enlarged else background[window]
    return mirrored(cut) if crop.flip else np.ascontiguousarray(cut)


@dataclass(frozen=True, kw_only=True, eq=False)
class Uncut:
    """What a window of a crop is interpolated from: the part of the photo that it needs.

    `source` is uint8 (h, w, 3), `rows` and `columns` lie in it.
    """

    source: RgbImage
    rows: Taps
    columns: Taps

    def cut(self) -> RgbImage:
        """Return the window: that part of what `cut_background` returns."""
        if self.rows.weight.any() or self.columns.weight.any():
            return interpolate(self.source, self.rows, self.columns)
        rows = np.take(self.source, self.rows.first, axis=0)
        start, stop = int(self.columns.first[0]), int(self.columns.first[-1])
        cut = rows[:, start : stop + 1] if start <= stop else mirrored(rows[:, stop : start + 1])
        return np.ascontiguousarray(cut)


def uncut_background(
    read: Callable[[Window], RgbImage],
    background: Size,
    crop: BackgroundCrop,
    size: Size,
    window: Window,
) -> Uncut:
    """Read what a window of a crop is interpolated from.

    Parameters
    ----------
    read : callable
        Reads a part of the background, (rows, columns), as uint8 (h, w, 3).
    background, size : (height, width)
        Of the background, and of the whole crop.
    window : (rows, columns)
        Of the crop.
    """
    high, wide = window
    if crop.flip:
        wide = slice(size[1] - wide.stop, size[1] - wide.start)
    high = slice(crop.top + high.start, crop.top + high.stop)
    wide = slice(crop.left + wide.start, crop.left + wide.stop)
    rows = taps(background[0], crop.scaled[0], high)
    columns = taps(background[1], crop.scaled[1], wide)
    part = rows.source(), columns.source()
    columns = columns.mirrored() if crop.flip else columns
    return Uncut(
        source=read(part), rows=rows.after(part[0].start), columns=columns.after(part[1].start)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Weighted:
    """A foreground weighted with its alpha, to be put on any number of backgrounds.

    `rows` are those that hold something of it, `colours` is 255 αF + 128 and `rest` 255 (1 − α) in
    them, both uint16 (rows, W, 3).
    """

    rows: slice
    colours: NDArray[np.uint16]
    rest: NDArray[np.uint16]

    def over(self, background: RgbImage) -> RgbImage:
        """Return αF + (1 − α)B, uint8 (H, W, 3)."""
        image = background.copy()
        part = image[self.rows]
        for top in range(0, len(part), BAND):  # so that what is computed with stays in the cache
            band = slice(top, top + BAND)
            mixed = part[band].astype(np.uint16)
            mixed *= self.rest[band]
            mixed += self.colours[band]
            mixed += mixed >> 8  # (v + 128 + (v + 128) / 256) / 256 is v / 255 to the nearest,
            mixed >>= 8  # for every v up to 255²
            part[band] = mixed
        return image


def weigh(foreground: RgbImage, alpha: Alpha) -> Weighted:
    """Weigh a foreground, uint8 (H, W, 3), with its alpha, uint8 (H, W)."""
    rows = np.flatnonzero(alpha.any(axis=1))
    part = slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)
    opacity = _opacity(alpha[part])
    return Weighted(rows=part, colours=foreground[part] * opacity + 128, rest=255 - opacity)


def _opacity(alpha: Alpha) -> NDArray[np.uint16]:
    """Return alpha for each of three channels, uint16 (H, W, 3)."""
    opacity = np.empty((*alpha.shape, 3), np.uint16)
    for channel in range(3):  # several times as fast as to repeat each value
        opacity[..., channel] = alpha
    return opacity


def blend(foreground: RgbImage, alpha: Alpha, background: RgbImage) -> RgbImage:
    """Return C = αF + (1 − α)B, in the image's own gamma as the field does.

    Each value is the nearest level to the exact one, which is what floating point gives, too.

    Parameters
    ----------
    foreground, background : uint8 arrays, (H, W, 3)
    alpha : uint8 array, (H, W)

    Returns
    -------
    uint8 array, (H, W, 3)
    """
    image = np.empty_like(background)
    for top in range(0, len(alpha), BAND):
        band = slice(top, top + BAND)
        opacity = _opacity(alpha[band])
        mixed = background[band] * (255 - opacity)
        opacity *= foreground[band]
        mixed += opacity
        mixed += 128
        mixed += mixed >> 8
        mixed >>= 8
        image[band] = mixed
    return image


def blend_linear(foreground: RgbImage, alpha: Alpha, background: RgbImage) -> RgbImage:
    """Return C = αF + (1 − α)B in linear light, as a lens mixes it (sRGB, IEC 61966-2-1).

    Parameters and result are those of `blend`.
    """
    to_linear, to_srgb = _transfer()
    opacity = alpha[..., None].astype(np.uint32)
    mixed = to_linear[foreground] * opacity + to_linear[background] * (255 - opacity)
    return np.asarray(to_srgb[(mixed + 127) // 255])


def join(front: Subject, behind: Subject) -> Subject:
    """Return two subjects as one: α = 1 − (1 − α₁)(1 − α₂), the first before the second.

    The foreground is αF = α₁F₁ + (1 − α₁)α₂F₂, divided by α; what is unknown in one and not hidden
    by the other stays unknown.
    """
    one, two = front.alpha.astype(np.uint32), behind.alpha.astype(np.uint32)
    seen = (255 - one) * two  # of the second, in 1/255²
    whole = one * 255 + seen
    colours = (one * 255)[..., None] * front.foreground + seen[..., None] * behind.foreground
    foreground = (colours + whole[..., None] // 2) // np.maximum(whole, 1)[..., None]
    trimap = np.full_like(front.trimap, UNKNOWN)
    trimap[(front.trimap == BACKGROUND) & (behind.trimap == BACKGROUND)] = BACKGROUND
    trimap[(front.trimap == FOREGROUND) | (behind.trimap == FOREGROUND)] = FOREGROUND
    return Subject(
        foreground=foreground.astype(np.uint8),
        alpha=((whole + 127) // 255).astype(np.uint8),
        trimap=trimap,
    )


def mirrored(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mirror a picture, uint8 (H, W) or (H, W, 3): left becomes right."""
    if picture.ndim == 2:
        return np.ascontiguousarray(picture[:, ::-1])
    found = np.empty(picture.shape, np.uint8)
    for channel in range(picture.shape[2]):  # a third of the time of all at once
        found[..., channel] = picture[:, ::-1, channel]
    return found


@cache
def _transfer() -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return the tables from 8 bits of sRGB to 16 of linear light, and back."""
    levels = np.arange(256) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    to_linear = np.rint(linear * 65535)
    middles = (to_linear[1:] + to_linear[:-1]) / 2
    back = np.searchsorted(middles, np.arange(65536), side="right")
    return to_linear.astype(np.uint32), back.astype(np.uint8)
