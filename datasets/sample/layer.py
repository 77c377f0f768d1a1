"""Layers of colour and coverage, and the supersampled canvas that lines and shapes are drawn on."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shm.pipeline.values import Size

FloatImage = NDArray[np.float32]
"""(H, W) or (H, W, 3), colours and opacities in [0, 1]."""

Points = NDArray[np.float64]
"""(..., 2), x to the right and y down."""

_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Layer:
    """What covers a picture, as drawn: colours times opacity, and opacity.

    Attributes
    ----------
    premultiplied : float32 array, (H, W, 3)
        Colour times opacity, 0..1.
    alpha : float32 array, (H, W)
        Opacity, 0..1.
    """

    premultiplied: FloatImage
    alpha: FloatImage

    @classmethod
    def of(cls, colour: FloatImage, alpha: FloatImage) -> "Layer":
        """Return the layer of a colour (H, W, 3) or (3,) that is not yet multiplied."""
        return cls((colour * alpha[..., None]).astype(np.float32), alpha)

    @classmethod
    def empty(cls, size: Size) -> "Layer":
        """Return a layer that covers nothing."""
        return cls(np.zeros((*size, 3), np.float32), np.zeros(size, np.float32))

    def over(self, below: "Layer") -> "Layer":
        """Put this layer over another (Porter and Duff, SIGGRAPH 1984)."""
        rest = 1 - self.alpha
        return Layer(
            self.premultiplied + below.premultiplied * rest[..., None],
            self.alpha + below.alpha * rest,
        )

    def shaded(self, light: FloatImage, shine: FloatImage | None = None) -> "Layer":
        """Multiply the colours by `light` (H, W) and add `shine` (H, W) of white."""
        colour = self.premultiplied * light[..., None]
        if shine is not None:
            colour = colour + (shine * self.alpha)[..., None]
        return Layer(np.minimum(colour, self.alpha[..., None]).astype(np.float32), self.alpha)

    def within(self, coverage: FloatImage) -> "Layer":
        """Keep only what lies within `coverage`, (H, W)."""
        return Layer(self.premultiplied * coverage[..., None], self.alpha * coverage)


class Canvas:
    """A picture of `size` that is drawn `factor` times as large and then averaged down.

    Pixels hold colour times opacity in three channels and opacity in the fourth: OpenCV blends an
    anti-aliased line into all four alike, and so composites it over what is there already. Many
    lines of partial cover add up as 1 − Π(1 − αᵢ).
    """

    def __init__(self, size: Size, factor: int) -> None:
        self.size, self.factor = size, factor
        self._pixels = np.zeros((size[0] * factor, size[1] * factor, 4), np.uint8)

    def shape(self, points: Points, colour: FloatImage | tuple[float, ...]) -> None:
        """Fill the closed polygon through `points` (N, 2), in pixels of the picture."""
        where = [self._fixed(points)]
        cv2.fillPoly(self._pixels, where, _bytes(colour), cv2.LINE_AA, shift=_SUBPIXEL_BITS)

    def line(
        self, points: Points, colour: FloatImage | tuple[float, ...], width: float = 0
    ) -> None:
        """Draw an open line through `points` (N, 2), `width` pixels of the picture wide.

        The thinnest line is one pixel of the canvas wide, whatever `width`.
        """
        where, thickness = [self._fixed(points)], max(1, round(width * self.factor))
        cv2.polylines(
            self._pixels,
            where,
            isClosed=False,
            color=_bytes(colour),
            thickness=thickness,
            lineType=cv2.LINE_AA,
            shift=_SUBPIXEL_BITS,
        )

    def layer(self) -> Layer:
        """Return what was drawn, averaged down to the picture's size."""
        height, width = self.size
        small = cv2.resize(self._pixels, (width, height), interpolation=cv2.INTER_AREA)
        values = np.asarray(small, np.float32) / np.float32(255)
        alpha = values[..., 3]
        return Layer(np.minimum(values[..., :3], alpha[..., None]), alpha)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        # OpenCV's whole numbers are the centres of pixels, ours their upper left corners.
        scaled = (points * self.factor - 0.5) * 2**_SUBPIXEL_BITS
        return np.asarray(np.round(np.clip(scaled, -(2.0**24), 2.0**24)), np.int32)


def coverage(size: Size, factor: int, *outlines: Points) -> FloatImage:
    """Return how much of each pixel the polygons cover together, float32, (H, W), 0..1."""
    large = np.zeros((size[0] * factor, size[1] * factor), np.uint8)
    for outline in outlines:
        fixed = np.round((outline * factor - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(large, [fixed], (255,), cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    small = cv2.resize(large, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def smooth_curve(points: Points, *, closed: bool, steps: int = 12) -> Points:
    """Return the Catmull-Rom curve through control points (N, 2), `steps` points a span."""
    if closed:
        before, after, further = (np.roll(points, k, axis=0) for k in (1, -1, -2))
        start = points
    else:
        padded = np.vstack([points[:1], points, points[-1:]])
        before, start, after, further = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    b, s, a, f = (p[:, None] for p in (before, start, after, further))
    curve = 0.5 * (
        2 * s + (a - b) * t + (2 * b - 5 * s + 4 * a - f) * t**2 + (3 * s - b - 3 * a + f) * t**3
    )
    flat: Points = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, points[-1:]])


def moved(points: Points, x: float, y: float) -> Points:
    """Shift points (..., 2) to the right by `x` and down by `y`."""
    shifted: Points = points + np.array([x, y])
    return shifted


def rgb(values: Sequence[float] | Points) -> FloatImage:
    """Return a colour, or a factor for each channel, as a float32 array, (3,)."""
    return np.asarray(values, np.float32)


def mirrored(half: Points) -> Points:
    """Close a right half, given from top to bottom, with its mirror image on the left."""
    left = half[::-1] * [-1, 1]
    skip_last = slice(1 if half[-1, 0] == 0 else 0, -1 if half[0, 0] == 0 else None)
    return np.vstack([half, left[skip_last]])


def _bytes(colour: FloatImage | tuple[float, ...]) -> tuple[int, int, int, int]:
    red, green, blue = (round(255 * min(1.0, max(0.0, float(c)))) for c in colour)
    return red, green, blue, 255
