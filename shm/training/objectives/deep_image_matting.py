"""The stages of Deep Image Matting (arXiv 1703.03872, sections 4.1 to 4.3)."""

from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn

from shm.losses import alpha_only, prediction_loss
from shm.models import DeepImageMatting, MattingModel
from shm.training.batch import Batch
from shm.training.config import TrainConfig
from shm.training.objectives.objective import Losses, Objective, truth_of


def alpha_stage(model: MattingModel, batch: Batch, config: TrainConfig, step: int) -> Losses:  # noqa: ARG001 - one signature for all phases
    """Return the alpha loss of encoder and decoder: stage 0."""
    losses = alpha_only(_raw(model, batch).sigmoid(), truth_of(batch), config.losses)
    losses["total"] = losses["prediction"]
    return losses


def both_losses(model: MattingModel, batch: Batch, config: TrainConfig, step: int) -> Losses:  # noqa: ARG001
    """Return the alpha and the composition loss of encoder and decoder: stage 1."""
    losses = prediction_loss(_raw(model, batch).sigmoid(), truth_of(batch), config.losses)
    losses["total"] = losses["prediction"]
    return losses


def refinement_stage(model: MattingModel, batch: Batch, config: TrainConfig, step: int) -> Losses:  # noqa: ARG001
    """Return the alpha loss of the refined alpha, which the rest is not moved by: stage 2."""
    refined = _refined(model, batch, _raw(model, batch).detach())
    losses = alpha_only(refined, truth_of(batch), config.losses)
    losses["total"] = losses["prediction"]
    return losses


def everything(model: MattingModel, batch: Batch, config: TrainConfig, step: int) -> Losses:  # noqa: ARG001
    """Return both losses of the raw alpha plus the alpha loss of the refined one: stage 3."""
    raw, truth = _raw(model, batch), truth_of(batch)
    losses = prediction_loss(raw.sigmoid(), truth, config.losses)
    refined = alpha_only(_refined(model, batch, raw), truth, config.losses)
    losses["refined"] = refined["prediction"]
    losses["total"] = losses["prediction"] + losses["refined"]
    return losses


def _raw(model: MattingModel, batch: Batch) -> Tensor:
    return cast("DeepImageMatting", model).raw_logits(batch.image, batch.trimap).float()


def _refined(model: MattingModel, batch: Batch, logits: Tensor) -> Tensor:
    refined = cast("DeepImageMatting", model).refined_logits(batch.image, logits)
    return refined.float().sigmoid()


def _refinement(model: MattingModel) -> Iterable[nn.Module]:
    return [cast("DeepImageMatting", model).refinement]


def _all_but_refinement(model: MattingModel) -> Iterable[nn.Module]:
    return [part for name, part in model.named_children() if name != "refinement"]


STAGE_0 = Objective(losses=alpha_stage, resting=_refinement, reads_colours=lambda _: False)
STAGE_1 = Objective(losses=both_losses, resting=_refinement)
STAGE_2 = Objective(
    losses=refinement_stage, resting=_all_but_refinement, reads_colours=lambda _: False
)
STAGE_3 = Objective(losses=everything)
