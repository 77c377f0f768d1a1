"""Scoring nets in training on whole validation samples."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from shm.inference import MAX_SIDE, Matte, estimate_matte, evaluating, to_matte
from shm.metrics import score
from shm.models import MattingModel
from shm.pictures import PictureRow
from shm.pipeline.values import Alpha, RgbImage, Trimap
from shm.training.batch import RawSamples, classes_of, one_hot
from shm.training.compilation import uncompiled
from shm.training.ranks import Ranks

Figures = dict[str, dict[str, float]]
"""``figures["whole"]["sad"]`` and so on, as `shm.metrics.score` gives them."""


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Mean figures over the validation samples, and pictures of the first few of this process."""

    samples: int
    figures: Figures
    pictures: tuple[PictureRow, ...]


def validate(
    model: MattingModel,
    samples: Iterable[RawSamples],
    *,
    device: torch.device,
    ranks: Ranks | None = None,
    pictures: int = 4,
    max_side: int = MAX_SIDE,
) -> Validation | None:
    """Predict each whole sample and score it over its valid part.

    Nets that can't see without a trimap are given the true one.

    Parameters
    ----------
    model : MattingModel
        Put into evaluation meanwhile.
    samples : batches of whole samples
        With several processes, of process r every world-th sample from the r-th on.
    device : torch.device
    ranks : Ranks, optional
        The processes that share the samples; all of them get the figures of all samples.
    pictures : int
        How many of the first samples to keep as pictures.
    max_side : int
        Longer side in pixels at which samples are predicted.

    Returns
    -------
    Validation, or None where no process has a sample
    """
    scores: list[Figures] = []
    rows: list[PictureRow] = []
    with evaluating(model), uncompiled():
        for image, alpha, trimap in _valid_parts(samples):
            matte = _matte(model, image, trimap, device, max_side)
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
    everybodys = _dealt_back((ranks or Ranks()).gather(scores))
    if not everybodys:
        return None
    return Validation(samples=len(everybodys), figures=_means(everybodys), pictures=tuple(rows))


def _dealt_back(shares: list[list[Figures]]) -> list[Figures]:
    """Bring the scores into the order of the samples: a sum depends on it in its last bit."""
    longest = max(len(share) for share in shares)
    return [share[turn] for turn in range(longest) for share in shares if turn < len(share)]


def _matte(
    model: MattingModel, image: RgbImage, trimap: Trimap, device: torch.device, max_side: int
) -> Matte:
    given = None
    if model.needs_trimap:
        given = one_hot(classes_of(torch.from_numpy(trimap)[None, None]))[0]
    rgb = torch.from_numpy(image).movedim(-1, 0)
    return to_matte(estimate_matte(model, rgb, device=device, given=given, max_side=max_side))


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
