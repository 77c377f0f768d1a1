"""Nets to predict with: those of a checkpoint, or of a preset as they start."""

from dataclasses import dataclass
from pathlib import Path

import torch

from shm.checkpoint import load_model, read_metadata, resolve
from shm.inference import MAX_SIDE, choose_device
from shm.models import SemanticHumanMatting, build_mnet, build_tnet
from shm.pipeline.errors import ShmError
from shm.training.presets import PRESETS
from shm.training.start import seed_torch

UNTRAINED = "untrained:"
"""Prefix of a preset's name that stands for its nets as they start: the least that counts."""


class NetsError(ShmError, ValueError):
    """There is no preset of that name."""


@dataclass(frozen=True, kw_only=True)
class Nets:
    """Nets in evaluation, where they are, and the longer side in pixels at which they predict."""

    model: SemanticHumanMatting
    device: torch.device
    max_side: int


def load_nets(name: str, *, device: str = "auto", max_side: int | None = None) -> Nets:
    """Load a checkpoint, or build ``untrained:PRESET``.

    Parameters
    ----------
    name : str
        What `shm.checkpoint.resolve` finds, or ``untrained:`` and a preset.
    device : str
        As for `shm.inference.choose_device`.
    max_side : int, optional
        By default the one that the nets were validated at.
    """
    place = choose_device(device)
    if name.startswith(UNTRAINED):
        model, own = _untrained(name.removeprefix(UNTRAINED))
    else:
        path = resolve(Path(name))
        model = load_model(path)
        own = int(read_metadata(path).config.get("max_side", MAX_SIDE))
    model = model.to(memory_format=torch.channels_last).to(place).eval()
    return Nets(model=model, device=place, max_side=max_side or own)


def _untrained(preset: str) -> tuple[SemanticHumanMatting, int]:
    if preset not in PRESETS:
        raise NetsError(f"no preset {preset!r}: choose one of {', '.join(PRESETS)}")
    config = PRESETS[preset]
    seed_torch(config.seed, "untrained")
    tnet, _ = build_tnet(config.tnet, weights="scratch")
    mnet, _ = build_mnet(config.mnet, weights="scratch")
    return SemanticHumanMatting(tnet, mnet), config.max_side
