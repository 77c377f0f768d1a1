"""Fit the scale model of the mask's prior to photos with true alphas, and say what it is worth.

The numbers of `shm.pipeline.refine.scale.SCALES` come from here: fitted on one half of the photos,
from their exact masks, from smoothed ones (as segmentation gives) and out of focus, and scored on
the other half.

    python benchmarks/fit_scales.py --corpus portraits
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.photos import corpus_or_people, list_photos, mask_errors, parts, read
from shm.pipeline.refine.edge import signed_distance
from shm.pipeline.refine.prior import LEAST_REACH, REACH
from shm.pipeline.refine.scale import SCALES, ScaleModel, estimate_at_all_scales
from shm.pipeline.values import Alpha, Mask, RgbImage

KINDS = {"exact": 2.5, "smoothed": 1.0, "defocused": 0.5}
"""How much the pixels of each kind of case count."""

SMOOTHING = 0.008
"""Standard deviation of the blur that smooths a mask, as a share of the subject's size."""

DEFOCUS, NOISE = 2.5, 2.0
"""Standard deviations of the blur of photo and alpha, pixels, and of the noise that follows it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One mask of one photo: its pixels near the edge, the rest in two sums.

    `cues` (pixels, cues), `planes` (pixels, scales), `truth` and `mask` (pixels,), all float32.
    """

    photo: str
    kind: str
    cues: NDArray[np.float32]
    planes: NDArray[np.float32]
    truth: NDArray[np.float32]
    mask: NDArray[np.float32]
    sad_elsewhere: float


def smooth(mask: Mask) -> Mask:
    """Take the detail from a mask's edge."""
    import cv2

    sigma = max(0.5, SMOOTHING * float(mask.sum()) ** 0.5)
    smoothed: Mask = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma) > 0.5
    return smoothed


def defocus(image: RgbImage, truth: Alpha) -> tuple[RgbImage, Alpha]:
    """Blur photo and alpha alike; a sensor's noise comes after the lens."""
    import cv2

    noise = np.random.default_rng(0).normal(0, NOISE, image.shape)
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), DEFOCUS) + noise
    soft = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), DEFOCUS)
    return np.clip(blurred, 0, 255).astype(np.uint8), np.rint(soft).astype(np.uint8)


def cases_of(photo: str, image: RgbImage, mask: Mask, truth: Alpha) -> list[Case]:
    """Return one case of each of `KINDS`."""
    blurred, soft = defocus(image, truth)
    return [
        case(photo, "exact", image, mask, truth),
        case(photo, "smoothed", image, smooth(mask), truth),
        case(photo, "defocused", blurred, soft >= 128, soft),
    ]


def case(photo: str, kind: str, image: RgbImage, mask: Mask, truth: Alpha) -> Case:
    """Estimate alpha at all scales and keep what lies near the edge."""
    white = np.float32(255)
    inside, opacity = mask.astype(np.float32), truth.astype(np.float32) / white
    estimates = estimate_at_all_scales(image.astype(np.float32) / white, inside)
    near = np.abs(signed_distance(mask)) <= max(LEAST_REACH, REACH * float(mask.sum()) ** 0.5)
    return Case(
        photo=photo,
        kind=kind,
        cues=np.stack([estimates.cues[name][near] for name in SCALES.coefficients], axis=1),
        planes=np.stack([plane[near] for plane in estimates.planes], axis=1),
        truth=opacity[near],
        mask=inside[near],
        sad_elsewhere=float(np.abs(inside - opacity)[~near].sum()) / 1000,
    )


def fit(cases: list[Case], steps: int) -> ScaleModel:
    """Minimise |error| + error² over the pixels at which the scales differ."""
    cues = torch.from_numpy(np.concatenate([each.cues for each in cases]))
    planes = torch.from_numpy(np.concatenate([each.planes for each in cases]))
    truth = torch.from_numpy(np.concatenate([each.truth for each in cases]))
    counts = [np.full(len(each.truth), KINDS[each.kind], np.float32) for each in cases]
    weight = torch.from_numpy(np.concatenate(counts))
    told = planes.amax(dim=1) - planes.amin(dim=1) > 0.01
    cues, planes, truth, weight = cues[told], planes[told], truth[told], weight[told]
    centre, spread = cues.mean(dim=0), cues.std(dim=0) + 1e-6
    scales = planes.shape[1]
    slope = torch.zeros(cues.shape[1], requires_grad=True)
    level = torch.tensor(2.0, requires_grad=True)
    preference = torch.zeros(scales, requires_grad=True)
    sharpness = torch.tensor(0.0, requires_grad=True)  # its logarithm
    optimizer = torch.optim.Adam([slope, level, preference, sharpness], lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(0)

    def predict(rows: Tensor) -> Tensor:
        scale = ((cues[rows] - centre) / spread) @ slope + level
        away = (torch.arange(scales) - scale[:, None]) ** 2
        share = torch.softmax(preference - sharpness.exp() * away, dim=1)
        return (share * planes[rows]).sum(dim=1).clip(0, 1)

    for _ in range(steps):
        rows = torch.randint(len(truth), (40_000,), generator=generator)
        error = predict(rows) - truth[rows]
        loss = (weight[rows] * (error.abs() + error**2)).sum() / weight[rows].sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        coefficients = slope / spread
        return ScaleModel(
            intercept=round(float(level - (coefficients * centre).sum()), 2),
            coefficients={
                name: round(float(value), 2)
                for name, value in zip(SCALES.coefficients, coefficients, strict=True)
            },
            preference=tuple(round(float(p), 2) for p in preference - preference.mean()),
            sharpness=round(float(sharpness.exp()), 2),
        )


def sad(model: ScaleModel, each: Case) -> float:
    """Return the SAD of the prior's alpha over the whole image."""
    names = list(SCALES.coefficients)
    scale = model.scale({name: each.cues[:, i][None] for i, name in enumerate(names)})
    alpha = (model.shares(scale)[:, 0] * each.planes.T).sum(axis=0).clip(0, 1)
    return each.sad_elsewhere + float(np.abs(alpha - each.truth).sum()) / 1000


def score(model: ScaleModel, cases: list[Case], photos: list[str]) -> dict[str, float]:
    """Return mean SADs of some photos, of the masks and of the priors."""
    figures = {}
    for kind in KINDS:
        chosen = [each for each in cases if each.kind == kind and each.photo in photos]
        own = [float(np.abs(c.mask - c.truth).sum()) / 1000 + c.sad_elsewhere for c in chosen]
        figures[f"{kind} mask"] = round(float(np.mean(own)), 3)
        figures[f"{kind} prior"] = round(float(np.mean([sad(model, c) for c in chosen])), 3)
    return figures


@click.command()
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    help="Has images, masks, alphas; without it, people are generated.",
)
@click.option("--size", default=800, show_default=True, help="Longer side, pixels.")
@click.option("--steps", default=1500, show_default=True)
@click.option(
    "--quick", is_flag=True, help="Small and few steps, to see that it runs; no fit to use."
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write all here.")
def main(corpus: Path | None, size: int, steps: int, quick: bool, json_path: Path | None) -> None:
    """Print a fitted scale model, and the SADs of masks and priors by halves."""
    if quick:
        size, steps = 160, 50
    cases = []
    with corpus_or_people(corpus, 4 if quick else 24, size) as folder:
        photos = list_photos(folder)
        for name, photo in photos.items():
            image, mask, truth = read(photo, size)
            cases += cases_of(name, image, mask > 0, truth)
        halves = parts(mask_errors(photos, size))
    model = fit([each for each in cases if each.photo in halves["tuning"]], steps)
    result = {"fitted": asdict(model)} | {
        f"{name}, {half}": score(which, cases, halves[half])
        for name, which in (("fitted", model), ("shipped", SCALES))
        for half in ("tuning", "held out", "all")
    }
    for name, value in result.items():
        print(f"{name}: {value}")
    if json_path is not None:
        json_path.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
