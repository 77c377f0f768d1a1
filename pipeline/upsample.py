"""An alpha found at a small size, brought back to the photo's own."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.refine.guided import fit_colours
from shm.pipeline.values import RgbImage

Upsampling: TypeAlias = Literal["guided", "bicubic"]

_Plane = NDArray[np.float32]

_RADIUS = 1
"""Of the windows in which alpha is explained by colours, in pixels of the small picture."""

_EPSILON = 1e-5
_ROUNDS = 2
"""How often what the enlarged alpha lacks of the small one is added to it."""

_STRIP = 256
"""Rows that are enlarged at once."""


class UpsampleError(ShmError, ValueError):
    """Pictures don't fit together, or there is no such way."""


def upsample_alpha(
    alpha: _Plane, small: RgbImage, image: RgbImage, how: Upsampling = "guided"
) -> _Plane:
    """Bring an alpha to the size of its photo.

    ``"bicubic"`` knows the alpha alone. ``"guided"`` lets the photo tell where edges are: alpha is
    explained by colours in small windows of the small picture, and these linear functions, which
    vary slowly, are enlarged and applied to the photo (He and Sun, "Fast Guided Filter", arXiv
    1505.00996). Reduced again, the result is nearly the small alpha: what it lacks of that is added
    twice (Irani and Peleg, "Improving Resolution by Image Registration", 1991). Where the small
    alpha is certain all around, it stays as certain.

    Parameters
    ----------
    alpha : float32 array, (h, w)
        In [0, 1].
    small : uint8 array, (h, w, 3)
        The picture in which it was found.
    image : uint8 array, (H, W, 3)
        The photo.
    how : str

    Returns
    -------
    float32 array, (H, W)
        In [0, 1].

    Raises
    ------
    UpsampleError
        `small` is not of the alpha's size, or there is no such way.
    """
    if small.shape != (*alpha.shape, 3):
        raise UpsampleError(f"an alpha of {alpha.shape} with a picture of {small.shape}")
    if how not in ("guided", "bicubic"):
        raise UpsampleError(f"no upsampling {how!r}: choose guided or bicubic")
    if image.shape[:2] == alpha.shape:
        return alpha
    if image.shape[0] < alpha.shape[0] or image.shape[1] < alpha.shape[1]:
        return _reduced(alpha, image.shape[:2]).clip(0, 1)  # found in an enlarged picture
    if how == "bicubic":
        return np.asarray(_resized(alpha, image.shape[:2], cubic=True)).clip(0, 1)
    return _guided(alpha, small, image)


def _guided(alpha: _Plane, small: RgbImage, image: RgbImage) -> _Plane:
    fit = fit_colours(small.astype(np.float32) / np.float32(255), alpha, _RADIUS, _EPSILON)
    coefficients = np.dstack([fit.slope, fit.offset, alpha])
    least, most = _extremes(alpha)
    coefficients = np.dstack([coefficients, least, most])
    height, width = image.shape[:2]
    enlarged = np.empty((height, width), np.float32)
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height))
        part = _rows_enlarged(coefficients, rows, (height, width))
        colours = image[rows].astype(np.float32) / 255
        found = np.einsum("ijk,ijk->ij", part[..., :3], colours) + part[..., 3]
        # No further than what the neighbourhood has: a colour that is new there explains nothing.
        enlarged[rows] = np.clip(found, part[..., 5], part[..., 6])
    for _ in range(_ROUNDS):
        enlarged += _resized(alpha - _reduced(enlarged, alpha.shape), (height, width))
        np.clip(enlarged, 0, 1, out=enlarged)
    return enlarged


def _reduced(plane: _Plane, size: tuple[int, ...]) -> _Plane:
    import cv2

    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _extremes(alpha: _Plane) -> tuple[_Plane, _Plane]:
    """Return the least and the largest alpha of each pixel's neighbourhood."""
    import cv2

    element = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(alpha, element), cv2.dilate(alpha, element)
    return np.asarray(least, np.float32), np.asarray(most, np.float32)


def _rows_enlarged(planes: _Plane, rows: slice, size: tuple[int, int]) -> _Plane:
    """Return some rows of enlarged planes (h, w, C), bilinear: the whole may not fit in memory."""
    height, width = size
    own = planes.shape[0]
    at = ((np.arange(rows.start, rows.stop) + 0.5) * (own / height) - 0.5).clip(0, own - 1)
    low = at.astype(int)
    part = (at - low).astype(np.float32)[:, None, None]
    high = np.minimum(low + 1, own - 1)
    lines = planes[low] * (1 - part) + planes[high] * part
    return _resized(lines, (lines.shape[0], width))


def _resized(planes: _Plane, size: tuple[int, int], *, cubic: bool = False) -> _Plane:
    """Scale (h, w) or (h, w, C); OpenCV scales up to four channels at once."""
    import cv2

    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    if planes.ndim == 2:
        return np.asarray(cv2.resize(planes, size[::-1], interpolation=how), np.float32)
    groups = [planes[..., start : start + 4] for start in range(0, planes.shape[2], 4)]
    scaled = [cv2.resize(np.ascontiguousarray(g), size[::-1], interpolation=how) for g in groups]
    return np.dstack([each if each.ndim == 3 else each[..., None] for each in scaled])
