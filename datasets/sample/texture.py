"""Noise, light and cloth: what turns flat shapes into something photographed."""

import cv2
import numpy as np

from shm.datasets.sample.layer import FloatImage
from shm.pipeline.values import Size


def fractal_noise(
    random: np.random.Generator, size: Size, cell: float, octaves: int = 3
) -> FloatImage:
    """Return smooth noise of mean about 0 and deviation about 1, float32, (H, W).

    Parameters
    ----------
    cell : float
        Pixels between the values of the coarsest octave; each next one has half.
    """
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        spacing = max(1.0, cell / 2**octave)
        grid = (int(size[0] / spacing) + 4, int(size[1] / spacing) + 4)
        coarse = random.standard_normal(grid, dtype=np.float32)
        whole = (max(size[1], round(grid[1] * spacing)), max(size[0], round(grid[0] * spacing)))
        fine = cv2.resize(coarse, whole, interpolation=cv2.INTER_CUBIC)
        total += fine[: size[0], : size[1]].astype(np.float32) * np.float32(0.6**octave * 1.3)
    return total


def blurred(picture: FloatImage, sigma: float) -> FloatImage:
    """Return a Gaussian blur of deviation `sigma` pixels; below 0.2 the picture itself."""
    if sigma < 0.2:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def relief(inside: FloatImage, radius: float, bumps: FloatImage | None = None) -> FloatImage:
    """Return unit normals of a shape blown up like a cushion, float32, (H, W, 3).

    Parameters
    ----------
    inside : float array, (H, W)
        How much of each pixel the shape covers.
    radius : float
        Pixels from the edge to where the cushion is flat.
    bumps : float array, (H, W), optional
        Height in pixels on top: folds.
    """
    depth = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    rim = 1 - np.clip(depth / radius, 0, 1)
    height = blurred((radius * np.sqrt(1 - rim**2)).astype(np.float32), max(0.6, radius * 0.12))
    if bumps is not None:
        height = height + bumps
    slope_y, slope_x = np.gradient(height)
    normals = np.stack([-slope_x, -slope_y, np.ones_like(height)], axis=-1)
    return np.asarray(normals / np.linalg.norm(normals, axis=-1, keepdims=True), np.float32)


def lambert(normals: FloatImage, light: tuple[float, float, float]) -> FloatImage:
    """Return soft diffuse light on normals, about 0.35 in the shade and 1.1 in full light."""
    direction = np.asarray(light, np.float32) / np.float32(np.linalg.norm(light))
    facing = np.clip((normals @ direction + 0.35) / 1.35, 0, 1)
    return (0.35 + 0.75 * facing).astype(np.float32)


def folds(random: np.random.Generator, size: Size, scale: float) -> FloatImage:
    """Return the heights of long folds of cloth that mostly hang down, in pixels, (H, W)."""
    y, x = _grid(size)
    warp = fractal_noise(random, size, scale * 0.9, 2)
    height = np.zeros(size, np.float32)
    for _ in range(3):
        angle = random.uniform(-0.7, 0.7)
        across = (x * np.cos(angle) + y * np.sin(angle)) / (scale * random.uniform(0.45, 0.9))
        wave = np.sin(2 * np.pi * across + 1.3 * warp + random.uniform(0, 6))
        height += (wave * np.clip(0.6 + 0.5 * warp, 0, 1.2)).astype(np.float32)
    return height * np.float32(scale * 0.022)


def cloth(
    random: np.random.Generator,
    size: Size,
    pattern: str,
    colours: tuple[FloatImage, FloatImage],
    pitch: float,
) -> FloatImage:
    """Return a woven or printed surface, float32, (H, W, 3), 0..1.

    Parameters
    ----------
    pattern : str
        One of `PATTERNS`.
    colours : two float arrays, (3,)
        Of the ground and of the print.
    pitch : float
        Pixels from one repeat of the pattern to the next.
    """
    y, x = _grid(size)
    bend = fractal_noise(random, size, pitch * 5, 2) * np.float32(pitch * 0.10)
    across, down = (np.asarray((place + bend) / pitch, np.float32) for place in (x, y))
    amount = _print(pattern, across, down)
    weave = 1 + 0.035 * random.standard_normal(size, dtype=np.float32)
    ground, ink = colours
    surface = ground + (ink - ground) * amount[..., None]
    return np.asarray(np.clip(surface * weave[..., None], 0, 1), np.float32)


PATTERNS = ("plain", "stripes", "pinstripes", "plaid", "dots", "knit", "camouflage")


def _print(pattern: str, x: FloatImage, y: FloatImage) -> FloatImage:
    """Return how much of the print's colour there is, 0..1; x and y count repeats."""
    if pattern == "stripes":
        return _soft_step(np.sin(2 * np.pi * y), 0.25)
    if pattern == "pinstripes":
        return _soft_step(np.sin(2 * np.pi * x * 1.4) - 0.75, 0.2)
    if pattern == "plaid":
        across, down = np.sin(2 * np.pi * x * 0.6), np.sin(2 * np.pi * y * 0.6)
        return 0.45 * _soft_step(across, 0.2) + 0.45 * _soft_step(down, 0.2)
    if pattern == "dots":
        row = np.floor(y)
        shifted = x + 0.5 * (row % 2)
        distance = np.hypot(shifted - np.floor(shifted) - 0.5, y - row - 0.5)
        return _soft_step(0.28 - distance, 0.06)
    if pattern == "knit":
        rib = np.sin(2 * np.pi * x * 2.5)
        stitch = np.sin(2 * np.pi * (y * 4 + 0.35 * np.abs(rib)))
        return np.asarray(np.clip(0.45 + 0.3 * rib + 0.2 * stitch, 0, 1), np.float32)
    if pattern == "camouflage":
        blobs = np.sin(2.1 * x + 2 * np.sin(1.7 * y)) + np.sin(2.6 * y + 2 * np.sin(1.3 * x + 1))
        return 0.9 * _soft_step(blobs - 0.3, 0.2)
    return np.zeros_like(x)


def _soft_step(value: FloatImage, width: float) -> FloatImage:
    return np.asarray(np.clip(value / width + 0.5, 0, 1), np.float32)


def _grid(size: Size) -> tuple[FloatImage, FloatImage]:
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return y, x
