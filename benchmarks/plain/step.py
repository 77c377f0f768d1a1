"""Training written straight from the papers: the losses of each phase, and a step of plain PyTorch.

The baseline of `benchmarks/training.py`. Nets are of the same registry, and a step's rotations and
M-Net's crops are cut by the same functions, so that both sides see the same pictures. All else is
written once more: fp32, contiguous, a kernel for each parameter in the optimiser, one loop.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from shm.losses import LossConfig
from shm.models import DeepImageMatting, MattingModel, SemanticHumanMatting, TNet
from shm.pipeline.values import TrimapClass
from shm.training.augment import matte_crops, rotate, rotation_angles
from shm.training.batch import Batch
from shm.training.config import TrainConfig
from shm.training.optimiser import OptimiserConfig, build_optimiser
from shm.training.phases import Phase

Losses = dict[str, Tensor]


def not_written(config: TrainConfig, phases: Iterable[Phase]) -> list[str]:
    """Return the settings that ask for what is written nowhere below."""
    losses = config.losses
    asked = {
        "losses.composition": losses.composition != "true",
        "losses.trimap": losses.trimap != "cross-entropy",
        "losses.class_weights": bool(losses.class_weights),
        "losses.laplacian_weight": bool(losses.laplacian_weight),
        "losses.gradient_weight": bool(losses.gradient_weight),
    }
    for phase in phases:
        settings = config.phase(phase)
        asked[f"phases.{phase}.ema"] = bool(settings.ema)
        asked[f"phases.{phase}.freeze_batch_norm"] = settings.freeze_batch_norm
    return [name for name, wanted in asked.items() if wanted]


def plain_losses(
    phase: Phase, model: MattingModel, batch: Batch, config: TrainConfig, step: int
) -> Losses:
    """Return the losses of a phase, scalars by name; ``total`` is what is minimised.

    Parameters
    ----------
    phase : Phase
    model : MattingModel
        With the nets of the phase.
    batch : Batch
    config : TrainConfig
        What `not_written` lists has no say.
    step : int
        Rotations and M-Net's crops depend on it.
    """
    if phase is Phase.TNET:
        return _tnet(cast("SemanticHumanMatting", model), batch, config, step)
    if phase is Phase.MNET:
        losses = _prediction(model(batch.image, batch.trimap).alpha, batch, config.losses)
        return {**losses, "total": losses["prediction"]}
    if phase is Phase.END_TO_END:
        return _end_to_end(cast("SemanticHumanMatting", model), batch, config, step)
    return _stage(phase, cast("DeepImageMatting", model), batch, config.losses)


def _tnet(model: SemanticHumanMatting, batch: Batch, config: TrainConfig, step: int) -> Losses:
    image, classes = batch.image, batch.classes
    if largest := config.phase(Phase.TNET).rotation:
        angles = rotation_angles(batch.ids, largest, seed=config.seed, step=step)
        image, classes = rotate(image, classes, angles)
    logits, auxiliary = cast("TNet", model.tnet).forward_with_auxiliary(image)
    losses = {"trimap": F.cross_entropy(logits, classes)}
    losses["total"] = losses["trimap"]
    if auxiliary is not None:
        losses["auxiliary"] = F.cross_entropy(auxiliary, classes)
        losses["total"] = losses["trimap"] + config.losses.auxiliary_weight * losses["auxiliary"]
    return losses


def _end_to_end(
    model: SemanticHumanMatting, batch: Batch, config: TrainConfig, step: int
) -> Losses:
    settings = config.phase(Phase.END_TO_END)
    logits = cast("TNet", model.tnet)(batch.image)
    seen, trimap = batch, logits.softmax(1)
    if settings.matte_crop:
        side, sides = settings.matte_crop, settings.matte_crop_sizes
        seen, trimap = matte_crops(
            batch, trimap, side=side, sides=sides, seed=config.seed, step=step
        )
    alpha = cast("nn.Module", model.mnet)(torch.cat([seen.image, trimap], 1))
    if model.fusion:
        _, unknown, foreground = trimap.split(1, dim=1)
        alpha = foreground + unknown * alpha
    losses = _prediction(alpha, seen, config.losses)
    losses["trimap"] = F.cross_entropy(logits, batch.classes)
    losses["total"] = losses["prediction"] + config.losses.trimap_weight * losses["trimap"]
    return losses


def _stage(phase: Phase, model: DeepImageMatting, batch: Batch, config: LossConfig) -> Losses:
    raw = model.raw_logits(batch.image, batch.trimap)
    if phase is Phase.STAGE_0:
        losses = _alpha_alone(raw.sigmoid(), batch, config)
    elif phase is Phase.STAGE_2:
        refined = model.refined_logits(batch.image, raw.detach()).sigmoid()
        losses = _alpha_alone(refined, batch, config)
    else:
        losses = _prediction(raw.sigmoid(), batch, config)
    losses["total"] = losses["prediction"]
    if phase is Phase.STAGE_3:
        refined = model.refined_logits(batch.image, raw).sigmoid()
        losses["refined"] = _alpha(refined, batch, config)
        losses["total"] = losses["prediction"] + losses["refined"]
    return losses


def _prediction(alpha: Tensor, batch: Batch, config: LossConfig) -> Losses:
    losses = {"alpha": _alpha(alpha, batch, config)}
    losses["prediction"] = config.gamma * losses["alpha"]
    foreground, background = batch.foreground, batch.background
    if config.gamma < 1 and foreground is not None and background is not None:
        true = batch.true_alpha
        composite = alpha * foreground + (1 - alpha) * background
        true_composite = true * foreground + (1 - true) * background
        losses["composition"] = _mean(_distance(composite - true_composite, config), batch, config)
        losses["prediction"] = losses["prediction"] + (1 - config.gamma) * losses["composition"]
    return losses


def _alpha_alone(alpha: Tensor, batch: Batch, config: LossConfig) -> Losses:
    loss = _alpha(alpha, batch, config)
    return {"alpha": loss, "prediction": loss}


def _alpha(alpha: Tensor, batch: Batch, config: LossConfig) -> Tensor:
    return _mean(_distance(alpha - batch.true_alpha, config), batch, config)


def _distance(difference: Tensor, config: LossConfig) -> Tensor:
    if config.distance == "l1":
        return difference.abs()
    return torch.sqrt(difference**2 + config.epsilon**2)


def _mean(values: Tensor, batch: Batch, config: LossConfig) -> Tensor:
    if config.region == "whole":
        return values.mean()
    unknown = (batch.classes == TrimapClass.UNKNOWN)[:, None].expand_as(values)
    means = [each[where].mean() for each, where in zip(values, unknown, strict=True) if where.any()]
    return torch.stack([*means, values.new_zeros(())]).sum() / len(values)


class PlainStep:
    """A model, its optimiser, and the loop's body that a paper's reader would write.

    Parameters
    ----------
    phase : Phase
    model : MattingModel
        On the device.
    config : TrainConfig
    """

    def __init__(self, phase: Phase, model: MattingModel, config: TrainConfig) -> None:
        self.phase, self.model, self.config = phase, model, config
        self.settings: OptimiserConfig = config.phase(phase).optimiser
        model.train()
        if phase is Phase.STAGE_2:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name.startswith("refinement."))
        self.learning = [each for each in model.parameters() if each.requires_grad]
        self.optimiser = build_optimiser(self.learning, self.settings)
        for group in self.optimiser.param_groups:
            group["foreach"] = False

    def __call__(self, batches: Sequence[Batch], step: int) -> float:
        """Take a step on some batches; return the mean of their losses."""
        self.optimiser.zero_grad()
        mean = 0.0
        for batch in batches:
            losses = plain_losses(self.phase, self.model, batch, self.config, step)
            loss = losses["total"] / len(batches)
            loss.backward()  # type: ignore[no-untyped-call]
            mean += loss.item()
        if self.settings.clip_value:
            clip_grad_value_(self.learning, self.settings.clip_value, foreach=False)
        if self.settings.clip_norm:
            clip_grad_norm_(self.learning, self.settings.clip_norm, foreach=False)
        self.optimiser.step()
        return mean
