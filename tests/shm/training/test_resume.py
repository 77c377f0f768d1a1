"""A phase that was killed or has ended, and is trained again."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shm.losses import LossConfig
from shm.training.batch import RawBatch, RawSamples
from shm.training.optimiser import OptimiserConfig
from shm.training.phase import TrainingError
from shm.training.phases import Phase
from shm.training.schedule import ScheduleConfig
from tests.shm.training.small_runs import (
    LOOP,
    Killed,
    Trained,
    batches,
    config_of,
    curve,
    halved,
    killed_at,
    phase_config,
    same,
    train,
    train_config,
    validation,
    weights,
    with_phase,
)


@pytest.mark.parametrize("phase", [Phase.TNET, Phase.END_TO_END, Phase.STAGE_3])
def test_a_phase_killed_after_any_step_resumes_to_the_same_weights_and_curve(
    phase: Phase, tmp_path: Path, trained: Trained
) -> None:
    more: Any = {"pretrained": trained.before(phase)}
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
    files = [next(f.folder.glob("last-*.state.safetensors")).name for f in (resumed, undisturbed)]
    assert files[0] == files[1]  # called by its content


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


def test_a_finished_phase_says_so_and_does_nothing(trained: Trained) -> None:
    notes: list[str] = []
    before = (trained.folder(Phase.MNET) / "log.jsonl").read_bytes()

    def no_batches(_: int) -> Iterable[RawBatch]:
        raise AssertionError("a finished phase asked for batches")

    result = train(Phase.MNET, trained.run, batches=no_batches, on_note=notes.append)
    assert result.resumed_from == result.steps == 6
    assert "finished already" in notes[0]
    assert (trained.folder(Phase.MNET) / "log.jsonl").read_bytes() == before


def test_more_steps_go_on_from_a_finished_phase(tmp_path: Path) -> None:
    config = train_config()
    longer = with_phase(config, Phase.MNET, steps=8)
    train(Phase.MNET, tmp_path, config)
    result = train(Phase.MNET, tmp_path, longer)
    assert (result.resumed_from, result.steps) == (6, 8)


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


@pytest.mark.parametrize(("before", "after"), [(0, 4), (4, 0)])
def test_nets_that_were_joined_are_never_taken_for_trained_ones(
    before: int, after: int, tmp_path: Path, trained: Trained
) -> None:
    more: Any = {"pretrained": trained.before(Phase.END_TO_END)}
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
    tmp_path: Path, trained: Trained
) -> None:
    with pytest.raises(Killed):
        train(Phase.MNET, tmp_path, on_step=killed_at(4))
    notes: list[str] = []
    other = {"mnet": trained.folder(Phase.MNET)}
    train(Phase.MNET, tmp_path, pretrained=other, on_note=notes.append)
    assert any("--mnet" in note and "not used" in note for note in notes)


def test_a_kill_after_the_last_checkpoint_leaves_nothing_for_ever(tmp_path: Path) -> None:
    config = train_config(loop=replace(LOOP, picture_every=100))
    folder = train(Phase.MNET, tmp_path, config).folder
    undisturbed = {path.name for path in folder.iterdir()}
    (folder / "losses.png").unlink()
    for name in (
        "last-00000004-0123456789ab.state.safetensors",
        "best-00000003-0123456789ab.safetensors",
    ):
        (folder / name).touch()
    train(Phase.MNET, tmp_path, config)
    assert {path.name for path in folder.iterdir()} == undisturbed
