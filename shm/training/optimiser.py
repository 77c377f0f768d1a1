"""The optimiser, and what is done to gradients before it sees them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm

from shm.training.checks import at_least, below, one_of
from shm.training.schedule import ScheduleConfig

Kind = Literal["adam", "adamw", "sgd"]


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """How weights follow gradients.

    Parameters
    ----------
    kind : ``"adam"`` (the papers'), ``"adamw"`` or ``"sgd"``
    learning_rate : float
        The papers' is 1e-5, for nets that start from ImageNet.
    schedule : ScheduleConfig
    betas : two floats in [0, 1)
        Adam's: decay of the running means of the gradient and of its square.
    momentum : float in [0, 1)
        SGD's.
    weight_decay : float
        The papers name none.
    clip_norm, clip_value : float
        Largest norm of the whole gradient, and largest size of each of its numbers; 0: any.
    """

    kind: Kind = "adam"
    learning_rate: float
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    clip_value: float = 0.0

    def __post_init__(self) -> None:
        one_of(Kind, kind=self.kind)
        at_least(
            0,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            clip_value=self.clip_value,
        )
        below(1, momentum=self.momentum, **{f"betas[{i}]": b for i, b in enumerate(self.betas)})


def build_optimiser(
    parameters: Iterable[nn.Parameter], config: OptimiserConfig
) -> torch.optim.Optimizer:
    """Build the optimiser of some parameters."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.kind == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=config.momentum, weight_decay=decay)
    adam = torch.optim.AdamW if config.kind == "adamw" else torch.optim.Adam
    return adam(parameters, rate, betas=config.betas, weight_decay=decay)


def clipped(parameters: Iterable[nn.Parameter], config: OptimiserConfig) -> Tensor:
    """Clip the gradients as the configuration has it; return their norm before that."""
    learning = [each for each in parameters if each.grad is not None]
    if config.clip_value:
        norm = get_total_norm([each.grad for each in learning if each.grad is not None])
        clip_grad_value_(learning, config.clip_value)
        if config.clip_norm:
            clip_grad_norm_(learning, config.clip_norm)
        return norm
    if config.clip_norm:
        return clip_grad_norm_(learning, config.clip_norm)
    return get_total_norm([each.grad for each in learning if each.grad is not None])
