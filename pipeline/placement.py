"""Where in a composite a subject stands: moved, scaled, mirrored."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.composite import Subject
from shm.pipeline.enlarge import Enlarge, Window, enlarge
from shm.pipeline.errors import ShmError
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, Size

Move = Literal["move", "scale", "flip"]

SCALES = (0.6, 1.4)
"""Bounds of the factor by which a subject is scaled."""

REACH = 0.25
"""How far a subject is moved at most, as a share of the composite's side."""


ASIDE = 0.25
"""How far a subject stands beside another one at least, as a share of the composite's width."""


class PlacementError(ShmError, ValueError):
    """There is no such way to place a subject."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Mirror the subject's photo, scale it, and put its top left corner at (top, left)."""

    scale: float = 1.0
    top: int = 0
    left: int = 0
    flip: bool = False


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Where a subject is in its photo.

    `size` is the photo's (height, width), `centre` the (row, column) in the middle of the subject's
    box; a side of the photo that the subject reaches cuts it off.
    """

    size: Size
    centre: tuple[float, float]
    cut_top: bool = False
    cut_left: bool = False
    cut_bottom: bool = False
    cut_right: bool = False


KEEP = Placement()


def parse_moves(text: str) -> tuple[Move, ...]:
    """Read ``keep``, or any of ``move``, ``scale`` and ``flip`` with commas between them."""
    names = [name.strip() for name in text.split(",")]
    if names == ["keep"]:
        return ()
    known = get_args(Move)
    if not set(names) <= set(known):
        raise PlacementError(f"{text!r}: write keep, or some of {', '.join(known)} with commas")
    return tuple(move for move in known if move in names)


def extent_of(alpha: Alpha) -> Extent:
    """Return a subject's extent, of what of it is more opaque than not."""
    opaque = alpha >= 128
    rows, columns = (np.flatnonzero(opaque.any(axis=axis)) for axis in (1, 0))
    height, width = alpha.shape
    return Extent(
        size=(height, width),
        centre=(
            float(rows[0] + rows[-1] + 1) / 2 if len(rows) else height / 2,
            float(columns[0] + columns[-1] + 1) / 2 if len(columns) else width / 2,
        ),
        cut_top=bool(opaque[0].any()),
        cut_left=bool(opaque[:, 0].any()),
        cut_bottom=bool(opaque[-1].any()),
        cut_right=bool(opaque[:, -1].any()),
    )


def choose_placement(
    subject: Extent,
    frame: Size,
    moves: Collection[Move],
    random: np.random.Generator,
    *,
    beside: float | None = None,
) -> Placement:
    """Choose at random where a subject stands in a frame, around the middle of its lower side.

    A side that cuts the subject off in its photo stays at the frame's side or beyond, so that no
    body ends in the air: a subject that is cut off left and right is never made smaller than the
    frame. The middle of the subject stays in the frame.

    Parameters
    ----------
    subject : Extent
    frame : (height, width)
        Of the composite.
    moves : some of 'move', 'scale', 'flip'
        What may differ from where the subject stood; none of them leaves it where it was.
    random : numpy.random.Generator
        Always gives the same number of draws, whatever is allowed.
    beside : float, optional
        The column in the frame that the subject keeps its distance from, on the side that is drawn
        or, where a cut side holds it back there, on the other.
    """
    flip = bool(random.integers(2)) and "flip" in moves
    low, high = np.log(SCALES)
    drawn = float(np.exp(random.uniform(low, high)))
    down, across = random.uniform(-REACH, REACH, 2)
    height, width = subject.size
    cut_left, cut_right = subject.cut_left, subject.cut_right
    if flip:
        cut_left, cut_right = cut_right, cut_left
    fit = min(frame[0] / height, frame[1] / width)  # a stranger's photo, to this frame
    scale = fit * (drawn if "scale" in moves else 1.0)
    if subject.cut_top and subject.cut_bottom:
        scale = max(scale, frame[0] / height)
    if cut_left and cut_right:
        scale = max(scale, frame[1] / width)
    scale = float(np.float32(scale))
    tall, wide = scaled_size(subject.size, scale)
    top, left = frame[0] - tall, (frame[1] - wide) // 2
    if "move" in moves:
        top, left = top + round(down * frame[0]), left + round(across * frame[1])
    row, column = subject.centre
    middle = scale * (width - column if flip else column)

    def held(start: int) -> int:
        return _held(start, wide, frame[1], middle, cut_left, cut_right)

    if beside is not None:
        away = math.copysign(ASIDE + abs(across), across) * frame[1]
        sides = [held(round(beside + side - middle)) for side in (away, -away)]
        distances = [abs(side + middle - beside) for side in sides]
        near = distances[0] < ASIDE * frame[1] and distances[1] > distances[0]
        left = sides[1] if near else sides[0]
    return Placement(
        scale=scale,
        top=_held(top, tall, frame[0], scale * row, subject.cut_top, subject.cut_bottom),
        left=held(left),
        flip=flip,
    )


def placed_column(subject: Extent, placement: Placement) -> float:
    """Return the column of the frame in which the middle of a placed subject stands."""
    column = subject.size[1] - subject.centre[1] if placement.flip else subject.centre[1]
    return placement.left + placement.scale * column


def scaled_size(size: Size, scale: float) -> Size:
    """Return a photo's (height, width) after scaling, at least one pixel."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def place(
    subject: Subject,
    placement: Placement,
    frame: Size,
    *,
    window: Window | None = None,
    by: Enlarge = enlarge,
) -> Subject:
    """Return the subject as it stands in a frame of (height, width), or in a window of it.

    Colours are interpolated weighted with alpha, so that none come in from where there is no
    subject; where the interpolated alpha is neither 0 nor 255 the trimap is unknown.
    """
    foreground, alpha, trimap = subject.foreground, subject.alpha, subject.trimap
    whole = slice(0, frame[0]), slice(0, frame[1])
    if placement == KEEP and frame == alpha.shape and window in (None, whole):
        return subject
    if placement.flip:
        foreground, alpha, trimap = foreground[:, ::-1], alpha[:, ::-1], trimap[:, ::-1]
    size = scaled_size((alpha.shape[0], alpha.shape[1]), placement.scale)
    seen = window or whole
    rows, part_rows = _overlap(placement.top, size[0], seen[0])
    columns, part_columns = _overlap(placement.left, size[1], seen[1])
    part = part_rows, part_columns
    if size == alpha.shape:
        foreground, alpha, trimap = foreground[part], alpha[part], trimap[part]
    elif rows.start < rows.stop and columns.start < columns.stop:
        scaled = _scaled(foreground, alpha, trimap, size, part, by)
        foreground, alpha, trimap = scaled.foreground, scaled.alpha, scaled.trimap
    else:
        rows = columns = slice(0, 0)
        foreground, alpha, trimap = foreground[:0, :0], alpha[:0, :0], trimap[:0, :0]

    def moved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        shape = [part.stop - part.start for part in seen]
        there = np.zeros((*shape, *picture.shape[2:]), np.uint8)
        there[rows, columns] = picture
        return there

    return Subject(foreground=moved(foreground), alpha=moved(alpha), trimap=moved(trimap))


def placed_pixel(
    pixel: tuple[int, int], size: Size, placement: Placement, frame: Size
) -> tuple[int, int] | None:
    """Return where a pixel of a subject's photo lies in the frame; None where it is outside.

    Parameters
    ----------
    pixel : (row, column)
    size, frame : (height, width)
        Of the photo, and of the composite.
    """
    scaled = scaled_size(size, placement.scale)
    column = size[1] - 1 - pixel[1] if placement.flip else pixel[1]
    row = placement.top + (2 * pixel[0] + 1) * scaled[0] // (2 * size[0])
    column = placement.left + (2 * column + 1) * scaled[1] // (2 * size[1])
    inside = 0 <= row < frame[0] and 0 <= column < frame[1]
    return (row, column) if inside else None


def _scaled(
    foreground: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    trimap: NDArray[np.uint8],
    size: Size,
    part: Window,
    by: Enlarge,
) -> Subject:
    """Return a part of the subject as it is at another size."""
    opacity = alpha.astype(np.uint16)[..., None]
    weighted = ((foreground * opacity + 127) // 255).astype(np.uint8)
    soft = _resized(np.ascontiguousarray(alpha), size, part, by)
    weight = np.maximum(soft, 1).astype(np.uint16)[..., None]
    colours = (_resized(weighted, size, part, by).astype(np.uint16) * 255 + weight // 2) // weight
    rows, columns = (
        (np.arange(side.start, side.stop) * 2 + 1) * before // (2 * after)
        for side, before, after in zip(part, alpha.shape, size, strict=True)
    )
    nearest = trimap[np.ix_(rows, columns)]
    wrong = (nearest == FOREGROUND) & (soft < 255) | (nearest == BACKGROUND) & (soft > 0)
    return Subject(
        foreground=np.where(soft[..., None] > 0, np.minimum(colours, 255), 0).astype(np.uint8),
        alpha=soft,
        trimap=np.where(wrong, np.uint8(UNKNOWN), nearest),
    )


def _resized(
    picture: NDArray[np.uint8], size: Size, part: Window, by: Enlarge
) -> NDArray[np.uint8]:
    """Interpolate bilinearly, after halving as long as that would leave pixels out."""
    while min(picture.shape[0] / size[0], picture.shape[1] / size[1]) > 2:
        rows, columns = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        even = picture[:rows, :columns].astype(np.uint16)
        four = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
        picture = ((four + 2) // 4).astype(np.uint8)
    return by(picture, size, part)


def _overlap(start: int, length: int, seen: slice) -> tuple[slice, slice]:
    """Return the part of what is seen that a picture covers, and that part of the picture."""
    first, last = max(seen.start, start), min(seen.stop, start + length)
    last = max(first, last)
    return slice(first - seen.start, last - seen.start), slice(first - start, last - start)


def _held(
    start: int, length: int, frame: int, middle: float, cut_before: bool, cut_after: bool
) -> int:
    """Return the start nearest to `start` that keeps `middle` in the frame, and cut sides out."""
    lower, upper = math.ceil(-middle), math.floor(frame - middle)
    if cut_before:
        upper = min(upper, 0)
    if cut_after:
        lower = max(lower, frame - length)
    return max(lower, min(start, upper))
