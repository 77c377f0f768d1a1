"""Where a figure stands in its picture: from lengths in heads to pixels and back."""

from dataclasses import dataclass

import numpy as np

from shm.datasets.sample.layer import Canvas, FloatImage, Layer, Points, coverage
from shm.datasets.sample.person import Person
from shm.datasets.sample.texture import blurred
from shm.pipeline.values import Size

_NAPE = np.array([0.0, 0.85])
"""The point about which the head leans, in heads."""


@dataclass(frozen=True)
class Stance:
    """Maps figure space to the picture.

    In figure space the head's centre is (0, 0), the chin (0, 1) and the crown (0, −1).
    """

    size: Size
    factor: int
    """How many times as large the canvases are drawn."""
    unit: float
    """Pixels in a head."""
    centre: tuple[float, float]
    roll: float

    @classmethod
    def of(cls, person: Person) -> "Stance":
        """Return the stance of a person; large pictures need less supersampling."""
        long_side = max(person.size)
        factor = 3 if long_side <= 768 else 2 if long_side <= 2048 else 1
        return cls(person.size, factor, person.head, person.centre, person.roll)

    def body(self, points: Points) -> Points:
        """Return the pixels (..., 2) of points that don't lean with the head."""
        placed: Points = points * self.unit + np.asarray(self.centre)
        return placed

    def head(self, points: Points) -> Points:
        """Return the pixels (..., 2) of points that lean with the head."""
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        turned = (points - _NAPE) @ np.array([[cosine, sine], [-sine, cosine]]) + _NAPE
        return self.body(turned)

    def head_grid(self) -> tuple[FloatImage, FloatImage]:
        """Return x and y of every pixel in the leaning head's space, float32, (H, W)."""
        y, x = np.mgrid[: self.size[0], : self.size[1]].astype(np.float32) + np.float32(0.5)
        u = (x - self.centre[0]) / self.unit - _NAPE[0]
        v = (y - self.centre[1]) / self.unit - _NAPE[1]
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        across, down = u * cosine + v * sine + _NAPE[0], v * cosine - u * sine + _NAPE[1]
        return across.astype(np.float32), down.astype(np.float32)

    def canvas(self) -> Canvas:
        """Return an empty canvas of the picture's size."""
        return Canvas(self.size, self.factor)

    def covered(self, *outlines: Points) -> FloatImage:
        """Return the coverage of outlines in pixels, float32, (H, W)."""
        return coverage(self.size, self.factor, *outlines)

    def shadowed(
        self,
        below: Layer,
        caster: FloatImage,
        *,
        offset: tuple[float, float],
        blur: float,
        strength: float,
    ) -> Layer:
        """Darken what lies below by the soft shadow of `caster`; offset and blur in heads."""
        down, right = (round(distance * self.unit) for distance in offset)
        shadow = blurred(_shifted(caster, down, right), blur * self.unit)
        return below.shaded(1 - strength * shadow)


def _shifted(picture: FloatImage, down: int, right: int) -> FloatImage:
    moved = np.zeros_like(picture)
    height, width = picture.shape
    moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = picture[
        max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return moved
