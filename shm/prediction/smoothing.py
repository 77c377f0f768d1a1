"""A matte that doesn't flicker: what moves is followed, what stays is averaged."""

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.values import RgbImage

_FLOW_SIDE = 512
"""Longer side in pixels at which motion is looked for."""

_TOLERANCE = 10.0
"""Colour difference, of 255, at which a pixel is half believed to be the one that moved there."""

_GRAIN = 1.5
"""Standard deviation in pixels of the Gaussian that keeps a camera's noise out of it."""

_Plane = NDArray[np.float32]


class SmoothingError(ShmError, ValueError):
    """A strength out of its range."""


class Smoother:
    """Averages each frame's alpha with the one before it, moved to where its pixels went.

    Motion is dense optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search",
    ECCV 2016) between two frames. Where a pixel, moved back, has another colour, it is new and its
    own alpha counts alone.

    Parameters
    ----------
    strength : float
        Share of the frame before, 0 (none) to 0.95.
    """

    def __init__(self, strength: float) -> None:
        if not 0 <= strength <= 0.95:
            raise SmoothingError(f"a smoothing of {strength:g}: give 0 to 0.95")
        self._strength = strength
        self._alpha: _Plane | None = None
        self._image: RgbImage | None = None

    def __call__(self, image: RgbImage, alpha: _Plane) -> _Plane:
        """Return the smoothed alpha of the next frame.

        Parameters
        ----------
        image : uint8 (H, W, 3)
        alpha : float32 (H, W)
            In [0, 1].

        Returns
        -------
        float32 (H, W)
        """
        if not self._strength:
            return alpha
        if self._alpha is None or self._image is None or self._image.shape != image.shape:
            smooth = alpha
        else:
            moved_image, moved_alpha = _moved(image, self._image, self._alpha)
            apart = np.abs(_without_grain(image - moved_image)).max(axis=2)
            share = self._strength * np.exp2(-np.square(apart / _TOLERANCE))
            smooth = (alpha + share * (moved_alpha - alpha)).astype(np.float32)
        self._image, self._alpha = image, smooth
        return smooth


def _without_grain(difference: _Plane) -> _Plane:
    import cv2

    return np.asarray(cv2.GaussianBlur(difference, (0, 0), _GRAIN), np.float32)


def _moved(image: RgbImage, before: RgbImage, alpha: _Plane) -> tuple[_Plane, _Plane]:
    """Return the frame before and its alpha, each pixel fetched from where it came from."""
    import cv2

    height, width = image.shape[:2]
    scale = min(1.0, _FLOW_SIDE / max(height, width))
    small = (max(16, round(width * scale)), max(16, round(height * scale)))

    def grey(pixels: RgbImage) -> NDArray[np.uint8]:
        reduced = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY), np.uint8)

    estimate = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = estimate.calc(grey(image), grey(before), None)  # type: ignore[call-overload]
    flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    flow *= np.array([width / small[0], height / small[1]], np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    across, down = columns + flow[..., 0], rows + flow[..., 1]

    def fetched(pixels: NDArray[np.uint8] | _Plane) -> _Plane:
        border = cv2.BORDER_REPLICATE
        found = cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(found, np.float32)

    return fetched(before), fetched(alpha)
