"""Whether both sides of `benchmarks/training.py` do the same work: their losses agree."""

from itertools import islice

import torch
from torch.nn.modules.dropout import _DropoutNd

from benchmarks.plain.batches import plain_batches
from benchmarks.plain.plan import Plan
from benchmarks.plain.step import Losses, plain_losses
from shm.training.objectives import OBJECTIVES, LossModule
from shm.training.phases import Phase

TOLERANCE = 1e-3
"""By which part losses may differ: in fp32, sums depend on the order of what is added."""


class DisagreementError(ArithmeticError):
    """The two sides do not compute the same loss."""


def agreement(plan: Plan) -> dict[Phase, float]:
    """Return by which part the losses differ, of the same weights and the first batch of each side.

    Both are computed in fp32 and without dropout, whose random numbers depend on the layout.

    Raises
    ------
    DisagreementError
        One differs by more than `TOLERANCE`.
    """
    if plan.threads:
        torch.set_num_threads(plan.threads)
    return {phase: _agreement_of(phase, plan) for phase in plan.phases}


def _agreement_of(phase: Phase, plan: Plan) -> float:
    model = plan.model(phase)
    for module in model.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    (ours,) = islice(plan.batches(phase), 1)
    (plain,) = islice(plain_batches(phase, plan.config, plan.feed()), 1)
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with torch.no_grad(), exact:
        losses = LossModule(model, OBJECTIVES[phase], plan.config)(ours, 0)
        return apart(phase, losses, plain_losses(phase, model, plain, plan.config, 0))


def apart(phase: Phase, ours: Losses, plain: Losses) -> float:
    """Return by which part the totals differ; raise `DisagreementError` where any loss does."""
    parts = {name: _part(value.item(), plain[name].item()) for name, value in ours.items()}
    for name, part in parts.items():
        if not part <= TOLERANCE:  # NaN agrees with nothing
            raise DisagreementError(
                f"{phase}: the {name} loss is {ours[name].item():.6g} by ours and "
                f"{plain[name].item():.6g} by the plain version, of the same samples and weights: "
                "they do not do the same work, so their times say nothing"
            )
    return parts["total"]


def _part(ours: float, plain: float) -> float:
    return abs(ours - plain) / max(abs(plain), 1e-12)
