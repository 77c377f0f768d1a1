"""The training loop of one phase: step, tell, validate, keep."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from shm.checkpoint import last_metadata
from shm.training.batch import LAYOUT, Batch, RawBatch, RawSamples, to_device
from shm.training.log import TrainingLog, Waits, Window
from shm.training.phase_checkpoint import Best, Kept, PhaseCheckpoints
from shm.training.pictures import draw_losses, draw_progress
from shm.training.prefetch import prefetched
from shm.training.ranks import Ranks
from shm.training.schedule import Progress
from shm.training.start import TrainingError
from shm.training.step import NotFiniteError, TrainingStep
from shm.training.validation import validate

PICTURES = 4
"""How many validation samples a picture grid shows."""

Batches = Callable[[int], Iterable[RawBatch]]
"""From a step on (0 at the start), this process's batches of that step and of all that follow."""

Samples = Callable[[], Iterable[RawSamples]]
"""This process's share of the whole validation samples, from the first on at every call."""

OnStep = Callable[[int, Mapping[str, float]], None]
"""Told each step's number and losses."""


class Trainer:
    """The counters of a phase, and what happens between its steps.

    Parameters
    ----------
    step : TrainingStep
    checkpoints : PhaseCheckpoints
    report : mapping
        What the nets began with.
    """

    def __init__(
        self, step: TrainingStep, checkpoints: PhaseCheckpoints, report: Mapping[str, Any]
    ) -> None:
        self.take, self.checkpoints, self.report = step, checkpoints, report
        self.phase, self.config, self.settings = step.phase, step.config, step.settings
        self.loop = step.config.loop
        self.step = 0
        self.stopped_early = False
        self.best: Best | None = None
        self.progress = Progress()
        self.window = Window()
        self.waits = Waits()

    @property
    def ranks(self) -> Ranks:
        """The processes that train together."""
        return self.take.ranks

    @property
    def finished(self) -> bool:
        """Whether there is no step left, or no hope."""
        return self.step >= self.settings.steps or self.stopped_early

    def restore(self, kept: Kept) -> int:
        """Go on from a checkpoint (the nets hold its weights already); return its step."""
        state = kept.state
        self.take.restore(state["step"])
        self.step = kept.step
        self.best = None if state["best"] is None else Best(**state["best"])
        self.progress = Progress(**state["progress"])
        self.window = Window(dict(state["sums"]), state["steps"])
        return self.step

    def run(
        self,
        batches: Batches,
        validation: Samples | None,
        log: TrainingLog | None,
        on_step: OnStep,
    ) -> None:
        """Train to the last step, or until it is no use any more.

        `log` is the first process's.
        """
        if self.finished:  # nets that are joined without a step are judged all the same
            self._after_step(validation, log)
        else:
            self._train(batches, validation, log, on_step)
        self.ranks.wait()  # the next phase begins with what the first process has written

    def _train(
        self,
        batches: Batches,
        validation: Samples | None,
        log: TrainingLog | None,
        on_step: OnStep,
    ) -> None:
        ready = partial(
            to_device,
            device=self.take.device,
            size=self.settings.crop,
            mattes=self.take.objective.reads_alpha,
            layout=LAYOUT if self.loop.channels_last else torch.contiguous_format,
        )
        try:
            with prefetched(batches(self.step), self.take.device, ready) as stream:
                while not self.finished:
                    losses = self._next_step(stream)
                    self._tell(log)
                    self._after_step(validation, log)
                    on_step(self.step, losses)
        except KeyboardInterrupt as stop:
            told = f"after step {self.step} of {self.phase}; {self._last_kept()}"
            raise KeyboardInterrupt(told) from stop

    def _next_step(self, stream: Iterator[Batch]) -> dict[str, float]:
        asked = time.perf_counter()
        taken = list(itertools.islice(stream, self.take.parts))
        waited = time.perf_counter() - asked
        if len(taken) < self.take.parts:
            raise TrainingError(
                f"{self.phase}: the batches ended after step {self.step} of "
                f"{self.settings.steps}: give a stream that goes on, epoch after epoch"
            )
        try:
            losses = self.take(taken, self.step, self._rate())
        except NotFiniteError as error:
            raise TrainingError(self._told(error)) from error
        self.step += 1
        spent = time.perf_counter() - asked
        self.waits.add(waited=waited, spent=spent)
        self.window.add(losses, samples=self.settings.batch, seconds=spent, waited=waited)
        return losses

    def _rate(self) -> float:
        adam = self.settings.optimiser
        share = adam.schedule.share(self.step, self.settings.steps)
        return adam.learning_rate * share * self.progress.share(adam.schedule)

    def _told(self, error: NotFiniteError) -> str:
        return (
            f"{self.phase}: {error} at step {self.step + 1}, on {', '.join(error.ids)}; "
            f"{self._last_kept()} ({self.checkpoints.folder}): look at these samples, or lower "
            "the learning rate"
        )

    def _last_kept(self) -> str:
        last = last_metadata(self.checkpoints.folder)
        if last is not None:
            return f"the last checkpoint is of step {last.step}"
        return f"there is no checkpoint yet, they come every {self.loop.checkpoint_every} steps"

    def _tell(self, log: TrainingLog | None) -> None:
        if self._due(self.loop.log_every):
            if log is not None:
                rate = self.take.optimiser.param_groups[0]["lr"]
                log.write({"step": self.step, "kind": "train", **self.window.summary(), "lr": rate})
            self.window = Window()

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.settings.steps

    def _after_step(self, validation: Samples | None, log: TrainingLog | None) -> None:
        if validation is not None:
            self._validate(validation, log)
        # A new best is followed by a last that knows of it.
        improved = self.best is not None and self.best.step == self.step
        if improved or self.stopped_early or self._due(self.loop.checkpoint_every):
            self._keep(log)

    def _keep(self, log: TrainingLog | None) -> None:
        if log is None:
            return
        log.sync()
        if self.best is None and self.finished:
            self.checkpoints.save_best(self._kept(judged=True), {})
        self.checkpoints.save_last(self._kept())

    def _validate(self, validation: Samples, log: TrainingLog | None) -> None:
        scores = self._due(self.loop.validate_every)
        pictures = self.loop.picture_every > 0 and self._due(self.loop.picture_every)
        if not scores and not (pictures and self.ranks.first):
            return
        # Pictures alone need no more than the first few samples.
        samples = validation() if scores else itertools.islice(validation(), PICTURES)
        found = validate(
            self.take.judged,
            samples,
            device=self.take.device,
            ranks=self.ranks if scores else Ranks(),
            pictures=PICTURES,
            max_side=self.config.max_side,
        )
        if found is None:
            return
        if scores:
            self._judge(found.samples, found.figures, log)
        if pictures and log is not None:
            draw_progress(self.checkpoints.folder, self.step, found.pictures)
            if not self.finished:  # at its end, a phase draws them in any case
                draw_losses(self.checkpoints.folder)

    def _judge(
        self, samples: int, figures: dict[str, dict[str, float]], log: TrainingLog | None
    ) -> None:
        sad = figures["whole"]["sad"]
        if self.progress.add(sad, self.settings.optimiser.schedule):
            self.best = Best(step=self.step, sad=sad)
            if log is not None:
                self.checkpoints.save_best(self._kept(judged=True), figures)
        patience = self.settings.patience
        self.stopped_early = bool(patience) and self.progress.since_best >= patience
        if log is not None:
            log.write({"step": self.step, "kind": "validation", "samples": samples, **figures})

    def _kept(self, *, judged: bool = False) -> Kept:
        return Kept(
            model=self.take.judged if judged else self.take.model,
            step=self.step,
            state={} if judged else self.state(),
            report=self.report,
            stopped_early=self.stopped_early,
        )

    def state(self) -> dict[str, Any]:
        """Return what, beside the weights, `restore` needs to go on."""
        return {
            "step": self.take.state(),
            "best": None if self.best is None else vars(self.best).copy(),
            "progress": self.progress.state(),
            "sums": dict(self.window.sums),
            "steps": self.window.steps,
        }
