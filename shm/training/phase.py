"""Training one phase: begun, gone on with, or finished already."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shm.checkpoint import remove_leftovers
from shm.training.batch import LAYOUT
from shm.training.config import TrainConfig
from shm.training.log import TrainingLog
from shm.training.phase_checkpoint import Best, Kept, PhaseCheckpoints
from shm.training.phases import Phase
from shm.training.pictures import draw_losses
from shm.training.ranks import Ranks
from shm.training.start import TrainingError, fresh_model
from shm.training.step import TrainingStep
from shm.training.trainer import Batches, OnStep, Samples, Trainer

__all__ = ["PhaseResult", "TrainingError", "require_divisible", "train_phase"]

OnNote = Callable[[str], None]
"""Told what the user should know, a line at a time."""


@dataclass(frozen=True, kw_only=True)
class PhaseResult:
    """How a phase ended.

    Parameters
    ----------
    phase : Phase
    folder : Path
        Holds its checkpoints ``last`` and ``best``, its log and its pictures.
    steps : int
    best : Best or None
        The step of the best checkpoint and its SAD; None where there was nothing to validate on.
    resumed_from : int
        The step it went on from, 0 where it began; `steps` where it was finished already.
    skipped : int
        Samples that were left out since they could not be read.
    """

    phase: Phase
    folder: Path
    steps: int
    best: Best | None
    resumed_from: int
    skipped: int = 0


def train_phase(
    phase: Phase,
    config: TrainConfig,
    *,
    run: Path,
    batches: Batches,
    device: torch.device,
    ranks: Ranks | None = None,
    validation: Samples | None = None,
    pretrained: Mapping[str, Path] | None = None,
    data: str = "",
    stores: Sequence[Mapping[str, Any]] = (),
    on_step: OnStep | None = None,
    on_note: OnNote | None = None,
) -> PhaseResult:
    """Train one phase, or go on with it, or say that it is finished.

    Parameters
    ----------
    phase : Phase
    config : TrainConfig
    run : Path
        The run's folder; the phase keeps its own in it, by its name.
    batches : callable
        The same batches in the same order for the same step, whenever it is called.
    device : torch.device
    ranks : Ranks, optional
        The processes that train together; the first one writes.
    validation : callable, optional
        Without it, or without a sample in it, the last checkpoint counts as the best.
    pretrained : mapping, optional
        Checkpoints by net (``"tnet"``, ``"mnet"``, ``"dim"``) to start from.
    data : str
        Tells one training set from another; a run goes on only with the one that it began with.
    stores : sequence of dict
        What the training set is, for the checkpoints: see `shm.checkpoint.Metadata`.
    on_step, on_note : callables, optional

    Raises
    ------
    TrainingError
        A loss is not finite, a phase before this one isn't finished, the batches end early, or the
        folder holds a run of another configuration.
    CheckpointError
        A checkpoint is damaged or of another architecture.
    """
    ranks = ranks or Ranks()
    note = on_note or (lambda _: None)
    settings = config.phase(phase)
    require_divisible(phase, settings.batch, settings.accumulate, ranks)
    checkpoints = PhaseCheckpoints(run / phase.value, phase, config, data, stores)
    kept = checkpoints.last()
    ranks.wait()  # until all have read where it stands, none goes on from there
    if kept is not None and _is_finished(kept, config, phase):
        best = _best(kept)
        if ranks.first:
            _tidy(checkpoints.folder, drawn=config.loop.picture_every > 0)
        note(f"{phase}: finished already, {kept.step} steps ({_told(best)})")
        return _result(checkpoints, kept.step, best, kept.step)
    if kept is None:
        fitting = pretrained or {}
        model, report = fresh_model(phase, config, run=run, pretrained=fitting, note=note)
        note(f"{phase}: {settings.steps} steps from the start")
    else:
        model, report = kept.model, dict(kept.report)
        note(f"{phase}: going on from step {kept.step} of {settings.steps}")
        for net, path in (pretrained or {}).items():
            note(f"{phase}: --{net} {path} is not used, since the phase has begun already")
    layout = LAYOUT if config.loop.channels_last else torch.contiguous_format
    model = model.to(memory_format=layout).to(device)
    trainer = Trainer(TrainingStep(phase, config, model, device, ranks), checkpoints, report)
    start = trainer.restore(kept) if kept is not None else 0
    log_of = TrainingLog(checkpoints.folder, step=start) if ranks.first else nullcontext()
    with log_of as log:
        trainer.run(batches, validation, log, on_step or (lambda _step, _losses: None))
    if ranks.first and config.loop.picture_every:
        draw_losses(checkpoints.folder)
    _tell_end(trainer, note)
    return _result(checkpoints, trainer.step, trainer.best, start)


def require_divisible(phase: Phase, batch: int, accumulate: int, ranks: Ranks) -> int:
    """Return how many crops a process takes at a time; raise `TrainingError` where it is no number.

    A step has the same crops with any number of processes, so their shares must be whole.
    """
    parts = accumulate * ranks.world
    if batch % parts:
        raise TrainingError(
            f"{phase}: a batch of {batch} can't be shared by {ranks.world} processes in "
            f"{accumulate} parts each: set phases.{phase}.batch to a multiple of {parts}, or start "
            "fewer processes"
        )
    return batch // parts


def _is_finished(kept: Kept, config: TrainConfig, phase: Phase) -> bool:
    settings = config.phase(phase)
    hopeless = bool(settings.patience) and (
        kept.state["progress"]["since_best"] >= settings.patience
    )
    return kept.step >= settings.steps or (kept.stopped_early and hopeless)


def _tidy(folder: Path, *, drawn: bool) -> None:
    """Do what a kill after the last checkpoint left undone."""
    for name in ("best", "last"):
        remove_leftovers(folder, name)
    if drawn and not (folder / "losses.png").exists():
        draw_losses(folder)


def _best(kept: Kept) -> Best | None:
    found: dict[str, Any] | None = kept.state["best"]
    return None if found is None else Best(**found)


def _tell_end(trainer: Trainer, note: OnNote) -> None:
    phase = trainer.phase
    if trainer.waits.steps >= 0:
        note(f"{phase}: {trainer.waits}")
    if trainer.stopped_early:
        note(
            f"{phase}: stopped at step {trainer.step} of {trainer.settings.steps}: "
            f"{trainer.progress.since_best} validations without a new best"
        )
    if trainer.best is None:
        note(f"{phase}: there was nothing to validate on, so the last checkpoint is the best")


def _result(
    checkpoints: PhaseCheckpoints, steps: int, best: Best | None, resumed_from: int
) -> PhaseResult:
    return PhaseResult(
        phase=checkpoints.phase,
        folder=checkpoints.folder,
        steps=steps,
        best=best,
        resumed_from=resumed_from,
    )


def _told(best: Best | None) -> str:
    return f"best SAD {best.sad:.4g} at step {best.step}" if best else "not validated"
