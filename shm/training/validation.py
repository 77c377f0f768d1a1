"""Scoring nets in training on whole validation samples."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from shm.inference import MAX_SIDE, Forward, Matte, estimate_matte, evaluating, to_matte
from shm.metrics import score
from shm.pictures import PictureRow
from shm.pipeline.values import Alpha, RgbImage, Trimap
from shm.training.batch import RawSamples, classes_of, one_hot

Figures = dict[str, dict[str, float]]
"""``figures["whole"]["sad"]`` and so on, as `shm.metrics.score` gives them."""


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Mean figures over the validation samples, and pictures of the first few."""

    samples: int
    figures: Figures
    pictures: tuple[PictureRow, ...]

    @property
    def sad(self) -> float:
        """Mean SAD over whole images, in thousands of pixels: what decides which step is best."""
        return self.figures["whole"]["sad"]


def validate(
    net: nn.Module,
    forward: Forward,
    samples: Iterable[RawSamples],
    *,
    device: torch.device,
    pictures: int = 4,
    max_side: int = MAX_SIDE,
) -> Validation | None:
    """Predict each whole sample and score it over its valid part.

    Parameters
    ----------
    net : Module
        Put into evaluation meanwhile.
    forward : Forward
        How `net` makes a matte.
    samples : batches of whole samples
    device : torch.device
    pictures : int
        How many of the first samples to keep as pictures.
    max_side : int
        Longer side in pixels at which samples are predicted.

    Returns
    -------
    Validation, or None where there is no sample
    """
    scores: list[Figures] = []
    rows: list[PictureRow] = []
    with evaluating(net):
        for image, alpha, trimap in _valid_parts(samples):
            matte = _matte(forward, image, trimap, device, max_side)
            scores.append(score(matte.alpha / 255, alpha / 255, trimap))
            if len(rows) < pictures:
                rows.append(
                    PictureRow(
                        image=image,
                        true_trimap=trimap,
                        trimap=matte.trimap,
                        alpha=matte.alpha,
                        true_alpha=alpha,
                    )
                )
    if not scores:
        return None
    return Validation(samples=len(scores), figures=_means(scores), pictures=tuple(rows))


def _matte(
    forward: Forward, image: RgbImage, trimap: Trimap, device: torch.device, max_side: int
) -> Matte:
    given = one_hot(classes_of(torch.from_numpy(trimap)[None, None]))[0]
    rgb = torch.from_numpy(image).movedim(-1, 0)
    return to_matte(estimate_matte(forward, rgb, device=device, given=given, max_side=max_side))


def _valid_parts(samples: Iterable[RawSamples]) -> Iterator[tuple[RgbImage, Alpha, Trimap]]:
    for batch in samples:
        for index, (height, width) in enumerate(batch["size"]):
            image, alpha, trimap = (
                np.ascontiguousarray(canvas[index, :, : int(height), : int(width)].cpu().numpy())
                for canvas in (batch["image"], batch["alpha"], batch["trimap"])
            )
            yield np.moveaxis(image, 0, -1), alpha[0], trimap[0]


def _means(scores: list[Figures]) -> Figures:
    def mean(values: list[float]) -> float:
        there = [value for value in values if not math.isnan(value)]
        return sum(there) / len(there) if there else math.nan

    return {
        region: {name: mean([each[region][name] for each in scores]) for name in figures}
        for region, figures in scores[0].items()
    }
