"""What makes a composite look like one photograph: colours, depth of field, noise.

Each is a departure from αF + (1 − α)B as it is published, so each is off unless asked for.
"""

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.values import Alpha, RgbImage


def match_colours(
    foreground: RgbImage, alpha: Alpha, background: RgbImage, strength: float
) -> RgbImage:
    """Return the foreground with the mean and spread of its channels nearer to the background's.

    Reinhard et al., Color Transfer between Images, IEEE CG&A 2001, on the channels as they are.

    Parameters
    ----------
    foreground, background : uint8 arrays, (H, W, 3)
    alpha : uint8 array, (H, W)
        Weighs the foreground's pixels.
    strength : float
        0 changes nothing, 1 takes the background's mean and spread; spreads at most double or
        halve.
    """
    matched = np.empty_like(foreground)
    levels = np.arange(256)
    weights = alpha.ravel().astype(np.float64)
    if strength == 0 or not weights.any():
        return foreground
    for channel in range(3):
        own = np.bincount(foreground[..., channel].ravel(), weights, minlength=256)
        there = np.bincount(background[..., channel].ravel(), minlength=256)
        (mean, spread), (mean_there, spread_there) = _moments(own), _moments(there)
        ratio = min(2.0, max(0.5, spread_there / spread)) if spread else 1.0
        moved = (levels - mean) * ratio + mean_there
        table = np.rint(np.clip(levels + strength * (moved - levels), 0, 255)).astype(np.uint8)
        matched[..., channel] = table[foreground[..., channel]]
    matched[alpha == 0] = 0
    return matched


def blur(picture: RgbImage, sigma: float) -> RgbImage:
    """Blur a background as a lens does that is focused on the subject.

    Parameters
    ----------
    picture : uint8 array, (H, W, 3)
    sigma : float
        Of the Gaussian, in pixels; cut off at three times that, mirrored at the borders.
    """
    reach = blur_reach(sigma)
    if reach == 0:
        return picture
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (kernel / kernel.sum()).astype(np.float32)
    values = picture.astype(np.float32)
    for axis in (0, 1):
        values = _convolved(values, weights, axis)
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)


def blur_reach(sigma: float) -> int:
    """Return how many pixels away `blur` looks."""
    return int(np.ceil(3 * sigma))


def add_noise(
    image: RgbImage,
    sigma: float,
    random: np.random.Generator,
    *,
    corner: tuple[int, int] = (0, 0),
    width: int | None = None,
) -> RgbImage:
    """Add Gaussian noise of `sigma` levels to each value of an image, or of a window of one.

    Parameters
    ----------
    image : uint8 array, (H, W, 3)
    random : numpy.random.Generator
        Gives the noise of the whole image, row by row.
    corner : (top, left)
        Of the window.
    width : int, optional
        Of the whole image, where this is a window of it.
    """
    if sigma == 0:
        return image
    (top, left), (height, columns) = corner, image.shape[:2]
    noise = random.standard_normal((top + height, width or columns, 3), np.float32)
    noise = noise[top:, left : left + columns] * np.float32(sigma)
    return np.asarray(np.rint(image + noise).clip(0, 255), np.uint8)


def _moments(histogram: NDArray[np.floating | np.integer]) -> tuple[float, float]:
    levels, total = np.arange(256), histogram.sum()
    mean = float((levels * histogram).sum() / total)
    return mean, float(np.sqrt(((levels - mean) ** 2 * histogram).sum() / total))


def _convolved(
    values: NDArray[np.float32], weights: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    reach, length = len(weights) // 2, values.shape[axis]
    sides = [(reach, reach) if each == axis else (0, 0) for each in range(values.ndim)]
    padded = np.pad(values, sides, mode="symmetric")
    total = np.zeros_like(values)
    for shift, weight in enumerate(weights):
        part = (slice(None),) * axis + (slice(shift, shift + length),)
        total += weight * padded[part]
    return total
