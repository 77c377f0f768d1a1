"""What an objective is: losses of a model on a batch, what they read, and what learns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from shm.losses import LossConfig, Truth
from shm.models import MattingModel
from shm.models.imagenet import denormalise
from shm.pipeline.values import TrimapClass
from shm.training.batch import Batch
from shm.training.config import TrainConfig

Losses = dict[str, Tensor]
"""Scalars by name; ``total`` is what is minimised."""


def nothing(_: MattingModel) -> Iterable[nn.Module]:
    """Return no part of a model."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What a phase minimises.

    Parameters
    ----------
    losses : callable
        (model, batch, config, step) -> `Losses`.
    resting : callable
        Returns the parts of a model that do not learn in this phase.
    reads_alpha : bool
        Whether the losses read the true alpha.
    reads_colours : callable
        Whether they read the true foreground and background, under a configuration of losses.
    """

    losses: Callable[[MattingModel, Batch, TrainConfig, int], Losses]
    resting: Callable[[MattingModel], Iterable[nn.Module]] = nothing
    reads_alpha: bool = True
    reads_colours: Callable[[LossConfig], bool] = lambda losses: (
        losses.composition == "true" and losses.gamma < 1
    )


class LossModule(nn.Module):
    """The losses of a phase as a module: what is run in parallel and differentiated.

    Parameters
    ----------
    model : MattingModel
        What does not learn in this phase no longer asks for gradients.
    objective : Objective
    config : TrainConfig
    """

    def __init__(self, model: MattingModel, objective: Objective, config: TrainConfig) -> None:
        super().__init__()
        self.model, self.objective, self.config = model, objective, config
        for part in objective.resting(model):
            part.requires_grad_(False)

    def forward(self, batch: Batch, step: int) -> Losses:
        """Return the losses of a batch."""
        return self.objective.losses(self.model, batch, self.config, step)


def truth_of(batch: Batch) -> Truth:
    """Return what a predicted alpha is compared with."""
    unknown = (batch.classes == TrimapClass.UNKNOWN)[:, None]
    return Truth(
        alpha=batch.true_alpha,
        unknown=unknown,
        image=denormalise(batch.image),
        foreground=batch.foreground,
        background=batch.background,
    )
