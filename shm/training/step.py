"""One step of the optimiser: losses, gradients, and what becomes of the weights.

Everything random in a step depends on (seed, phase, step) alone: dropout is seeded before each
step, crops are drawn by (seed, epoch, sample id). So no random state must be kept, and a run that
was killed goes on to the very weights that an undisturbed one reaches, on a processor; some of
PyTorch's operations on accelerators add up in no fixed order.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from shm.models import MattingModel
from shm.training.batch import Batch
from shm.training.compilation import compile_nets
from shm.training.config import TrainConfig
from shm.training.objectives import OBJECTIVES, Losses, LossModule
from shm.training.optimiser import build_optimiser, clipped
from shm.training.phases import Phase
from shm.training.ranks import Ranks
from shm.training.start import seed_torch

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

LEAST_SCALE = 2.0**-10
"""Scale of fp16 losses below which it is not the scale that makes gradients overflow."""


class NotFiniteError(ArithmeticError):
    """A loss or the gradient is NaN or infinite; `name` and `value` say which, `ids` on what."""

    def __init__(self, name: str, value: float, ids: Sequence[str]) -> None:
        super().__init__(f"{name} is {value}")
        self.name, self.value, self.ids = name, value, tuple(ids)


class TrainingStep:
    """The nets of a phase, their optimiser, and all else that a step changes.

    Parameters
    ----------
    phase : Phase
    config : TrainConfig
    model : MattingModel
        On `device`.
    device : torch.device
    ranks : Ranks
    """

    def __init__(
        self,
        phase: Phase,
        config: TrainConfig,
        model: MattingModel,
        device: torch.device,
        ranks: Ranks,
    ) -> None:
        self.phase, self.config, self.device, self.ranks = phase, config, device, ranks
        self.settings = config.phase(phase)
        self.objective = OBJECTIVES[phase]
        if ranks.world > 1 and config.loop.sync_batch_norm and device.type == "cuda":
            convert: Callable[[nn.Module], Any] = nn.SyncBatchNorm.convert_sync_batchnorm
            model = convert(model)
        self.model = model
        self.average = _average(model, self.settings.ema)
        if config.loop.compile:
            compile_nets(model)
        alone = LossModule(model, self.objective, config)
        self.losses: nn.Module = alone
        if ranks.world > 1:
            self.losses = DistributedDataParallel(alone, broadcast_buffers=False)
        self.learning = [each for each in model.parameters() if each.requires_grad]
        self.optimiser = build_optimiser(self.learning, self.settings.optimiser)
        half = config.loop.precision == "fp16"
        self.scaler = torch.amp.GradScaler(device.type, enabled=half)

    @property
    def judged(self) -> MattingModel:
        """The nets that are validated and kept as the best: the average, where there is one."""
        return self.model if self.average is None else cast("MattingModel", self.average.module)

    @property
    def parts(self) -> int:
        """How many batches each process takes a step."""
        return self.settings.accumulate

    def __call__(self, batches: Sequence[Batch], step: int, rate: float) -> dict[str, float]:
        """Take a step on some batches; return the mean losses of all processes, and more.

        Parameters
        ----------
        batches : as many as `parts`
        step : int
        rate : float
            Learning rate.

        Returns
        -------
        dict
            The losses; ``gradient_norm``; with fp16 ``overflow``, 1 where the gradient was
            infinite: then the weights stay, the norm is told as 0, and the scale is lowered.

        Raises
        ------
        NotFiniteError
            Before the weights are touched; in all processes.
        """
        self._train_mode()
        self.optimiser.zero_grad(set_to_none=True)
        told = self._backward(batches, step)
        self.scaler.unscale_(self.optimiser)
        told["gradient_norm"] = clipped(self.learning, self.settings.optimiser)
        # All in one transfer: an accelerator is waited for once a step.
        values = self.ranks.mean(torch.stack([value.float() for value in told.values()])).tolist()
        figures = dict(zip(told, values, strict=True))
        overflow = self.scaler.is_enabled() and not math.isfinite(figures["gradient_norm"])
        if overflow and self.scaler.get_scale() > LEAST_SCALE:
            figures["gradient_norm"] = 0.0
        self._require_finite(figures, told, batches)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.ranks.average(each for each in self.model.buffers() if torch.is_floating_point(each))
        if self.average is not None and not overflow:
            self.average.update_parameters(self.model)
        return figures | ({"overflow": float(overflow)} if self.scaler.is_enabled() else {})

    def _backward(self, batches: Sequence[Batch], step: int) -> Losses:
        """Add up the gradients of all batches; return the means of their losses."""
        sums: Losses = {}
        kind, dtype = self.device.type, DTYPES[self.config.loop.precision]
        for part, batch in enumerate(batches):
            seed_torch(self.config.seed, self.phase, "step", step, self.ranks.rank, part)
            last = part == len(batches) - 1
            with self._exchanging(last=last):
                with torch.autocast(kind, dtype, enabled=dtype != torch.float32):
                    losses: Losses = self.losses(batch, step)
                self.scaler.scale(losses["total"] / len(batches)).backward()  # type: ignore[no-untyped-call]
            for name, value in losses.items():
                share = value.detach() / len(batches)
                sums[name] = sums[name] + share if name in sums else share
        return sums

    def _exchanging(self, *, last: bool) -> AbstractContextManager[None]:
        """Let processes exchange their gradients after the last of their batches only."""
        if isinstance(self.losses, DistributedDataParallel) and not last:
            return cast("AbstractContextManager[None]", self.losses.no_sync())
        return nullcontext()

    def _train_mode(self) -> None:
        """Put the nets into training, but what rests and what is frozen."""
        self.losses.train()
        for part in self.objective.resting(self.model):
            part.eval()
        if self.settings.freeze_batch_norm:
            for module in self.model.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    def _require_finite(
        self, figures: dict[str, float], told: dict[str, Tensor], batches: Sequence[Batch]
    ) -> None:
        wrong = next((name for name, value in figures.items() if not math.isfinite(value)), None)
        if wrong is None:
            return
        # A gradient is everybody's, a loss that of its own samples.
        mine = wrong == "gradient_norm" or not math.isfinite(told[wrong].item())
        ids = [name for batch in batches for name in batch.ids] if mine else []
        all_ids = [name for each in self.ranks.gather(ids) for name in each]
        raise NotFiniteError(wrong, figures[wrong], all_ids)

    def state(self) -> dict[str, Any]:
        """Return what, beside the weights, `restore` needs to go on."""
        average = None if self.average is None else self.average.state_dict()
        return {
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": average,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; the nets hold its weights already."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])


def _average(model: MattingModel, decay: float) -> AveragedModel | None:
    if not decay:
        return None
    mean: Callable[..., Any] = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=mean, use_buffers=True)
    return average.requires_grad_(False)
