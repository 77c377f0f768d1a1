"""The training loop: nets, optimiser and counters of one phase, step by step.

Everything random in a step depends on (seed, phase, step) alone: dropout is seeded before each
step, crops are drawn by (seed, epoch, sample id). So what a checkpoint must hold is short, and a
run that was killed goes on to the very weights that an undisturbed one reaches, on a processor;
some of PyTorch's operations on accelerators add up in no fixed order.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import nn
from torch.nn.utils import get_total_norm

from shm.checkpoint import last_step
from shm.pictures import write_grid
from shm.training.batch import Batch, RawBatch, RawSamples, to_device
from shm.training.config import Phase, TrainConfig
from shm.training.log import TrainingLog, Waits, Window
from shm.training.objective import OBJECTIVES
from shm.training.phase_checkpoint import Best, Kept, PhaseCheckpoints
from shm.training.prefetch import prefetched
from shm.training.start import TrainingError, seed_torch
from shm.training.validation import validate

PICTURES = 4
"""How many validation samples a picture grid shows."""

Batches = Callable[[int], Iterable[RawBatch]]
"""From a step on (0 at the start), the batches of that step and of all that follow."""

Samples = Callable[[], Iterable[RawSamples]]
"""The whole validation samples, in batches, from the first on at every call."""

OnStep = Callable[[int, Mapping[str, float]], None]
"""Told each step's number and losses."""


class Trainer:
    """Nets, optimiser and counters of one phase.

    Parameters
    ----------
    phase : Phase
    config : TrainConfig
    nets : Module
        On `device`.
    checkpoints : PhaseCheckpoints
    device : torch.device
    """

    def __init__(
        self,
        phase: Phase,
        config: TrainConfig,
        nets: nn.Module,
        checkpoints: PhaseCheckpoints,
        device: torch.device,
    ) -> None:
        self.phase, self.config, self.nets = phase, config, nets
        self.checkpoints, self.device = checkpoints, device
        self.settings = config.phase(phase)
        self.objective = OBJECTIVES[phase]
        adam = self.settings.optimiser
        self.optimiser = torch.optim.Adam(
            nets.parameters(),
            lr=adam.learning_rate,
            betas=adam.betas,
            weight_decay=adam.weight_decay,
        )
        self.step = 0
        self.best: Best | None = None
        self.window = Window()
        self.waits = Waits()

    def restore(self, kept: Kept) -> int:
        """Go on from a checkpoint (the nets hold its weights already); return its step."""
        self.optimiser.load_state_dict(kept.optimiser)
        self.step, self.best = kept.step, kept.best
        self.window = Window(dict(kept.sums), kept.steps)
        return self.step

    def run(
        self, batches: Batches, validation: Samples | None, log: TrainingLog, on_step: OnStep
    ) -> None:
        """Train to the last step."""
        self.nets.train()
        ready = partial(
            to_device,
            device=self.device,
            size=self.settings.crop,
            mattes=self.objective.mattes,
        )
        with prefetched(batches(self.step), self.device, ready) as stream:
            while self.step < self.settings.steps:
                asked = time.perf_counter()
                batch = next(stream, None)
                waited = time.perf_counter() - asked
                if batch is None:
                    raise TrainingError(
                        f"{self.phase}: the batches ended after step {self.step} of "
                        f"{self.settings.steps}: give a stream that goes on, epoch after epoch"
                    )
                losses = self.train_step(batch)
                spent = time.perf_counter() - asked
                self.waits.add(waited=waited, spent=spent)
                self.window.add(losses, samples=len(batch.ids), seconds=spent, waited=waited)
                self._tell(log)
                self._after_step(validation, log)
                on_step(self.step, losses)

    def _tell(self, log: TrainingLog) -> None:
        if self._due(self.config.log_every):
            rate = self.optimiser.param_groups[0]["lr"]
            log.write({"step": self.step, "kind": "train", **self.window.summary(), "lr": rate})
            self.window = Window()

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Take one step on one batch; return its losses and the norm of its gradient."""
        seed_torch(self.config.seed, self.phase, "step", self.step)
        losses = self.objective.losses(self.nets, batch, self.config, self.step)
        self.optimiser.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.nets.parameters() if p.grad is not None]
        told = {**losses, "gradient": get_total_norm(gradients)}
        # All in one transfer: an accelerator is waited for once a step.
        values = torch.stack([value.detach() for value in told.values()]).tolist()
        figures = dict(zip(told, values, strict=True))
        for name, value in figures.items():
            if not math.isfinite(value):
                raise TrainingError(self._not_finite(name, value, batch.ids))
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.optimiser.rate(self.step, self.settings.steps)
        self.optimiser.step()
        self.step += 1
        return figures

    def _not_finite(self, name: str, value: float, ids: tuple[str, ...]) -> str:
        last = last_step(self.checkpoints.folder)
        good = f"the last checkpoint is of step {last}" if last else "there is no checkpoint yet"
        return (
            f"{self.phase}: {name} is {value} at step {self.step + 1}, on {', '.join(ids)}; {good} "
            f"({self.checkpoints.folder}): look at these samples, or lower the learning rate"
        )

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.settings.steps

    def _after_step(self, validation: Samples | None, log: TrainingLog) -> None:
        if validation is not None:
            self._validate(validation, log)
        # A new best is followed by a last that knows of it.
        improved = self.best is not None and self.best.step == self.step
        if improved or self._due(self.config.checkpoint_every):
            log.sync()
            if self.best is None and self.step == self.settings.steps:
                self._save("best", {})
            self._save("last", {})

    def _validate(self, validation: Samples, log: TrainingLog) -> None:
        scores = self._due(self.config.validate_every)
        pictures = self._due(self.config.picture_every)
        if not scores and not pictures:
            return
        # Pictures alone need no more than the first few samples.
        samples = validation() if scores else itertools.islice(validation(), PICTURES)
        forward = self.objective.forward(self.nets)
        found = validate(
            self.nets,
            forward,
            samples,
            device=self.device,
            pictures=PICTURES,
            max_side=self.config.max_side,
        )
        if found is None:
            return
        if pictures:
            name = f"step-{self.step:06d}.png"
            write_grid(self.checkpoints.folder / "pictures" / name, found.pictures)
        if scores:
            log.write(
                {"step": self.step, "kind": "validation", "samples": found.samples, **found.figures}
            )
            if self.best is None or found.sad < self.best.sad:
                self.best = Best(step=self.step, sad=found.sad)
                self._save("best", found.figures)

    def _save(self, name: str, figures: Mapping[str, Mapping[str, float]]) -> None:
        kept = Kept(
            nets=self.nets,
            step=self.step,
            best=self.best,
            optimiser=self.optimiser.state_dict(),
            sums=self.window.sums,
            steps=self.window.steps,
        )
        self.checkpoints.save(name, kept, figures, state=name == "last")
