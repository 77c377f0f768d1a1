"""SAD, MSE, Grad and Conn step by step, as evaluation scripts have them: one region at a time."""

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.values import Mask

Alpha = NDArray[np.float64]


def plain_score(alpha: Alpha, truth: Alpha, unknown: Mask) -> dict[str, dict[str, float]]:
    """Return the four errors over the whole image and over the unknown region."""
    found = {}
    for name, region in (("whole", np.ones(alpha.shape, np.bool_)), ("unknown", unknown)):
        found[name] = {
            "sad": float(np.abs(alpha - truth)[region].sum() / 1000),
            "mse": float(((alpha - truth) ** 2)[region].mean()),
            "grad": _gradient_error(alpha, truth, region),
            "conn": _connectivity_error(alpha, truth, region),
        }
    return found


def _kernels(sigma: float) -> tuple[Alpha, Alpha]:
    """Return the two filters as whole matrices, each weight by itself."""
    half = int(np.ceil(sigma * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * sigma * 0.01))))
    across = np.zeros((2 * half + 1, 2 * half + 1))
    for row in range(2 * half + 1):
        for column in range(2 * half + 1):
            y, x = row - half, column - half
            across[row, column] = (
                np.exp(-(y**2) / (2 * sigma**2)) * x * np.exp(-(x**2) / (2 * sigma**2))
            )
    across /= np.sqrt((across**2).sum())
    return across, across.T


def _gradient_error(alpha: Alpha, truth: Alpha, region: Mask, sigma: float = 1.4) -> float:
    from scipy.ndimage import correlate

    magnitudes = []
    for each in (alpha, truth):
        across, down = (correlate(each, kernel, mode="nearest") for kernel in _kernels(sigma))
        magnitudes.append(np.sqrt(across**2 + down**2))
    return float(((magnitudes[0] - magnitudes[1]) ** 2)[region].sum() / 1000)


def _connectivity_error(alpha: Alpha, truth: Alpha, region: Mask) -> float:
    from scipy.ndimage import label

    last: Alpha = np.full(alpha.shape, -1.0)
    steps = np.arange(0, 1.01, 0.1)
    for number in range(1, len(steps)):
        level = steps[number] - 1e-6
        labels, count = label((alpha >= level) & (truth >= level))
        source = np.zeros(alpha.shape, np.bool_)
        if count:
            sizes = [(labels == each).sum() for each in range(1, count + 1)]
            for each, size in enumerate(sizes, 1):
                source |= (labels == each) & (size == max(sizes))
        last[(last == -1) & ~source] = steps[number - 1]
    last[last == -1] = 1
    degrees: list[Alpha] = []
    for pixels in (alpha, truth):
        beyond = pixels - last
        degrees.append(1 - beyond * (beyond >= 0.15 - 1e-6))
    return float(np.abs(degrees[0] - degrees[1])[region].sum() / 1000)
