"""The three phases of Semantic Human Matting (arXiv 1809.01354, sections 3.4 and 4.2)."""

from typing import cast

import torch
from torch import Tensor, nn

from shm.losses import prediction_loss, trimap_loss
from shm.models import MattingModel, SemanticHumanMatting, TNet, fuse
from shm.training.augment import matte_crops, rotate, rotation_angles
from shm.training.batch import Batch
from shm.training.config import TrainConfig
from shm.training.objectives.objective import Losses, Objective, truth_of
from shm.training.phases import Phase


def tnet_losses(model: MattingModel, batch: Batch, config: TrainConfig, step: int) -> Losses:
    """Return T-Net's loss, and 0.4 times its auxiliary head's where it has one.

    The auxiliary loss is PSPNet's (arXiv 1612.01105, section 3.3).
    """
    image, classes = batch.image, batch.classes
    if largest := config.phase(Phase.TNET).rotation:
        image, classes = rotate(
            image, classes, rotation_angles(batch.ids, largest, seed=config.seed, step=step)
        )
    logits, auxiliary = _tnet(model).forward_with_auxiliary(image)
    losses = {"trimap": trimap_loss(logits, classes, config.losses)}
    losses["total"] = losses["trimap"]
    if auxiliary is not None:
        losses["auxiliary"] = trimap_loss(auxiliary, classes, config.losses)
        losses["total"] = losses["trimap"] + config.losses.auxiliary_weight * losses["auxiliary"]
    return losses


def mnet_losses(model: MattingModel, batch: Batch, config: TrainConfig, step: int) -> Losses:  # noqa: ARG001 - one signature for all phases
    """Return L_p of M-Net with the true trimap in T-Net's place."""
    losses = prediction_loss(model(batch.image, batch.trimap).alpha, truth_of(batch), config.losses)
    losses["total"] = losses["prediction"]
    return losses


def end_to_end_losses(model: MattingModel, batch: Batch, config: TrainConfig, step: int) -> Losses:
    """Return L = L_p + lambda L_t of both nets; gradients reach T-Net through both terms."""
    both = cast("SemanticHumanMatting", model)
    settings = config.phase(Phase.END_TO_END)
    logits = _tnet(model)(batch.image)
    seen, probabilities = batch, logits.float().softmax(1)
    if settings.matte_crop:
        seen, probabilities = matte_crops(
            batch,
            probabilities,
            side=settings.matte_crop,
            sides=settings.matte_crop_sizes,
            seed=config.seed,
            step=step,
        )
    alpha = _alpha(both, seen.image, probabilities)
    losses = prediction_loss(alpha, truth_of(seen), config.losses)
    losses["total"] = losses["prediction"]
    if config.losses.trimap_weight:
        losses["trimap"] = trimap_loss(logits, batch.classes, config.losses)
        losses["total"] = losses["prediction"] + config.losses.trimap_weight * losses["trimap"]
    return losses


def _alpha(model: SemanticHumanMatting, image: Tensor, probabilities: Tensor) -> Tensor:
    raw: Tensor = cast("nn.Module", model.mnet)(torch.cat([image, probabilities], 1))
    return fuse(probabilities, raw) if model.fusion else raw


def _tnet(model: MattingModel) -> TNet:
    return cast("TNet", cast("SemanticHumanMatting", model).tnet)


def _auxiliary_head(model: MattingModel) -> list[nn.Module]:
    """Return PSPNet's auxiliary head, which serves T-Net's own phase alone."""
    head = getattr(_tnet(model), "auxiliary_head", None)
    return [] if head is None else [head]


TNET = Objective(losses=tnet_losses, reads_alpha=False, reads_colours=lambda _: False)
MNET = Objective(losses=mnet_losses)
END_TO_END = Objective(losses=end_to_end_losses, resting=_auxiliary_head)
