"""Ways from a mask, or from a trimap, to an alpha: this package's, and PyMatting's six."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from shm.pipeline.prepare import PrepareConfig, RawSample, prepare
from shm.pipeline.refine import RefineMethod, refine_alpha
from shm.pipeline.trimap import TrimapConfig, require_certain_pixels, trimap_from_alpha
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, RgbImage, Trimap

Task = Literal["mask", "trimap"]


PEERS = ("cf", "knn", "lbdm", "lkm", "rw", "sm")
"""PyMatting's six, by the last part of `estimate_alpha_...`."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A photo, what is given of its subject, and its true alpha, all of one size.

    `trimap` is the fixed band around the mask, or the band around the true alpha's soft pixels.
    """

    image: RgbImage
    mask: Alpha
    trimap: Trimap
    truth: Alpha


Way = Callable[[Problem], tuple[Alpha, Trimap]]
"""From a problem to an alpha, and to the trimap that it was solved on."""


def prepared(config: dict[str, Any]) -> Way:
    """Start from the mask, as `prepare` does with these settings."""

    def way(problem: Problem) -> tuple[Alpha, Trimap]:
        settings = PrepareConfig(size=max(problem.mask.shape), foreground="photo", **config)
        sample = prepare(RawSample(image=problem.image, mask=problem.mask), settings)
        return sample.alpha, sample.trimap

    return way


def refined(method: RefineMethod) -> Way:
    """Solve the given trimap by a method of this package."""
    return lambda problem: (refine_alpha(problem.image, problem.trimap, method), problem.trimap)


def peer(name: str) -> Way:
    """Solve the given trimap by a method of PyMatting, with its own settings."""

    def way(problem: Problem) -> tuple[Alpha, Trimap]:
        import pymatting

        trimap = problem.trimap
        known = np.select([trimap == BACKGROUND, trimap == FOREGROUND], [0.0, 1.0], 0.5)
        solve = getattr(pymatting, f"estimate_alpha_{name}")
        solved = np.where(trimap == UNKNOWN, solve(problem.image / 255.0, known), known)
        if not np.isfinite(solved).all():
            raise ArithmeticError(f"{name} gave numbers that are none")
        return np.rint(np.clip(solved, 0, 1) * 255).astype(np.uint8), trimap

    return way


def blurred(problem: Problem) -> tuple[Alpha, Trimap]:
    """Soften the mask, and do nothing else."""
    import cv2

    softened = cv2.GaussianBlur(problem.mask.astype(np.float32), (0, 0), 1)
    return np.rint(softened).astype(np.uint8), problem.trimap


OWN: tuple[RefineMethod, ...] = ("hybrid", "closed-form", "knn")


SIX = {f"pymatting-{name}": peer(name) for name in PEERS}


WAYS: dict[Task, dict[str, Way]] = {
    "mask": {
        "mask": lambda problem: (problem.mask, problem.trimap),
        "mask-blurred": blurred,
        "adaptive": prepared({}),
    }
    | {name: prepared({"trimap": TrimapConfig(mode="fixed"), "refine": name}) for name in OWN}
    | SIX,
    "trimap": {name: refined(name) for name in OWN} | SIX,
}


def trimap_around(truth: Alpha, dilate: int) -> Trimap:
    """Mark as unknown what lies within `dilate` pixels of a soft pixel of the true alpha."""
    import cv2

    soft = ((truth > 0) & (truth < 255)).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * dilate + 1, 2 * dilate + 1))
    trimap = np.where(truth >= 128, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    trimap[cv2.dilate(soft, disc) == 1] = UNKNOWN
    require_certain_pixels(trimap)
    return trimap


def problem_of(task: Task, image: RgbImage, mask: Alpha, truth: Alpha, dilate: int) -> Problem:
    """Return what a task gives."""
    fixed = TrimapConfig(mode="fixed")
    trimap = trimap_from_alpha(mask, fixed) if task == "mask" else trimap_around(truth, dilate)
    return Problem(image=image, mask=mask, trimap=trimap, truth=truth)


def small_problem(task: Task) -> Problem:
    """Return a soft disc on a noisy ground: a solve that compiles everything and costs nothing."""
    rows, columns = np.mgrid[:96, :96] - 47.5
    opacity = np.clip((30 - np.hypot(rows, columns)) / 8 + 0.5, 0, 1)[..., None]
    colours = opacity * (200, 90, 60) + (1 - opacity) * (40, 80, 160)
    noise = np.random.default_rng(0).normal(0, 4, colours.shape)
    image = np.clip(colours + noise, 0, 255).astype(np.uint8)
    truth = np.rint(opacity[..., 0] * 255).astype(np.uint8)
    mask = np.where(truth >= 128, np.uint8(255), np.uint8(0))
    return problem_of(task, image, mask, truth, dilate=4)
