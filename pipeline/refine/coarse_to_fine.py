"""Alpha of any number of unknown pixels: coarse to fine, window by window."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from shm.pipeline.refine.errors import RefineError
from shm.pipeline.refine.guided import Plane
from shm.pipeline.refine.method import Method, Pull, solve_region
from shm.pipeline.refine.prior import Prior
from shm.pipeline.refine.region import Region
from shm.pipeline.refine.window import Window, overlapping_windows
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, RgbImage, Size, Trimap

LIMIT = 300_000
"""Unknown pixels that are solved at once: they take up to 2.5 kB each (KNN; others 1.8 kB)."""

SAMPLED_AREA = 4_000_000
"""Pixels, certain ones too, in which samples are sought at once: they take 150 bytes each."""

COARSER = 0.1
"""Weight of the pull towards the alpha of the next coarser level.

The coarser level sees as far as the unknown region is wide, a window does not. Of 0.001 to 0.1 this
had the least error on five portraits of 1280 pixels that were cut up for the purpose: the hybrid's
about that of one solve, the closed-form's 13 % above."""

_Expectation = Callable[[Window], tuple[Plane, Plane]]
"""From a window to the alpha to expect in it, and how strongly, (h, w) each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A photo, or the part of one that a solve has to see, with its trimap.

    `image` uint8 (H, W, 3), `trimap` uint8 (H, W), `frame` the whole photo's (height, width).
    """

    image: RgbImage
    trimap: Trimap
    frame: Size

    @property
    def size(self) -> Size:
        """Return (height, width)."""
        return self.trimap.shape[0], self.trimap.shape[1]

    def region(self, window: Window) -> Region:
        """Return what is unknown in a window."""
        part = window.slices
        return Region(image=self.image[part], trimap=self.trimap[part], size=self.frame)


def solve_photo(
    photo: Photo, method: Method, prior: Prior | None = None, *, limit: int = LIMIT
) -> Plane:
    """Solve all unknown pixels of a photo.

    Up to `limit` of them are solved as one system, in a photo of up to `SAMPLED_AREA` pixels where
    the method takes samples. Beyond, with a prior, overlapping windows are
    solved one after the other and faded into each other; without one, the photo of half the size
    is solved in the same way first, and its alpha, enlarged, is the windows' prior.

    Parameters
    ----------
    photo : Photo
    method : Method
    prior : Prior, optional
        What to expect; arrays of the photo's size. Samples and contrast are left out then.
    limit : int
        Most unknown pixels of one system.

    Returns
    -------
    float32 array, (H, W)
        Alpha in [0, 1], 0 and 1 where the trimap is certain.

    Raises
    ------
    RefineError
        A solve gave up, or a coarser level has no certain foreground or background left.
    """
    fits = int(np.count_nonzero(photo.trimap == UNKNOWN)) <= limit
    if prior is None and method.sampling:
        fits = fits and photo.trimap.size <= SAMPLED_AREA
    if fits and prior is None:
        return _solved(photo, method, [_whole(photo)], None)
    windows = [_whole(photo)] if fits else overlapping_windows(photo.size)
    if prior is not None:
        expected = _given(prior)
    else:
        expected = _enlarged(solve_photo(_halved(photo), method, limit=limit))
    return _solved(photo, method.without_samples(), windows, expected)


def _whole(photo: Photo) -> tuple[Window, Plane]:
    """Return the window that shows all of the photo, and its share of the result."""
    height, width = photo.size
    window = Window(top=0, bottom=height, left=0, right=width)
    return window, np.broadcast_to(np.float32(1), photo.size)


def _solved(
    photo: Photo,
    method: Method,
    windows: Iterable[tuple[Window, Plane]],
    expected: _Expectation | None,
) -> Plane:
    """Solve window after window, each faded into its neighbours."""
    alpha: Plane = (photo.trimap == FOREGROUND).astype(np.float32)
    for window, share in windows:
        region = photo.region(window)
        if not region.count:
            continue
        pull = None
        if expected is not None:
            target, weight = (plane[region.unknown] for plane in expected(window))
            pull = Pull(alpha=target.astype(np.float64), weight=weight.astype(np.float64))
        alpha[window.slices][region.unknown] += share[region.unknown] * solve_region(
            region, method, pull
        )
    return alpha


def _given(prior: Prior) -> _Expectation:
    """Expect what a prior says."""
    return lambda window: (prior.alpha[window.slices], prior.weight[window.slices])


def _enlarged(coarser: Plane) -> _Expectation:
    """Expect the alpha of half the size, (⌈H/2⌉, ⌈W/2⌉), enlarged."""
    import cv2

    def expected(window: Window) -> tuple[Plane, Plane]:
        top, left = window.top // 2, window.left // 2  # windows begin at even pixels
        above, before = min(1, top), min(1, left)  # its neighbours take part in interpolation
        part = coarser[
            top - above : (window.bottom + 1) // 2 + 1, left - before : (window.right + 1) // 2 + 1
        ]
        size = (2 * part.shape[1], 2 * part.shape[0])
        large = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.float32)
        rows, columns = window.bottom - window.top, window.right - window.left
        alpha = large[2 * above : 2 * above + rows, 2 * before : 2 * before + columns]
        return alpha, np.broadcast_to(np.float32(COARSER), alpha.shape)

    return expected


def _halved(photo: Photo) -> Photo:
    """Return the photo of half the size; a pixel is certain where its four are, and agree."""
    import cv2

    height, width = photo.trimap.shape
    odd = (0, height % 2), (0, width % 2)
    image = np.pad(photo.image, (*odd, (0, 0)), mode="edge")
    four = np.pad(photo.trimap, odd, mode="edge").reshape((height + 1) // 2, 2, -1, 2)
    trimap = np.full(four.shape[::2], UNKNOWN, np.uint8)
    trimap[four.min(axis=(1, 3)) == FOREGROUND] = FOREGROUND
    trimap[four.max(axis=(1, 3)) == BACKGROUND] = BACKGROUND
    if not ((trimap == FOREGROUND).any() and (trimap == BACKGROUND).any()):
        raise RefineError(
            "the certain foreground or background is too thin to begin with a coarser photo; "
            "give a trimap with more of both"
        )
    size = (trimap.shape[1], trimap.shape[0])
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    frame = (photo.frame[0] + 1) // 2, (photo.frame[1] + 1) // 2
    return Photo(image=small, trimap=trimap, frame=frame)
