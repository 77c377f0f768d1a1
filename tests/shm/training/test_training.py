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
from shm.losses import LossConfig
from shm.models import ModelConfig
from shm.pipeline.seed import generator
from shm.training.batch import RawBatch, RawSamples
from shm.training.config import LoopConfig, PhaseConfig, TrainConfig
from shm.training.log import Record, read_log
from shm.training.optimiser import OptimiserConfig
from shm.training.phase import PhaseResult, TrainingError, train_phase
from shm.training.phases import Phase
from shm.training.schedule import ScheduleConfig
from tests.shm.training.raw_batches import Sample, packed

CPU = torch.device("cpu")
LOOP = LoopConfig(log_every=2, validate_every=3, picture_every=100, checkpoint_every=2)
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
        "model": ModelConfig(tnet="mobilenetv2-unet", mnet="light"),
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


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run in which all is trained that another phase builds on."""
    run = tmp_path_factory.mktemp("run")
    for phase in (Phase.TNET, Phase.MNET, Phase.STAGE_0, Phase.STAGE_1, Phase.STAGE_2):
        train(phase, run)
    return run


def paths(run: Path, phase: Phase = Phase.END_TO_END) -> dict[str, Path]:
    """Return the checkpoints that a phase builds on."""
    found = {
        Phase.END_TO_END: {"tnet": run / "tnet", "mnet": run / "mnet"},
        Phase.STAGE_1: {"dim": run / "stage-0"},
        Phase.STAGE_2: {"dim": run / "stage-1"},
        Phase.STAGE_3: {"dim": run / "stage-2"},
    }
    return found.get(phase, {})


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_learns(phase: Phase, tmp_path: Path, pretrained: Path) -> None:
    steps = 30 if phase is Phase.STAGE_2 else 10
    config = with_phase(config_of(phase), phase, steps=steps)
    same_batch = next(batches(0))
    losses: list[float] = []
    train(
        phase,
        tmp_path,
        config,
        batches=lambda _: iter([same_batch] * steps),
        validation=None,
        pretrained=paths(pretrained, phase),
        on_step=lambda _, figures: losses.append(figures["total"]),
    )
    assert len(losses) == steps
    assert losses[-1] < (0.99 if phase is Phase.STAGE_2 else 0.9) * losses[0]


@pytest.mark.parametrize("phase", [Phase.TNET, Phase.END_TO_END, Phase.STAGE_3])
def test_a_phase_killed_after_any_step_resumes_to_the_same_weights_and_curve(
    phase: Phase, tmp_path: Path, pretrained: Path
) -> None:
    more: Any = {"pretrained": paths(pretrained, phase)}
    undisturbed = train(phase, tmp_path / "undisturbed", **more)
    steps = config_of(phase).phase(phase).steps
    for step in range(1, steps + 1):
        run = tmp_path / f"killed-{step}"
        with pytest.raises(Killed):
            train(phase, run, on_step=killed_at(step), **more)
        resumed = train(phase, run, **more)
        assert resumed.best == undisturbed.best
        assert curve(resumed.folder) == curve(undisturbed.folder)
        for name in ("last", "best"):
            assert same(weights(resumed.folder, name), weights(undisturbed.folder, name))


EVERYTHING: dict[str, dict[str, Any]] = {
    "average, plateau, clipping": {
        "ema": 0.8,
        "optimiser": OptimiserConfig(
            learning_rate=3e-3,
            clip_norm=0.5,
            schedule=ScheduleConfig(kind="plateau", patience=1, factor=0.5, warmup=2),
        ),
    },
    "sgd, accumulated, frozen": {
        "accumulate": 2,
        "freeze_batch_norm": True,
        "optimiser": OptimiserConfig(learning_rate=1e-2, kind="sgd", clip_value=0.1),
    },
}


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("options", EVERYTHING.values(), ids=EVERYTHING.keys())
def test_all_that_a_step_changes_is_resumed(
    options: dict[str, Any], precision: Any, tmp_path: Path
) -> None:
    loop = replace(LOOP, precision=precision, validate_every=1, checkpoint_every=3)
    config = with_phase(train_config(loop=loop), Phase.MNET, **options)
    halves = halved if "accumulate" in options else batches
    undisturbed = train(Phase.MNET, tmp_path / "undisturbed", config, batches=halves)
    with pytest.raises(Killed):
        train(Phase.MNET, tmp_path / "killed", config, batches=halves, on_step=killed_at(4))
    resumed = train(Phase.MNET, tmp_path / "killed", config, batches=halves)
    assert curve(resumed.folder) == curve(undisturbed.folder)
    for name in ("last", "best"):
        assert same(weights(resumed.folder, name), weights(undisturbed.folder, name))
    files = [next(f.folder.glob("last-*.state.pt")).name for f in (resumed, undisturbed)]
    assert files[0] == files[1]  # called by its content


def test_gradients_of_parts_add_up_to_those_of_the_whole_batch(tmp_path: Path) -> None:
    gentle = OptimiserConfig(learning_rate=1e-2, kind="sgd", momentum=0.0)
    whole = with_phase(
        train_config(), Phase.MNET, freeze_batch_norm=True, optimiser=gentle, steps=3
    )
    parts = with_phase(whole, Phase.MNET, accumulate=2)
    first = train(Phase.MNET, tmp_path / "whole", whole)
    second = train(Phase.MNET, tmp_path / "parts", parts, batches=halved)
    mine, theirs = weights(first.folder, "last"), weights(second.folder, "last")
    for name in mine:
        torch.testing.assert_close(mine[name], theirs[name], rtol=1e-4, atol=1e-6)


def test_the_average_of_the_weights_is_what_is_judged_and_kept_as_the_best(tmp_path: Path) -> None:
    config = with_phase(train_config(), Phase.MNET, ema=0.9, steps=3)
    result = train(Phase.MNET, tmp_path, config)
    last, best = weights(result.folder, "last"), weights(result.folder, "best")
    assert last.keys() == best.keys()
    assert not same(last, best)


def test_frozen_batch_norm_keeps_its_statistics_and_learns_its_scale(tmp_path: Path) -> None:
    config = with_phase(train_config(), Phase.MNET, freeze_batch_norm=True)
    after = weights(train(Phase.MNET, tmp_path, config).folder, "last")
    means = [value for name, value in after.items() if name.endswith("running_mean")]
    assert means
    assert not any(mean.any() for mean in means)
    scales = [v for n, v in after.items() if n.startswith("mnet.stem.1.weight")]
    assert all((scale != 1).any() for scale in scales)


def test_a_phase_without_hope_stops_early_and_stays_stopped(tmp_path: Path) -> None:
    still = OptimiserConfig(learning_rate=0.0)
    loop = replace(LOOP, validate_every=1)
    config = with_phase(
        train_config(loop=loop),
        Phase.MNET,
        optimiser=still,
        patience=2,
        steps=9,
        freeze_batch_norm=True,
    )
    notes: list[str] = []
    result = train(Phase.MNET, tmp_path, config, on_note=notes.append)
    assert result.steps == 3
    assert any("stopped at step 3 of 9: 2 validations" in note for note in notes)
    notes.clear()
    assert train(Phase.MNET, tmp_path, config, on_note=notes.append).steps == 3
    assert "finished already" in notes[0]
    patient = with_phase(config, Phase.MNET, patience=4)
    assert train(Phase.MNET, tmp_path, patient).steps == 5


def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    schedule = ScheduleConfig(kind="plateau", patience=1, factor=0.5)
    still = OptimiserConfig(learning_rate=1e-30, schedule=schedule)
    loop = replace(LOOP, validate_every=1, log_every=1)
    config = with_phase(
        train_config(loop=loop), Phase.MNET, optimiser=still, freeze_batch_norm=True, steps=4
    )
    result = train(Phase.MNET, tmp_path, config)
    rates = [record["lr"] for record in curve(result.folder) if record["kind"] == "train"]
    assert rates == [1e-30, 1e-30, 0.5e-30, 0.25e-30]


def test_nets_that_are_only_joined_are_judged_all_the_same(
    tmp_path: Path, pretrained: Path
) -> None:
    config = with_phase(train_config(), Phase.END_TO_END, steps=0)
    result = train(Phase.END_TO_END, tmp_path, config, pretrained=paths(pretrained))
    assert result.steps == 0
    assert result.best is not None
    both = weights(result.folder, "best")
    assert same(
        both, {**weights(pretrained / "tnet", "best"), **weights(pretrained / "mnet", "best")}
    )


@pytest.mark.parametrize(
    ("phase", "resting"),
    [
        (Phase.STAGE_0, ("refinement.",)),
        (Phase.STAGE_1, ("refinement.",)),
        (Phase.STAGE_2, ("encoder.", "conv6.", "decoder.")),
        (Phase.STAGE_3, ()),
    ],
)
def test_a_stage_moves_its_own_part_of_deep_image_matting_alone(
    phase: Phase, resting: tuple[str, ...], tmp_path: Path, pretrained: Path
) -> None:
    result = train(phase, tmp_path, pretrained=paths(pretrained, phase))
    after = weights(result.folder, "last")
    begun = with_phase(dim_config(), phase, steps=0)
    nothing = train(phase, tmp_path / "still", begun, pretrained=paths(pretrained, phase))
    before = weights(nothing.folder, "last")
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert moved == {name for name in after if not name.startswith(resting or ("none",))}


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
    longer = with_phase(config, Phase.MNET, steps=8)
    train(Phase.MNET, tmp_path, config)
    result = train(Phase.MNET, tmp_path, longer)
    assert (result.resumed_from, result.steps) == (6, 8)


def test_the_best_checkpoint_is_the_one_of_the_lowest_validation_sad(tmp_path: Path) -> None:
    config = train_config(loop=replace(LOOP, validate_every=1))
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
    frozen = OptimiserConfig(learning_rate=0.0)
    config = with_phase(train_config(), Phase.END_TO_END, steps=1, optimiser=frozen)
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
    config = train_config(loop=replace(LOOP, checkpoint_every=1))
    config = with_phase(config, Phase.TNET, optimiser=OptimiserConfig(learning_rate=1e30))
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
        ({"phases": {**train_config().phases, "tnet": phase_config(batch=3)}}, "batch 2, now 3"),
        ({"losses": LossConfig(gamma=0.3)}, "gamma 0.5, now 0.3"),
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
    swapped = {"tnet": pretrained / "mnet", "mnet": pretrained / "tnet"}
    with pytest.raises((TrainingError, CheckpointError), match="mnet"):
        train(Phase.END_TO_END, tmp_path, pretrained=swapped)
    other = train_config(model=ModelConfig(tnet="pspnet50", mnet="light"))
    with pytest.raises((TrainingError, CheckpointError), match="pspnet50"):
        train(Phase.END_TO_END, tmp_path, other, pretrained=paths(pretrained))
    with pytest.raises((TrainingError, CheckpointError), match="pspnet50"):
        train(Phase.TNET, pretrained, other)


def test_pictures_show_the_same_samples_every_so_often(tmp_path: Path) -> None:
    config = train_config(loop=replace(LOOP, picture_every=4, validate_every=100))
    result = train(Phase.TNET, tmp_path, config)
    pictures = sorted((result.folder / "pictures").iterdir())
    assert [path.name for path in pictures] == ["step-000004.png", "step-000006.png"]
    with Image.open(pictures[0]) as picture:
        assert picture.width >= 5 * 192
        assert 2 * 192 <= picture.height < 3 * 192
    with Image.open(result.folder / "matte.gif") as matte:
        assert getattr(matte, "n_frames", 1) == 2
        assert matte.size == (192, 192)
    with Image.open(result.folder / "losses.png") as plot:
        assert plot.width == 1000


def test_a_net_of_other_hyper_parameters_is_refused_though_its_weights_would_fit(
    tmp_path: Path, pretrained: Path
) -> None:
    skipping = dim_config(model=ModelConfig(dim="dim", width=0.1, skips=True))
    with pytest.raises(CheckpointError, match=r"its dim has skips False, not True: .*model.skips"):
        train(Phase.STAGE_1, tmp_path, skipping, pretrained={"dim": pretrained / "stage-0"})


@pytest.mark.parametrize(("before", "after"), [(0, 4), (4, 0)])
def test_nets_that_were_joined_are_never_taken_for_trained_ones(
    before: int, after: int, tmp_path: Path, pretrained: Path
) -> None:
    more: Any = {"pretrained": paths(pretrained)}
    config = with_phase(train_config(), Phase.END_TO_END, steps=before)
    train(Phase.END_TO_END, tmp_path, config, **more)
    with pytest.raises(TrainingError, match="begun with no step"):
        train(Phase.END_TO_END, tmp_path, with_phase(config, Phase.END_TO_END, steps=after), **more)


def test_what_is_judged_may_not_change_while_the_best_is_carried_on(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(Phase.MNET, tmp_path, on_step=killed_at(4))
    other = train_config(loop=replace(LOOP, validation_samples=1))
    with pytest.raises(TrainingError, match="validation_samples 64, now 1"):
        train(Phase.MNET, tmp_path, other)


def test_a_checkpoint_to_start_from_is_said_to_be_unused_once_a_phase_has_begun(
    tmp_path: Path, pretrained: Path
) -> None:
    with pytest.raises(Killed):
        train(Phase.MNET, tmp_path, on_step=killed_at(4))
    notes: list[str] = []
    train(Phase.MNET, tmp_path, pretrained={"mnet": pretrained / "mnet"}, on_note=notes.append)
    assert any("--mnet" in note and "not used" in note for note in notes)


def test_a_kill_after_the_last_checkpoint_leaves_nothing_for_ever(tmp_path: Path) -> None:
    folder = train(Phase.MNET, tmp_path).folder
    undisturbed = {path.name for path in folder.iterdir()}
    (folder / "losses.png").unlink()
    for name in ("last-00000004-0123456789ab.state.pt", "best-00000003-0123456789ab.safetensors"):
        (folder / name).touch()
    train(Phase.MNET, tmp_path)
    assert {path.name for path in folder.iterdir()} == undisturbed
