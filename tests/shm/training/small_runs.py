"""Small nets that are trained on drawn discs, and what tests ask of such runs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shm.checkpoint import load_weights, resolve
from shm.losses import LossConfig
from shm.models import ModelConfig
from shm.pipeline.seed import generator
from shm.training.batch import RawBatch, RawSamples
from shm.training.config import LoopConfig, PhaseConfig, TrainConfig
from shm.training.log import Record, read_log
from shm.training.optimiser import OptimiserConfig
from shm.training.phase import PhaseResult, train_phase
from shm.training.phases import Phase
from tests.shm.training.raw_batches import Sample, packed

CPU = torch.device("cpu")
LOOP = LoopConfig(log_every=2, validate_every=3, picture_every=0, checkpoint_every=2)
SIDE = 32


class Killed(BaseException):
    """Stands for whatever ends a process between two steps."""


def sample(*parts: object, height: int = SIDE, width: int = SIDE) -> dict[str, Tensor]:
    """Draw a light disc on a dark ground, its edge two pixels soft."""
    rng = generator("test", *parts)
    y, x = (rng.uniform(0.4, 0.6) * side for side in (height, width))
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    distance = torch.hypot(rows - y, columns - x)
    alpha = ((min(height, width) / 4 - distance) / 2 + 0.5).clamp(0, 1)[None]
    noise = torch.from_numpy(rng.uniform(-10, 10, (2, 3, height, width)))
    foreground, background = (200 + noise[0]).float(), (60 + noise[1]).float()
    image = foreground * alpha + background * (1 - alpha)
    trimap = torch.full_like(alpha, 128)
    trimap[alpha == 0], trimap[alpha == 1] = 0, 255
    return {
        "image": image.round().byte(),
        "alpha": (alpha * 255).round().byte(),
        "trimap": trimap.byte(),
        "foreground": foreground.round().byte(),
        "background": background.round().byte(),
    }


def crop(drawn: dict[str, Tensor]) -> Sample:
    """Return planes as they lie in a store."""
    return Sample(
        planes={
            name: np.squeeze(np.moveaxis(plane.numpy(), 0, -1)) for name, plane in drawn.items()
        }
    )


def stacked(samples: list[dict[str, Tensor]]) -> dict[str, Any]:
    return {name: torch.stack([each[name] for each in samples]) for name in samples[0]}


def batches(start: int) -> Iterator[RawBatch]:
    """Yield the batches from a step on; like a real loader, draw from the global generator."""
    torch.rand(1)
    step = start
    while True:
        drawn = [sample(step, index) for index in range(2)]
        yield packed([crop(each) for each in drawn], [f"{step}-{index}" for index in range(2)])
        step += 1


def halved(start: int) -> Iterator[RawBatch]:
    """Yield the samples of the same batches one by one."""
    step = start
    while True:
        for index in range(2):
            yield packed([crop(sample(step, index))], [f"{step}-{index}"])
        step += 1


def validation() -> Iterator[RawSamples]:
    """Yield two samples on a canvas, of different sizes."""
    torch.rand(1)
    sizes = [(SIDE, SIDE + 8), (SIDE + 5, SIDE)]
    canvases = []
    for index, (height, width) in enumerate(sizes):
        drawn = sample("validation", index, height=height, width=width)
        more = (0, SIDE + 8 - width, 0, SIDE + 8 - height)
        canvases.append({n: torch.nn.functional.pad(p, more, value=77) for n, p in drawn.items()})
    batch: Any = {**stacked(canvases), "id": ["v0", "v1"], "size": sizes}
    yield batch


def phase_config(**changes: Any) -> PhaseConfig:
    adam = OptimiserConfig(learning_rate=3e-3)
    settings: dict[str, Any] = {"steps": 6, "batch": 2, "optimiser": adam, "crop": SIDE}
    return PhaseConfig(**{**settings, **changes})


def train_config(**changes: Any) -> TrainConfig:
    """Return small nets of Semantic Human Matting, and how they are trained."""
    settings: dict[str, Any] = {
        "preset": "test",
        "model": ModelConfig(tnet="mobilenetv2-unet", mnet="light", width=0.25),
        "weights": {"tnet": "scratch", "mnet": "scratch"},
        "phases": {
            "tnet": phase_config(rotation=10.0),
            "mnet": phase_config(),
            "end-to-end": phase_config(steps=4, matte_crop=32, matte_crop_sizes=(32,)),
        },
        "loop": LOOP,
    }
    return TrainConfig(**{**settings, **changes})


def dim_config(**changes: Any) -> TrainConfig:
    """Return a narrow net of Deep Image Matting, and how its stages are trained."""
    stages = {f"stage-{stage}": phase_config(steps=4) for stage in range(4)}
    settings: dict[str, Any] = {
        "model": ModelConfig(dim="dim", width=0.1),
        "weights": {"dim": "scratch"},
        "losses": LossConfig(distance="charbonnier", region="unknown"),
        "phases": stages,
    }
    return train_config(**{**settings, **changes})


def config_of(phase: Phase) -> TrainConfig:
    return dim_config() if phase.value.startswith("stage") else train_config()


def with_phase(config: TrainConfig, phase: Phase, **changes: Any) -> TrainConfig:
    """Return a configuration with some settings of a phase changed."""
    changed = replace(config.phase(phase), **changes)
    return replace(config, phases={**config.phases, phase.value: changed})


def train(phase: Phase, run: Path, config: TrainConfig | None = None, **more: Any) -> PhaseResult:
    settings: dict[str, Any] = {"batches": batches, "validation": validation, "device": CPU}
    return train_phase(phase, config or config_of(phase), run=run, **{**settings, **more})


def weights(folder: Path, name: str) -> dict[str, Tensor]:
    return load_weights(resolve(folder, prefer=name))[0]


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def curve(folder: Path) -> list[Record]:
    """Return the log without what a clock told."""
    clock = ("samples_per_second", "seconds_waiting")
    return [
        {name: value for name, value in record.items() if name not in clock}
        for record in read_log(folder / "log.jsonl")
    ]


def killed_at(step: int) -> Any:
    def on_step(done: int, _: object) -> None:
        if done == step:
            raise Killed

    return on_step


BUILDS_ON = {
    Phase.END_TO_END: {"tnet": Phase.TNET, "mnet": Phase.MNET},
    Phase.STAGE_1: {"dim": Phase.STAGE_0},
    Phase.STAGE_2: {"dim": Phase.STAGE_1},
    Phase.STAGE_3: {"dim": Phase.STAGE_2},
}


class Trained:
    """A run whose phases are trained when a test first asks for one."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def folder(self, phase: Phase) -> Path:
        """Return the folder of a phase that has ended."""
        folder = self.run / phase.value
        if not folder.exists():
            train(phase, self.run, pretrained=self.before(phase))
        return folder

    def before(self, phase: Phase) -> dict[str, Path]:
        """Return the checkpoints that a phase builds on."""
        return {net: self.folder(each) for net, each in BUILDS_ON.get(phase, {}).items()}

    def both(self) -> dict[str, Tensor]:
        """Return the best weights of T-Net and M-Net, trained apart."""
        tnet, mnet = (self.folder(phase) for phase in (Phase.TNET, Phase.MNET))
        return {**weights(tnet, "best"), **weights(mnet, "best")}
