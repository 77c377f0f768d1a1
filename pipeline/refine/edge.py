"""What kind of edge lies where: a hard one, or hair, fur and blur."""

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.refine.guided import Plane
from shm.pipeline.values import Mask


def edge_cues(
    image: NDArray[np.float32], mask: Mask, fine: Plane, coarse: Plane
) -> dict[str, Plane]:
    """Measure what tells hair from a hard edge.

    A mask cut through hair is ragged and has much outline in little space; colours that disagree
    with the mask around its edge are hair, or a mask that is off; where they change slowly across
    the edge, it is out of focus. All lengths are pixels.

    Parameters
    ----------
    image : float32 array, (H, W, 3)
        Colours in [0, 1].
    mask : bool array, (H, W)
    fine, coarse : float32 arrays, (H, W)
        What colours fitted to the mask in small and in large windows say of alpha.

    Returns
    -------
    dict of float32 arrays, (H, W)
    """
    inside = mask.astype(np.float32)
    distance = signed_distance(mask)
    reach = np.abs(distance)
    outline = _gradient(inside)
    outline_near = _blur(outline, 6)
    per_outline = np.float32(1) / (outline_near + np.float32(0.02))
    majority = _blur(inside, 4) > 0.5
    fine, coarse = np.clip(fine, 0, 1), np.clip(coarse, 0, 1)
    return {
        "distance": np.minimum(reach, 32) / 16,
        "distance relative": np.minimum(reach / max(1.0, float(inside.sum())) ** 0.5, 0.1) * 20,
        "outline near": np.sqrt(6 * outline_near),
        "outline around": np.sqrt(24 * _blur(outline, 24)),
        "raggedness": np.sqrt(_blur(np.abs(inside - majority), 12)),
        "separation": np.log(_separation(image, distance) + 0.01),
        "steepness": np.log(_steepness(image, outline) + 0.005),
        "disagreement fine": np.sqrt(_blur(np.abs(fine - inside), 6) * per_outline),
        "disagreement coarse": np.sqrt(_blur(np.abs(coarse - inside), 6) * per_outline),
        "softness coarse": np.sqrt(_blur(4 * coarse * (1 - coarse), 6) * per_outline),
    }


def signed_distance(mask: Mask) -> Plane:
    """Return the distance to the mask's edge in pixels: positive inside, negative outside."""
    import cv2

    inside = mask.astype(np.uint8)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return np.asarray(within - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5), np.float32)


def mean_colour(
    image: NDArray[np.float32], where: Mask, sigma: float
) -> tuple[NDArray[np.float32], Plane]:
    """Average the colours of some pixels, (H, W, 3), by a Gaussian around each pixel.

    Returns
    -------
    float32 array, (H, W, 3)
        Black where no such pixel is near.
    float32 array, (H, W)
        The share of the Gaussian that lies on such pixels.
    """
    weight = where.astype(np.float32)
    share = _blur(weight, sigma)
    return _blur(image * weight[..., None], sigma) / (share + np.float32(1e-4))[..., None], share


def _separation(image: NDArray[np.float32], distance: Plane) -> Plane:
    """Return the distance between the mean colours of subject and background nearby."""
    subject, _ = mean_colour(image, distance > 8, 16)
    background, _ = mean_colour(image, distance < -8, 16)
    separation: Plane = np.sqrt(np.square(subject - background).sum(axis=2))
    return separation


def _steepness(image: NDArray[np.float32], outline: Plane) -> Plane:
    """Return the mean of the photo's steepest gradients within 2 px of the outline nearby."""
    import cv2

    squares = [_gradient(np.ascontiguousarray(image[..., channel])) ** 2 for channel in range(3)]
    steepest = cv2.dilate(np.sqrt(np.sum(squares, axis=0)), np.ones((5, 5), np.uint8))
    steepness: Plane = _blur(steepest * outline, 6) / (_blur(outline, 6) + np.float32(0.01))
    return steepness


def _gradient(values: Plane) -> Plane:
    """Return the gradient's magnitude per pixel, by Sobel's operator."""
    import cv2

    across, down = cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1)
    return np.asarray(np.hypot(across, down) / 4, np.float32)


def _blur(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    import cv2

    blurred = cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.maximum(blurred, 0, dtype=np.float32)
