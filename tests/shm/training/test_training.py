import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from shm.checkpoint import CheckpointError, load_weights, resolve
from shm.pipeline.seed import generator
from shm.training.batch import RawBatch, RawSamples
from shm.training.config import OptimiserConfig, Phase, PhaseConfig, Phases, TrainConfig
from shm.training.log import Record, read_log
from shm.training.phase import PhaseResult, TrainingError, train_phase
from tests.shm.training.raw_batches import Sample, packed

CPU = torch.device("cpu")
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
    settings: dict[str, Any] = {
        "preset": "test",
        "tnet": "mobilenetv2-unet",
        "mnet": "light",
        "tnet_weights": "scratch",
        "mnet_weights": "scratch",
        "phases": Phases(
            tnet=phase_config(rotation=10.0),
            mnet=phase_config(),
            end_to_end=phase_config(steps=4, matte_crop=32, matte_crop_sizes=(32,)),
        ),
        "log_every": 2,
        "validate_every": 3,
        "picture_every": 100,
        "checkpoint_every": 2,
    }
    return TrainConfig(**{**settings, **changes})


def train(phase: Phase, run: Path, config: TrainConfig | None = None, **more: Any) -> PhaseResult:
    settings: dict[str, Any] = {"batches": batches, "validation": validation, "device": CPU}
    return train_phase(phase, config or train_config(), run=run, **{**settings, **more})


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


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose first two phases are trained."""
    run = tmp_path_factory.mktemp("run")
    train(Phase.TNET, run)
    train(Phase.MNET, run)
    return run


def paths(run: Path) -> dict[Phase, Path]:
    return {phase: run / phase.value for phase in (Phase.TNET, Phase.MNET)}


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_learns(phase: Phase, tmp_path: Path, pretrained: Path) -> None:
    steady = phase_config(steps=8)
    config = train_config(phases=Phases(tnet=steady, mnet=steady, end_to_end=steady))
    same_batch = next(batches(0))
    losses: list[float] = []
    train(
        phase,
        tmp_path,
        config,
        batches=lambda _: iter([same_batch] * 8),
        validation=None,
        pretrained=paths(pretrained),
        on_step=lambda _, figures: losses.append(figures["total"]),
    )
    assert len(losses) == 8
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("phase", [Phase.TNET, Phase.END_TO_END])
def test_a_phase_killed_after_any_step_resumes_to_the_same_weights_and_curve(
    phase: Phase, tmp_path: Path, pretrained: Path
) -> None:
    more: Any = {"pretrained": paths(pretrained)}
    undisturbed = train(phase, tmp_path / "undisturbed", **more)
    steps = train_config().phase(phase).steps
    for step in range(1, steps + 1):
        run = tmp_path / f"killed-{step}"
        with pytest.raises(Killed):
            train(phase, run, on_step=killed_at(step), **more)
        resumed = train(phase, run, **more)
        assert resumed.best == undisturbed.best
        assert curve(resumed.folder) == curve(undisturbed.folder)
        for name in ("last", "best"):
            assert same(weights(resumed.folder, name), weights(undisturbed.folder, name))


def test_a_phase_killed_while_it_validates_leaves_no_step_twice_in_its_log(tmp_path: Path) -> None:
    def cut_short() -> Iterable[RawSamples]:
        yield next(validation())
        raise Killed

    with pytest.raises(Killed):
        train(Phase.MNET, tmp_path, validation=cut_short)
    result = train(Phase.MNET, tmp_path)
    told = [(record["kind"], record["step"]) for record in curve(result.folder)]
    assert len(told) == len(set(told))
    assert [step for kind, step in told if kind == "train"] == [2, 4, 6]
    assert [step for kind, step in told if kind == "validation"] == [3, 6]


def test_a_finished_phase_says_so_and_does_nothing(pretrained: Path) -> None:
    notes: list[str] = []
    before = (pretrained / "mnet" / "log.jsonl").read_bytes()

    def no_batches(_: int) -> Iterable[RawBatch]:
        raise AssertionError("a finished phase asked for batches")

    result = train(Phase.MNET, pretrained, batches=no_batches, on_note=notes.append)
    assert result.resumed_from == result.steps == 6
    assert "finished already" in notes[0]
    assert (pretrained / "mnet" / "log.jsonl").read_bytes() == before


def test_more_steps_go_on_from_a_finished_phase(tmp_path: Path) -> None:
    config = train_config()
    longer = replace(config, phases=replace(config.phases, mnet=phase_config(steps=8)))
    train(Phase.MNET, tmp_path, config)
    result = train(Phase.MNET, tmp_path, longer)
    assert (result.resumed_from, result.steps) == (6, 8)


def test_the_best_checkpoint_is_the_one_of_the_lowest_validation_sad(tmp_path: Path) -> None:
    config = train_config(validate_every=1)
    result = train(Phase.MNET, tmp_path, config)
    sads = {
        record["step"]: record["whole"]["sad"]
        for record in curve(result.folder)
        if record["kind"] == "validation"
    }
    assert sorted(sads) == [1, 2, 3, 4, 5, 6]
    assert result.best is not None
    assert result.best.sad == min(sads.values()) == sads[result.best.step]
    assert load_weights(resolve(result.folder, prefer="best"))[1].step == result.best.step


def test_the_valid_part_alone_is_scored(tmp_path: Path) -> None:
    def other_padding() -> Iterator[RawSamples]:
        for batch in validation():
            for name in ("image", "alpha"):
                for index, (height, width) in enumerate(batch["size"]):
                    batch[name][index, :, height:] = 200
                    batch[name][index, :, :, width:] = 200
            yield batch

    first = train(Phase.TNET, tmp_path / "a")
    second = train(Phase.TNET, tmp_path / "b", validation=other_padding)
    assert first.best == second.best


@pytest.mark.parametrize("nothing", [None, lambda: iter(())])
def test_without_validation_the_last_is_the_best_and_it_is_said(
    nothing: Any, tmp_path: Path
) -> None:
    notes: list[str] = []
    result = train(Phase.MNET, tmp_path, validation=nothing, on_note=notes.append)
    assert result.best is None
    assert "nothing to validate on" in notes[-1]
    assert same(weights(result.folder, "best"), weights(result.folder, "last"))


def test_end_to_end_starts_from_the_best_of_both(tmp_path: Path, pretrained: Path) -> None:
    frozen = phase_config(steps=1, optimiser=OptimiserConfig(learning_rate=0.0))
    config = train_config()
    config = replace(config, phases=replace(config.phases, end_to_end=frozen))
    result = train(Phase.END_TO_END, tmp_path, config, pretrained=paths(pretrained))
    both = weights(result.folder, "last")
    learnt = {**weights(pretrained / "tnet", "best"), **weights(pretrained / "mnet", "best")}
    assert both.keys() == learnt.keys()
    moving = ("running_mean", "running_var", "num_batches_tracked")
    assert all(torch.equal(both[n], learnt[n]) for n in both if not n.endswith(moving))


def test_end_to_end_refuses_to_start_without_both_pretrained_nets(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"tnet has no checkpoint.*mnet has no checkpoint"
    ) as no:
        train(Phase.END_TO_END, tmp_path)
    assert f"shm train STORE --run {tmp_path} --phase mnet" in str(no.value)
    train(Phase.MNET, tmp_path)
    with pytest.raises(TrainingError) as half:
        train(Phase.END_TO_END, tmp_path)
    assert "--phase tnet" in str(half.value)
    assert "--phase mnet" not in str(half.value)


def test_end_to_end_refuses_a_half_trained_net(tmp_path: Path) -> None:
    train(Phase.MNET, tmp_path)
    with pytest.raises(Killed):
        train(Phase.TNET, tmp_path, on_step=killed_at(4))
    with pytest.raises(TrainingError, match="tnet stands at step 4 of 6"):
        train(Phase.END_TO_END, tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run_with_the_samples_names(tmp_path: Path) -> None:
    config = train_config()
    wild = phase_config(optimiser=OptimiserConfig(learning_rate=1e30))
    config = replace(config, phases=replace(config.phases, tnet=wild), checkpoint_every=1)
    with pytest.raises(TrainingError, match="samples, or lower the learning rate") as stop:
        train(Phase.TNET, tmp_path, config, validation=None)
    message = str(stop.value)
    step = int(message.split(" at step ")[1].split(",", maxsplit=1)[0])
    assert f"on {step - 1}-0, {step - 1}-1" in message
    assert f"the last checkpoint is of step {step - 1}" in message
    assert all(math.isfinite(w.sum()) for w in weights(tmp_path / "tnet", "last").values())


def test_batches_that_end_early_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="ended after step 1 of 6"):
        train(Phase.MNET, tmp_path, batches=lambda _: iter([next(batches(0))]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 5}, "seed 0, now 5"),
        ({"phases": replace(train_config().phases, tnet=phase_config(batch=3))}, "batch 2, now 3"),
    ],
)
def test_a_run_goes_on_only_with_the_settings_it_began_with(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        train(Phase.TNET, tmp_path, on_step=killed_at(2))
    with pytest.raises(TrainingError, match=message):
        train(Phase.TNET, tmp_path, replace(train_config(), **change))


def test_a_run_goes_on_only_with_the_data_it_began_with(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(Phase.TNET, tmp_path, data="one", on_step=killed_at(2))
    with pytest.raises(TrainingError, match="trained on other data"):
        train(Phase.TNET, tmp_path, data="two")


def test_a_checkpoint_of_another_phase_or_architecture_is_refused(
    tmp_path: Path, pretrained: Path
) -> None:
    swapped = {Phase.TNET: pretrained / "mnet", Phase.MNET: pretrained / "tnet"}
    with pytest.raises((TrainingError, CheckpointError), match="mnet"):
        train(Phase.END_TO_END, tmp_path, pretrained=swapped)
    other = train_config(tnet="pspnet50")
    with pytest.raises((TrainingError, CheckpointError), match="pspnet50"):
        train(Phase.END_TO_END, tmp_path, other, pretrained=paths(pretrained))
    with pytest.raises((TrainingError, CheckpointError), match="pspnet50"):
        train(Phase.TNET, pretrained, other)


def test_pictures_show_the_same_samples_every_so_often(tmp_path: Path) -> None:
    config = train_config(picture_every=4, validate_every=100)
    result = train(Phase.TNET, tmp_path, config)
    pictures = sorted((result.folder / "pictures").iterdir())
    assert [path.name for path in pictures] == ["step-000004.png", "step-000006.png"]
    with Image.open(pictures[0]) as picture:
        assert picture.width >= 5 * 192
        assert 2 * 192 <= picture.height < 3 * 192
