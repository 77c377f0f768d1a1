"""What lies behind the portraits: blurred photos, and lights and walls out of nothing."""

import cv2
import numpy as np

from shm.datasets.sample.backgrounds import cut_photo, scenes_without_people
from shm.datasets.sample.layer import FloatImage, rgb
from shm.datasets.sample.person import Colour, Person
from shm.datasets.sample.texture import blurred, fractal_noise
from shm.pipeline.values import Size


def draw_backdrop(person: Person, random: np.random.Generator) -> FloatImage:
    """Return what is seen around the person, float32, (H, W, 3), 0..1."""
    if person.backdrop == "photo":
        return _photo(person.size, random)
    if person.backdrop == "bokeh":
        return _bokeh(person.size, random)
    near = person.hair if person.backdrop == "like hair" else person.clothes.colour
    return _wall(person.size, random, near)


def _photo(size: Size, random: np.random.Generator) -> FloatImage:
    scenes = scenes_without_people()
    picture = cut_photo(scenes[int(random.integers(len(scenes)))])
    if random.random() < 0.5:
        picture = picture[:, ::-1]
    scale = max(size[0] / picture.shape[0], size[1] / picture.shape[1])
    whole = (
        max(size[1], round(picture.shape[1] * scale)),
        max(size[0], round(picture.shape[0] * scale)),
    )
    large = cv2.resize(np.ascontiguousarray(picture), whole, interpolation=cv2.INTER_CUBIC)
    top = int(random.integers(large.shape[0] - size[0] + 1))
    left = int(random.integers(large.shape[1] - size[1] + 1))
    cut = np.asarray(large[top : top + size[0], left : left + size[1]], np.float32)
    blur = float(random.choice([0.8, 2.0, 4.0, 8.0])) * max(size) / 512
    return blurred(cut / np.float32(255), blur)


def _bokeh(size: Size, random: np.random.Generator) -> FloatImage:
    picture = _wall(size, random, (0.16, 0.15, 0.18))
    long_side = max(size)
    for _ in range(int(random.integers(25, 60))):
        disc = np.zeros(size, np.float32)
        centre = (int(random.integers(size[1]) * 16), int(random.integers(size[0]) * 16))
        radius = int(long_side * random.uniform(0.012, 0.05) * 16)
        cv2.circle(disc, centre, radius, 1.0, -1, cv2.LINE_AA, 4)
        lamp = rgb(random.uniform(0.25, 1.0, 3)) * np.float32(random.uniform(0.3, 0.9))
        picture = picture + blurred(disc, 1.2 * long_side / 512)[..., None] * lamp
    return np.clip(picture, 0, 1).astype(np.float32)


def _wall(size: Size, random: np.random.Generator, colour: Colour) -> FloatImage:
    """Return a wall, plastered and unevenly lit, or foliage, close to `colour`."""
    long_side = max(size)
    coarse = fractal_noise(random, size, long_side * 0.35, 2)
    fine = fractal_noise(random, size, long_side * random.uniform(0.02, 0.08), 4)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    slope = random.normal(0, 0.25, 2)
    light = 1.1 + slope[0] * (x / size[1] - 0.5) + slope[1] * (y / size[0] - 0.5) + 0.08 * coarse
    tint = 1 + 0.05 * np.stack([coarse, 0.3 * fine, -coarse], axis=-1)
    base = np.clip(rgb(colour) * np.float32(random.uniform(0.85, 1.35)), 0.06, 0.92)
    roughness = np.float32(random.uniform(0.03, 0.16))
    surface = base * tint * (light * (1 + roughness * fine))[..., None]
    return np.clip(blurred(surface.astype(np.float32), long_side / 512), 0, 1)
