"""Alpha as a linear function of colour, fitted in small windows."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]
"""(H, W)."""


@dataclass(frozen=True)
class ColourFit:
    """``alpha = slope · colour + offset`` at each pixel.

    `slope` float32 (H, W, 3), `offset` float32 (H, W); colours in [0, 1].
    """

    slope: NDArray[np.float32]
    offset: Plane

    def predict(self, image: NDArray[np.float32]) -> Plane:
        """Return the alpha, (H, W), that the colours (H, W, 3) give; not clipped."""
        alpha: Plane = np.einsum("ijk,ijk->ij", self.slope, image) + self.offset
        return alpha


def fit_colours(
    image: NDArray[np.float32], target: Plane, radius: int, epsilon: float = 1e-4
) -> ColourFit:
    """Fit the target to the colours of every window, and average the fits that cover a pixel.

    This is the guided filter (He, Sun, Tang, PAMI 2013, section 3.5), stopped before its last
    multiplication, so that fits of several radii can be mixed, and brought to another resolution
    (He and Sun, "Fast Guided Filter", arXiv 1505.00996).

    Parameters
    ----------
    image : float32 array, (H, W, 3)
        Colours in [0, 1].
    target : float32 array, (H, W)
        What to explain, in [0, 1].
    radius : int
        Windows are 2 * radius + 1 pixels wide.
    epsilon : float
        Ridge on the slope, in squared colour units: larger is smoother.
    """
    mean = _box(image, radius)
    target_mean = _box(target, radius)
    covariance = _box(image * target[..., None], radius) - mean * target_mean[..., None]
    slope = _solve_3x3(_variances(image, mean, radius, epsilon), covariance)
    offset = target_mean - np.einsum("ijk,ijk->ij", slope, mean)
    return ColourFit(_box(slope, radius), _box(offset, radius))


def _variances(
    image: NDArray[np.float32], mean: NDArray[np.float32], radius: int, epsilon: float
) -> dict[str, NDArray[np.float64]]:
    """Return the six different entries of the colours' 3×3 covariance, the ridge added.

    In double precision: of grey photos the determinant is the ridge's square, and would cancel.
    """
    entries = {}
    for name, (i, j) in {
        "rr": (0, 0), "rg": (0, 1), "rb": (0, 2), "gg": (1, 1), "gb": (1, 2), "bb": (2, 2)
    }.items():  # fmt: skip
        entry = _box(image[..., i] * image[..., j], radius) - mean[..., i] * mean[..., j]
        entries[name] = entry.astype(np.float64) + (epsilon if i == j else 0)
    return entries


def _solve_3x3(
    m: dict[str, NDArray[np.float64]], right: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Solve a symmetric 3×3 system at each pixel by Cramer's rule."""
    rr = m["gg"] * m["bb"] - m["gb"] * m["gb"]
    rg = m["rb"] * m["gb"] - m["rg"] * m["bb"]
    rb = m["rg"] * m["gb"] - m["rb"] * m["gg"]
    determinant = m["rr"] * rr + m["rg"] * rg + m["rb"] * rb
    gg = m["rr"] * m["bb"] - m["rb"] * m["rb"]
    gb = m["rg"] * m["rb"] - m["rr"] * m["gb"]
    bb = m["rr"] * m["gg"] - m["rg"] * m["rg"]
    x, y, z = right[..., 0], right[..., 1], right[..., 2]
    solution = np.empty_like(right)
    solution[..., 0] = (rr * x + rg * y + rb * z) / determinant
    solution[..., 1] = (rg * x + gg * y + gb * z) / determinant
    solution[..., 2] = (rb * x + gb * y + bb * z) / determinant
    return solution


def _box(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Average over windows; beyond the frame the picture is mirrored."""
    import cv2

    side = 2 * radius + 1
    values = np.ascontiguousarray(values)
    mean = cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(mean, np.float32)
