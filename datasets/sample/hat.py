"""Hats: hard edges above soft hair."""

import numpy as np

from shm.datasets.sample.layer import FloatImage, Layer, Points, mirrored, moved, rgb, smooth_curve
from shm.datasets.sample.person import Person
from shm.datasets.sample.stance import Stance
from shm.datasets.sample.texture import cloth, lambert, relief

# Right halves, in heads, from top to bottom.
_CROWNS = {
    "beanie": [(0.0, -1.24), (0.42, -1.14), (0.72, -0.82), (0.83, -0.42), (0.80, -0.22), (0, -0.3)],
    "cap": [(0.0, -1.16), (0.45, -1.08), (0.72, -0.80), (0.80, -0.45), (0.78, -0.36), (0, -0.46)],
    "fedora": [(0.0, -1.22), (0.30, -1.34), (0.58, -1.24), (0.70, -0.80), (0.77, -0.46), (0, -0.4)],
}  # fmt: skip
_BRIMS = {
    "beanie": [(0.0, -0.62), (0.50, -0.56), (0.84, -0.44), (0.83, -0.20), (0.45, -0.26), (0, -0.3)],
    "cap": [(0.0, -0.56), (0.45, -0.54), (0.76, -0.42), (0.66, -0.24), (0.36, -0.25), (0, -0.28)],
    "fedora": [(0.0, -0.56), (0.7, -0.58), (1.22, -0.66), (1.30, -0.58), (0.8, -0.36), (0, -0.28)],
}  # fmt: skip


def draw_hat(person: Person, stance: Stance, random: np.random.Generator) -> Layer:
    """Draw the hat of a person who wears one."""
    dark = rgb(person.clothes.second) * np.float32(0.75)
    pattern = "knit" if person.hat == "beanie" else "plain"
    wool = cloth(random, stance.size, pattern, (dark, dark * 1.25), 0.18 * stance.unit)
    crown = _part(person, stance, wool, _CROWNS[person.hat], 0.5)
    brim = _part(person, stance, wool, _BRIMS[person.hat], 0.10)
    crown = stance.shadowed(crown, brim.alpha, offset=(-0.03, 0), blur=0.05, strength=0.35)
    return brim.over(crown)


def _part(
    person: Person,
    stance: Stance,
    surface: FloatImage,
    half: list[tuple[float, float]],
    radius: float,
) -> Layer:
    outline: Points = smooth_curve(mirrored(np.array(half)), closed=True)
    inside = stance.covered(stance.head(moved(outline, 0.04 * person.yaw, 0.0)))
    light = lambert(relief(inside, radius * stance.unit), person.light)
    return Layer.of(surface, inside).shaded(light)
