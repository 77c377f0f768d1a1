"""The subject's own colours, without the old background's."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.values import Alpha, Mask, RgbImage

MARGIN = 8
"""Pixels around the subject whose colour is kept, so that resizing mixes in no black."""

_CONTEXT = 32
"""Pixels of certain colour that are looked at beyond the ones to estimate."""

_SMOOTHNESS = np.float32(1e-5)
_EDGE_SMOOTHNESS = np.float32(0.25)
"""How strongly neighbours are tied: always, and for each unit by which their alphas differ."""

_SWEEPS = 4
_OVERSHOOT = np.float32(1.5)
"""Sweeps a level, each over-relaxed: as good as ten plain ones."""

_REACH = 2 * _SWEEPS
"""Pixels that a colour can travel on one level: two a sweep, one for each colour of the board."""

_Pair = NDArray[np.uint8]
"""Foreground's red, green, blue, then the background's: (H, W, 6)."""

_Floats = NDArray[np.float32]
_Indices = NDArray[np.intp]
_Window = tuple[slice, slice]


class ForegroundError(ShmError, ValueError):
    """The photo and its alpha don't fit together, or the tiles have no size."""


def estimate_foreground(image: RgbImage, alpha: Alpha, *, tile: int = 512) -> RgbImage:
    """Estimate the foreground's true colours where alpha is fractional, and around the subject.

    The photo's colours carry the old background's into every composite as a halo. Foreground and
    background are solved together, from coarse to fine: mixed by alpha they are the photo, and
    they change little from pixel to pixel, least where alpha changes most (Germer et al., "Fast
    Multi-Level Foreground Estimation", ICPR 2020, arXiv 2006.14970). Unlike there, levels are
    averages, sweeps are red-black and over-relaxed, and only the pixels in question are solved:
    time and memory follow the soft edge rather than the photo.

    Parameters
    ----------
    image : uint8 array, (H, W, 3)
        The photo, RGB.
    alpha : uint8 array, (H, W)
        Its matte.
    tile : int
        Side in pixels of the squares that are solved one at a time. Smaller ones need less memory;
        the result is the same, bit for bit.

    Returns
    -------
    uint8 array, (H, W, 3)
        The photo where alpha is 255; the estimate where it is less; zero (which costs no disk)
        farther than `MARGIN` pixels from the subject.

    Raises
    ------
    ForegroundError
        The photo is not RGB of the alpha's size, or `tile` is below 1.
    """
    if image.shape != (*alpha.shape, 3):
        raise ForegroundError(
            f"photo {image.shape}, alpha {alpha.shape}: give an RGB photo and an alpha of its size"
        )
    if tile < 1:
        raise ForegroundError(f"tile {tile}: at least 1 pixel, please")
    foreground = np.zeros_like(image, order="C")
    np.copyto(foreground, image, where=(alpha == 255)[..., None])
    wanted = _wanted(alpha)
    if wanted.any():
        window = _around(wanted)
        _estimate(foreground[window], image[window], alpha[window], wanted[window], tile)
    return foreground


def limit_to_subject(foreground: RgbImage, alpha: Alpha) -> RgbImage:
    """Return the colours with zeros farther than `MARGIN` pixels from any alpha above 0."""
    limited = np.zeros_like(foreground, order="C")
    np.copyto(limited, foreground, where=_near(alpha)[..., None])
    return limited


def _near(alpha: Alpha) -> Mask:
    """Return where some alpha within `MARGIN` pixels is above 0."""
    import cv2

    if not alpha.size:  # which OpenCV refuses
        return np.zeros(alpha.shape, bool)
    element = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    return np.asarray(cv2.dilate(alpha, element) > 0)


def _wanted(alpha: Alpha) -> Mask:
    """Return whose colour the photo does not tell and a composite may show."""
    wanted = _near(alpha)
    wanted &= alpha < 255
    return wanted


def _around(wanted: Mask) -> _Window:
    """Return the bounding box with its context."""

    def span(axis: int) -> slice:
        places = np.flatnonzero(wanted.any(axis=axis))
        return slice(max(0, int(places[0]) - _CONTEXT), int(places[-1]) + 1 + _CONTEXT)

    return span(1), span(0)


def _estimate(foreground: RgbImage, image: RgbImage, alpha: Alpha, wanted: Mask, tile: int) -> None:
    """Write the colours of the wanted pixels into `foreground`."""
    levels = [(image, alpha)]
    while max(levels[-1][1].shape) > 1:
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    pair = _first_guess(*next(level for level in levels if max(level[1].shape) <= 256))
    for level in levels[:0:-1]:
        solver = _Level(*level, pair, _wanted(level[1]))
        pair = np.empty((*level[1].shape, 6), np.uint8)
        for core, colours in solver.tiles(tile):
            pair[core] = colours
    for core, colours in _Level(image, alpha, pair, wanted).tiles(tile, wanted_only=True):
        np.copyto(foreground[core], colours[..., :3], where=wanted[core][..., None])


def _halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the averages of 2 × 2 pixels; an odd last row or column is doubled before."""
    import cv2

    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(
            pixels, ((0, height % 2), (0, width % 2), (0, 0))[: pixels.ndim], mode="edge"
        )
    size = ((width + 1) // 2, (height + 1) // 2)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _first_guess(image: RgbImage, alpha: Alpha) -> _Pair:
    """Return mean colours, for the most part of what is nearly opaque or transparent, (1, 1, 6)."""
    opacity = alpha.astype(np.float64)[..., None] / 255
    weights = (share**8 + 1e-30 for share in (opacity, 1 - opacity))
    means = [(image * weight).sum(axis=(0, 1)) / weight.sum() for weight in weights]
    pair: _Pair = np.rint(np.concatenate(means)).astype(np.uint8)
    return pair[None, None]


@dataclass(frozen=True)
class _Level:
    """One resolution: what is known there, and the next coarser one's answer."""

    image: RgbImage
    alpha: Alpha
    coarser: _Pair
    wanted: Mask

    def tiles(self, side: int, *, wanted_only: bool = False) -> Iterator[tuple[_Window, _Pair]]:
        """Solve square after square; yields where it is, and its colours.

        Each is solved with so much around it that what is missing beyond can't reach it.
        """
        height, width = self.alpha.shape
        for top in range(0, height, side):
            for left in range(0, width, side):
                core = slice(top, min(top + side, height)), slice(left, min(left + side, width))
                if wanted_only and not self.wanted[core].any():
                    continue
                above, before = min(_REACH, top), min(_REACH, left)
                colours = self._solved(
                    slice(top - above, min(top + side + _REACH, height)),
                    slice(left - before, min(left + side + _REACH, width)),
                )
                inner = slice(above, above + core[0].stop - top)
                yield core, colours[inner, before : before + core[1].stop - left]

    def _solved(self, rows: slice, columns: slice) -> _Pair:
        image, alpha = self.image[rows, columns], self.alpha[rows, columns]
        pair = self._started(rows, columns)
        y, x = np.nonzero(self.wanted[rows, columns])
        if not len(y):
            return pair
        odd = ((y + x + rows.start + columns.start) % 2).astype(bool)
        board = [_Half.of(image, alpha, y[half], x[half]) for half in (~odd, odd)]
        colours = pair.reshape(-1, 6).astype(np.float32)
        for _ in range(_SWEEPS):
            for half in board:
                half.relax(colours)
        return np.rint(colours).astype(np.uint8).reshape(pair.shape)

    def _started(self, rows: slice, columns: slice) -> _Pair:
        """Return the coarser answer, with what the photo tells for certain."""
        y, x = np.arange(rows.start, rows.stop) // 2, np.arange(columns.start, columns.stop) // 2
        below, right = self.coarser.shape[0] - 1, self.coarser.shape[1] - 1
        pair: _Pair = self.coarser[np.minimum(y, below)[:, None], np.minimum(x, right)]
        image, alpha = self.image[rows, columns], self.alpha[rows, columns]
        np.copyto(pair[..., :3], image, where=(alpha == 255)[..., None])
        np.copyto(pair[..., 3:], image, where=(alpha == 0)[..., None])
        return pair


@dataclass(frozen=True)
class _Half:
    """The wanted pixels on one colour of a chessboard: none is another's neighbour.

    For given neighbours each pixel's foreground F and background B minimise
    (αF + (1 − α)B − I)² + Σ wₙ (|F − Fₙ|² + |B − Bₙ|²): the neighbours' means, moved by what they
    lack of the photo.
    """

    places: _Indices
    neighbours: list[_Indices]
    ties: list[_Floats]
    alpha: _Floats
    gain: _Floats
    photo: _Floats

    @classmethod
    def of(cls, image: RgbImage, alpha: Alpha, y: _Indices, x: _Indices) -> "_Half":
        """Prepare the pixels (y, x); beyond the picture's edge lie the edge's own colours."""
        height, width = alpha.shape
        steps = (
            (np.maximum(y - 1, 0), x),
            (np.minimum(y + 1, height - 1), x),
            (y, np.maximum(x - 1, 0)),
            (y, np.minimum(x + 1, width - 1)),
        )
        level = np.float32(1 / 255)
        own = alpha[y, x] * level
        ties = [_SMOOTHNESS + _EDGE_SMOOTHNESS * np.abs(own - alpha[to] * level) for to in steps]
        total = ties[0] + ties[1] + ties[2] + ties[3]
        return cls(
            places=y * width + x,
            neighbours=[row * width + column for row, column in steps],
            ties=[(tie / total)[:, None] for tie in ties],
            alpha=own[:, None],
            gain=(1 / (own**2 + (1 - own) ** 2 + total))[:, None],
            photo=image[y, x].astype(np.float32),
        )

    def relax(self, colours: _Floats) -> None:
        """Move the pixels' colours, (H · W, 6), towards their optimum, and a little beyond."""
        target = np.zeros((len(self.places), 6), np.float32)
        for tie, neighbour in zip(self.ties, self.neighbours, strict=True):
            target += tie * colours[neighbour]
        front, back = target[:, :3], target[:, 3:]
        lacking = (self.photo - self.alpha * front - (1 - self.alpha) * back) * self.gain
        front += self.alpha * lacking
        back += (1 - self.alpha) * lacking
        before = colours[self.places]
        colours[self.places] = np.clip(before + _OVERSHOOT * (target - before), 0, 255)
