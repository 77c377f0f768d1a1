"""Nets to predict with: those of a checkpoint, or of a recipe as they start."""

from dataclasses import dataclass
from pathlib import Path

import torch

from shm.checkpoint import load_model, read_metadata, resolve
from shm.inference import MAX_SIDE, choose_device
from shm.models import MattingModel, build_model
from shm.training.presets import load_recipe
from shm.training.start import seed_torch

UNTRAINED = "untrained:"
"""Prefix of a recipe's name that stands for its nets as they start: the least that counts."""


@dataclass(frozen=True, kw_only=True)
class Nets:
    """Nets in evaluation, where they are, and the longer side in pixels at which they predict."""

    model: MattingModel
    device: torch.device
    max_side: int


def load_nets(name: str, *, device: str = "auto", max_side: int | None = None) -> Nets:
    """Load a checkpoint, or build ``untrained:RECIPE``.

    Parameters
    ----------
    name : str
        What `shm.checkpoint.resolve` finds, or ``untrained:`` and a recipe.
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


def _untrained(recipe: str) -> tuple[MattingModel, int]:
    config = load_recipe(recipe)
    seed_torch(config.seed, "untrained")
    return build_model(config.model), config.max_side
