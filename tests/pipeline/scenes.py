"""Small pictures whose alpha and colours are known exactly."""

import numpy as np

from shm.pipeline.composite import blend
from shm.pipeline.values import Alpha, RgbImage


def soft_disc(size: int = 64, radius: float = 20, softness: float = 6) -> Alpha:
    rows, columns = np.mgrid[:size, :size] - size / 2
    distance = np.sqrt(rows**2 + columns**2)
    levels = np.clip((radius - distance) / softness + 0.5, 0, 1) * 255
    return np.asarray(np.rint(levels), np.uint8)


def plain(colour: tuple[int, int, int], size: int = 64) -> RgbImage:
    return np.broadcast_to(np.array(colour, np.uint8), (size, size, 3)).copy()


def shaded(colour: tuple[int, int, int], size: int = 64, seed: int = 0) -> RgbImage:
    """A colour with a gentle gradient and a little noise, so that no system is singular."""
    noise = np.random.default_rng(seed).normal(0, 2, (size, size, 3))
    slope = np.linspace(-12, 12, size)[:, None, None]
    return np.clip(np.array(colour) + slope + noise, 0, 255).astype(np.uint8)


def scene(size: int = 64) -> tuple[RgbImage, Alpha, RgbImage, RgbImage]:
    """Return photo, alpha, foreground and background of a red disc on a blue ground."""
    alpha = soft_disc(size, size * 0.3, size * 0.1)
    foreground, background = shaded((200, 60, 40), size, 1), shaded((30, 80, 190), size, 2)
    return blend(foreground, alpha, background), alpha, foreground, background
