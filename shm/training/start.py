"""What a phase starts from: encoders, or where the phases before it left their nets."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from shm.checkpoint import (
    CheckpointError,
    Metadata,
    last_metadata,
    load_weights,
    put_weights,
    resolve,
)
from shm.models import MattingModel, build_model, load_encoders, parameters
from shm.pipeline.errors import ShmError
from shm.pipeline.seed import digest
from shm.training.config import TrainConfig
from shm.training.phases import Origin, Phase, model_of, origins

PREFIXES = {"tnet": "tnet.", "mnet": "mnet.", "dim": ""}
"""What the names of a net's weights begin with in a model."""


class TrainingError(ShmError, RuntimeError):
    """Training can't start or go on."""


def seed_torch(*parts: object) -> None:
    """Make PyTorch's random numbers depend on these parts alone, on every device."""
    torch.manual_seed(int.from_bytes(digest(*parts)[:8], "little"))


def fresh_model(
    phase: Phase,
    config: TrainConfig,
    *,
    run: Path,
    pretrained: Mapping[str, Path],
    note: Callable[[str], None],
) -> tuple[MattingModel, dict[str, Any]]:
    """Build the nets with which a phase begins, and say what they begin with.

    Each net begins with the checkpoint that was given for it, or with the best one of the last
    earlier phase of the recipe that it took part in, or else with its encoder's weights as the
    configuration names them.

    Parameters
    ----------
    phase : Phase
    config : TrainConfig
    run : Path
        Holds the phases' folders.
    pretrained : mapping
        Checkpoints by net, ``"tnet"`` and so on, to use instead of the run's own.
    note : callable
        Told what was loaded.

    Returns
    -------
    model : MattingModel
    report : dict
        Where the weights of each net are from, as JSON holds it.

    Raises
    ------
    TrainingError
        A phase before this one is missing or isn't finished.
    WeightsError
        The named weights can't be loaded.
    CheckpointError
        A checkpoint is damaged or of another architecture.
    """
    begins = origins(phase, config.recipe)
    _require_finished(phase, begins, config, run, pretrained)
    seed_torch(config.seed, phase, "weights")
    model = build_model(model_of(phase.nets, config.model))
    report: dict[str, Any] = {}
    for origin in begins:
        net = origin.net
        if net in pretrained or origin.phase is not None:
            path = pretrained.get(net) or run / str(origin.phase)
            file = resolve(path, prefer="best")
            metadata = load_net(model, net, config, file)
            note(f"{phase}: {net} of {metadata.phase}, step {metadata.step}, from {file}")
            # Within the run: wherever it lies, the same training leaves the same bytes.
            own = file.relative_to(run) if file.is_relative_to(run) else file
            report[net] = {"checkpoint": own.as_posix(), "step": metadata.step}
        else:
            alone = model_of([net], config.model)
            found = load_encoders(model, alone, {net: config.weights[net]})[net]
            note(f"{phase}: {net} {getattr(alone, net)}: {found}")
            report[net] = found.as_dict()
    return model, report


def load_net(model: nn.Module, net: str, config: TrainConfig, path: Path) -> Metadata:
    """Load one net of a model from a checkpoint, which may hold others, too.

    Raises
    ------
    CheckpointError
        The checkpoint is damaged, or lacks the net or holds another.
    """
    weights, metadata = load_weights(path)
    needed, held = getattr(config.model, net), getattr(metadata.model, net)
    if held != needed:
        raise CheckpointError(
            f"{path}: holds {f'the {net} {held}' if held else f'no {net}'}, not {needed}: give "
            f"the checkpoint of another run, or train with model.{net} = {held or needed}"
        )
    mine, theirs = (parameters(each)[net] for each in (config.model, metadata.model))
    for name in mine:
        if mine[name] != theirs[name]:
            raise CheckpointError(
                f"{path}: its {net} has {name} {theirs[name]}, not {mine[name]}: give the "
                "checkpoint of another run, or train with its model.width and model.skips"
            )
    prefix = PREFIXES[net]
    own = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    put_weights(model.get_submodule(net) if prefix else model, own, str(path))
    return metadata


def _require_finished(
    phase: Phase,
    begins: list[Origin],
    config: TrainConfig,
    run: Path,
    pretrained: Mapping[str, Path],
) -> None:
    # All are looked for before any is loaded: one message tells all that is missing.
    needed = {each.phase: None for each in begins if each.net not in pretrained and each.phase}
    missing = [reason for each in needed if (reason := _unfinished(each, config, run))]
    if missing:
        raise TrainingError(
            f"the phase {phase} starts from {' and '.join(needed)}, trained: " + "; ".join(missing)
        )


def _unfinished(phase: Phase, config: TrainConfig, run: Path) -> str | None:
    """Say why a phase of the run can't be built upon, and what to do."""
    cure = f"run `shm train STORE --run {run} --phase {phase}`, or name a checkpoint of it"
    last = last_metadata(run / phase.value)
    steps = config.phase(phase).steps
    if last is None:
        return f"{run / phase.value} has no checkpoint: {cure}"
    if last.step < steps and not last.stopped_early:
        return f"{run / phase.value} stands at step {last.step} of {steps}: {cure}"
    return None
