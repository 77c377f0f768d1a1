"""What a phase starts from: new nets, or for the end-to-end phase both pretrained ones."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from shm.checkpoint import (
    CheckpointError,
    Metadata,
    last_step,
    load_weights,
    put_weights,
    resolve,
)
from shm.models import SemanticHumanMatting, build_mnet, build_tnet
from shm.pipeline.errors import ShmError
from shm.pipeline.seed import digest
from shm.training.config import Phase, TrainConfig


class TrainingError(ShmError, RuntimeError):
    """Training can't start or go on."""


def seed_torch(*parts: object) -> None:
    """Make PyTorch's random numbers depend on these parts alone, on every device."""
    torch.manual_seed(int.from_bytes(digest(*parts)[:8], "little"))


def empty_nets(phase: Phase, config: TrainConfig) -> nn.Module:
    """Build the nets of a phase to hold a checkpoint's weights: nothing is loaded or fetched."""
    if phase is Phase.TNET:
        return build_tnet(config.tnet, weights="scratch")[0]
    if phase is Phase.MNET:
        return build_mnet(config.mnet, weights="scratch")[0]
    return SemanticHumanMatting(
        build_tnet(config.tnet, weights="scratch")[0], build_mnet(config.mnet, weights="scratch")[0]
    )


def fresh_nets(
    phase: Phase,
    config: TrainConfig,
    *,
    run: Path,
    pretrained: Mapping[Phase, Path],
    note: Callable[[str], None],
) -> nn.Module:
    """Build the nets with which a phase begins.

    T-Net and M-Net begin with the weights that the configuration names; together they begin with
    the best checkpoints of their own phases.

    Parameters
    ----------
    phase : Phase
    config : TrainConfig
    run : Path
        Holds the phases' folders.
    pretrained : mapping
        Checkpoints to use instead of the run's own.
    note : callable
        Told what was loaded.

    Raises
    ------
    TrainingError
        A pretrained net is missing or its phase isn't finished.
    WeightsError
        The named weights can't be loaded.
    CheckpointError
        A checkpoint is damaged or of another architecture.
    """
    if phase is Phase.END_TO_END:
        return _pretrained_nets(config, run, pretrained, note)
    seed_torch(config.seed, phase, "weights")
    net: nn.Module
    if phase is Phase.TNET:
        net, report = build_tnet(config.tnet, weights=config.tnet_weights)
    else:
        net, report = build_mnet(config.mnet, weights=config.mnet_weights)
    note(f"{phase}: {report.loaded} tensors from {report.source}")
    return net


def _pretrained_nets(
    config: TrainConfig,
    run: Path,
    pretrained: Mapping[Phase, Path],
    note: Callable[[str], None],
) -> nn.Module:
    # Both are looked for before either is loaded: one message tells all that is missing.
    missing = [
        reason
        for phase in (Phase.TNET, Phase.MNET)
        if phase not in pretrained and (reason := _unfinished(phase, config, run))
    ]
    if missing:
        raise TrainingError(
            "the end-to-end phase starts from a trained T-Net and M-Net: " + "; ".join(missing)
        )
    both = empty_nets(Phase.END_TO_END, config)
    for phase in (Phase.TNET, Phase.MNET):
        path = pretrained.get(phase, run / phase.value)
        file = resolve(path, prefer="best")
        metadata = load_phase(both.get_submodule(phase.value), phase, config, file)
        note(f"{Phase.END_TO_END}: {phase} of step {metadata.step} from {file}")
    return both


def phase_weights(nets: nn.Module, phase: Phase) -> dict[str, Tensor]:
    """Return the weights of a phase's nets by the names that they have in both nets together."""
    prefix = "" if phase is Phase.END_TO_END else f"{phase}."
    return {prefix + name: weights for name, weights in nets.state_dict().items()}


def load_phase(nets: nn.Module, phase: Phase, config: TrainConfig, path: Path) -> Metadata:
    """Load a phase's nets from a checkpoint; one of both nets may give either.

    Raises
    ------
    CheckpointError
        The checkpoint is damaged, or lacks the nets or holds others.
    """
    weights, metadata = load_weights(path)
    for net in ("tnet", "mnet"):
        needed, held = getattr(config, net), getattr(metadata, net)
        if phase.value in (net, Phase.END_TO_END.value) and held != needed:
            raise CheckpointError(
                f"{path}: holds {f'the {net} {held}' if held else f'no {net}'}, not {needed}: give "
                f"the checkpoint of another run, or train with {net} {held or needed}"
            )
    prefix = "" if phase is Phase.END_TO_END else f"{phase}."
    own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
    put_weights(nets, own, str(path))
    return metadata


def _unfinished(phase: Phase, config: TrainConfig, run: Path) -> str | None:
    """Say why a phase of the run can't be built upon, and what to do."""
    cure = f"run `shm train STORE --run {run} --phase {phase}`, or name a checkpoint of it"
    step = last_step(run / phase.value)
    steps = config.phase(phase).steps
    if step is None:
        return f"{run / phase.value} has no checkpoint: {cure}"
    if step < steps:
        return f"{run / phase.value} stands at step {step} of {steps}: {cure}"
    return None
