"""The alpha of the unknown region, solved from the photo's colours."""

from typing import Literal

import numpy as np

from shm.pipeline.refine.coarse_to_fine import Photo, solve_photo
from shm.pipeline.refine.errors import RefineError
from shm.pipeline.refine.method import SOLVERS
from shm.pipeline.refine.prior import Prior
from shm.pipeline.refine.window import window_of
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, RgbImage, Trimap

__all__ = ["SOLVERS", "Prior", "RefineError", "RefineMethod", "compile_solvers", "refine_alpha"]

RefineMethod = Literal["auto", "hybrid", "closed-form", "knn", "none"]


def refine_alpha(image: RgbImage, trimap: Trimap, method: str, prior: Prior | None = None) -> Alpha:
    """Solve the alpha of the unknown pixels; the certain ones keep 0 and 255.

    Time and memory follow the unknown region rather than the photo. A solve that does not converge
    is tried once more, with a preconditioner that drops less; then the photo is refused. No other
    method ever takes over.

    Parameters
    ----------
    image : uint8 array, (H, W, 3)
        The photo, RGB.
    trimap : uint8 array, (H, W)
        0 background, 128 unknown, 255 foreground.
    method : str
        A key of `SOLVERS`.
    prior : Prior, optional
        What to expect, at the photo's size: the pull of its `weight` towards its `alpha` joins the
        method's Laplacians. Shared sampling and the final contrast, which guess what a prior
        knows, are left out.

    Returns
    -------
    uint8 array, (H, W)

    Raises
    ------
    RefineError
        The method is not known, arrays differ in size, the trimap has no certain foreground or
        background and no prior replaces it, or the system was not solved.
    """
    _check(image, trimap, method, prior)
    alpha = np.where(trimap == FOREGROUND, np.uint8(255), np.uint8(0))
    unknown = trimap == UNKNOWN
    if not unknown.any():
        return alpha
    if prior is None:
        _require_certain(trimap)
    window = window_of(trimap).slices
    if prior is not None:
        prior = Prior(alpha=prior.alpha[window], weight=prior.weight[window])
    try:
        photo = Photo(
            image=image[window], trimap=trimap[window], frame=(trimap.shape[0], trimap.shape[1])
        )
        solved = solve_photo(photo, SOLVERS[method], prior)
    except RefineError as error:
        raise RefineError(
            f"{method} matting of {np.count_nonzero(unknown)} unknown pixels: {error}"
        ) from error
    levels = np.rint(solved * 255).astype(np.uint8)
    np.copyto(alpha[window], levels, where=unknown[window])
    return alpha


def compile_solvers() -> None:
    """Solve a tiny picture by every method.

    PyMatting compiles at first use, which takes up to a minute where its cache is cold: a worker
    calls this once, before it is given work.
    """
    ramp = np.linspace(40, 200, 24).astype(np.uint8)
    image = np.stack(
        [
            np.add.outer(ramp // 3, ramp // 2),
            np.tile(ramp, (24, 1)),
            np.tile(ramp[:, None], (1, 24)),
        ],
        axis=2,
    )
    trimap = np.full((24, 24), UNKNOWN, np.uint8)
    trimap[:, :6], trimap[:, 18:] = 0, FOREGROUND
    for method in SOLVERS:
        refine_alpha(image, trimap, method)


def _require_certain(trimap: Trimap) -> None:
    """Raise where nothing tells what the foreground, or the background, looks like."""
    for value, name in ((FOREGROUND, "foreground"), (BACKGROUND, "background")):
        if not (trimap == value).any():
            raise RefineError(f"the trimap has no certain {name}: mark some, or give a prior")


def _check(image: RgbImage, trimap: Trimap, method: str, prior: Prior | None) -> None:
    if method not in SOLVERS:
        raise RefineError(f"no method {method!r}: choose one of {', '.join(SOLVERS)}")
    if image.shape != (*trimap.shape, 3) or image.dtype != np.uint8:
        raise RefineError(
            f"photo {image.dtype} {image.shape}, trimap {trimap.shape}: give 8-bit RGB and "
            "its own trimap"
        )
    if not ((trimap == UNKNOWN) | (trimap == BACKGROUND) | (trimap == FOREGROUND)).all():
        raise RefineError("a trimap holds 0, 128 and 255 only, this one holds others")
    if prior is not None and {prior.alpha.shape, prior.weight.shape} != {trimap.shape}:
        raise RefineError(
            f"prior {prior.alpha.shape}, trimap {trimap.shape}: give a prior of the photo's size"
        )
