"""Small checkpoints that tests write."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shm.checkpoint import Metadata, save
from shm.models import ModelConfig

METADATA = Metadata(
    phase="end-to-end",
    step=40,
    model=ModelConfig(tnet="mobilenetv2-unet", mnet="light"),
    start={"tnet": {"source": "scratch", "loaded": []}},
    config={"preset": "light", "seed": 3, "betas": [0.9, 0.999]},
    figures={"whole": {"sad": 1.5, "mse": 0.25}},
)
STATE = {"best": 0.5, "sums": {"alpha": 0.1}, "optimiser": {"state": {0: torch.arange(3.0)}}}


def some_weights(fill: float = 0.5) -> dict[str, Tensor]:
    return {"tnet.a": torch.full((2, 3), fill), "mnet.b": torch.arange(4) + int(10 * fill)}


def write(folder: Path, name: str = "last", *, fill: float = 0.5, **changes: Any) -> Path:
    """Save a small checkpoint whose state tells which weights it belongs to."""
    return save(
        folder,
        name,
        weights=some_weights(fill),
        metadata=replace(METADATA, **changes),
        state={**STATE, "fill": fill},
    )
