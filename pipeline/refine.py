"""The alpha of the unknown region, solved from the photo's colours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, RgbImage, Trimap

Solver: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""(image in [0, 1], (H, W, 3); trimap of 0, 0.5 and 1, (H, W)) -> alpha in [0, 1], (H, W)."""

RefineMethod = Literal["auto", "closed-form", "knn", "none"]


class RefineError(ShmError, ArithmeticError):
    """The linear system of an alpha could not be solved."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of a photo that a solve has to see."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the window as an index."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def closed_form(image: NDArray[np.float64], trimap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Closed-form matting (Levin, Lischinski, Weiss, PAMI 2008), by PyMatting."""
    from pymatting import estimate_alpha_cf

    alpha: NDArray[np.float64] = estimate_alpha_cf(image, trimap)
    return alpha


def knn(image: NDArray[np.float64], trimap: NDArray[np.float64]) -> NDArray[np.float64]:
    """KNN matting (Chen, Li, Tang, PAMI 2013), by PyMatting."""
    from pymatting import estimate_alpha_knn

    alpha: NDArray[np.float64] = estimate_alpha_knn(image, trimap)
    return alpha


SOLVERS: dict[str, Solver] = {"closed-form": closed_form, "knn": knn}


def refine_alpha(image: RgbImage, trimap: Trimap, method: str) -> Alpha:
    """Solve the alpha of the unknown pixels; the certain ones keep 0 and 255.

    Only the window around the unknown region is solved, so a small figure in a large photo costs
    what a small photo costs.

    Parameters
    ----------
    image : uint8 array, (H, W, 3)
        The photo, RGB.
    trimap : uint8 array, (H, W)
        0 background, 128 unknown, 255 foreground.
    method : str
        A key of `SOLVERS`.

    Returns
    -------
    uint8 array, (H, W)

    Raises
    ------
    RefineError
        The method is not known, or its solver did not converge.
    """
    if method not in SOLVERS:
        raise RefineError(f"no method {method!r}: choose one of {', '.join(SOLVERS)}")
    alpha = np.where(trimap == FOREGROUND, np.uint8(255), np.uint8(0))
    unknown = trimap == UNKNOWN
    if not unknown.any():
        return alpha
    window = window_of(trimap).slices
    photo = image[window].astype(np.float64) / 255
    known = np.select([trimap[window] == BACKGROUND, trimap[window] == FOREGROUND], [0.0, 1.0], 0.5)
    solved = _solve(method, photo, known)
    levels = np.rint(np.clip(solved, 0, 1) * 255).astype(np.uint8)
    alpha[window] = np.where(unknown[window], levels, alpha[window])
    return alpha


def window_of(trimap: Trimap, margin: int = 16) -> Window:
    """Return the bounding box of the unknown region, `margin` pixels larger on each side.

    It grows to the whole photo where the box holds no certain foreground or background.
    """
    rows, columns = np.nonzero(trimap == UNKNOWN)
    height, width = trimap.shape
    window = Window(
        top=max(0, int(rows.min()) - margin),
        bottom=min(height, int(rows.max()) + 1 + margin),
        left=max(0, int(columns.min()) - margin),
        right=min(width, int(columns.max()) + 1 + margin),
    )
    inside = trimap[window.slices]
    if (inside == FOREGROUND).any() and (inside == BACKGROUND).any():
        return window
    return Window(top=0, bottom=height, left=0, right=width)


def _solve(
    method: str, photo: NDArray[np.float64], known: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Call the solver; PyMatting says with a ValueError that conjugate gradients gave up."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's advice on its own compilation, nothing on alphas
        try:
            alpha = SOLVERS[method](photo, known)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            raise RefineError(f"{method} matting found no solution: {error}") from error
    if not np.isfinite(alpha).all():
        raise RefineError(f"{method} matting found no finite solution")
    return alpha
