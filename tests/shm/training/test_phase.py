"""One phase from its first step to its last."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from shm.checkpoint import load_weights, resolve
from shm.training.batch import RawSamples
from shm.training.optimiser import OptimiserConfig
from shm.training.phase import TrainingError
from shm.training.phases import Phase
from shm.training.schedule import ScheduleConfig
from tests.shm.training.small_runs import (
    LOOP,
    Trained,
    batches,
    config_of,
    curve,
    dim_config,
    halved,
    same,
    train,
    train_config,
    validation,
    weights,
    with_phase,
)


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_learns(phase: Phase, tmp_path: Path, trained: Trained) -> None:
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
        pretrained=trained.before(phase),
        on_step=lambda _, figures: losses.append(figures["total"]),
    )
    assert len(losses) == steps
    assert losses[-1] < (0.99 if phase is Phase.STAGE_2 else 0.9) * losses[0]


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
    phase: Phase, resting: tuple[str, ...], tmp_path: Path, trained: Trained
) -> None:
    result = train(phase, tmp_path, pretrained=trained.before(phase))
    after = weights(result.folder, "last")
    begun = with_phase(dim_config(), phase, steps=0)
    nothing = train(phase, tmp_path / "still", begun, pretrained=trained.before(phase))
    before = weights(nothing.folder, "last")
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert moved == {name for name in after if not name.startswith(resting or ("none",))}


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


def test_a_run_that_wants_no_pictures_draws_none(tmp_path: Path) -> None:
    config = train_config(loop=replace(LOOP, picture_every=0))
    folder = train(Phase.MNET, tmp_path, config).folder
    train(Phase.MNET, tmp_path, config)  # nor when it finds itself finished
    assert not any((folder / name).exists() for name in ("pictures", "matte.gif", "losses.png"))
