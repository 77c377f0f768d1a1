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


def hairy_disc(size: int = 200, strands: int = 160, seed: int = 0) -> Alpha:
    """A disc with strands of a pixel or two that reach a quarter of its radius beyond it."""
    import cv2

    scale, rng = 4, np.random.default_rng(seed)
    large = np.zeros((size * scale, size * scale), np.uint8)
    centre, radius = size * scale // 2, size * scale * 0.3
    cv2.circle(large, (centre, centre), round(radius), 255, -1)
    for angle in rng.uniform(0, 2 * np.pi, strands):
        bend, length = angle + rng.normal(0, 0.06), radius * rng.uniform(1.02, 1.25)
        start = (round(centre + radius * np.cos(angle)), round(centre + radius * np.sin(angle)))
        end = (round(centre + length * np.cos(bend)), round(centre + length * np.sin(bend)))
        cv2.line(large, start, end, 255, int(rng.integers(2, 7)), cv2.LINE_AA)
    return np.asarray(cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
