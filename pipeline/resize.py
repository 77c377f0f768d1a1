"""Changing the size of pictures."""

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.values import Size


def resize(picture: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resize a picture or a matte: area averages when it shrinks, bilinear when it grows.

    Parameters
    ----------
    picture : uint8 array, (H, W) or (H, W, 3)
    size : (height, width)
    """
    import cv2

    if picture.shape[:2] == size:
        return picture
    shrinks = size[0] <= picture.shape[0] and size[1] <= picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (size[1], size[0]), interpolation=method).astype(
        np.uint8, copy=False
    )


def resize_labels(labels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resize a trimap or a label map: each pixel takes its nearest neighbour's value."""
    import cv2

    if labels.shape == size:
        return labels
    resized = cv2.resize(labels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return resized.astype(np.uint8, copy=False)
