"""The benchmark of training: that it runs anywhere, and that its baseline does the same work."""

import json
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click
import pytest
import torch
from torch import nn

from benchmarks.plain.batches import plain_batches
from benchmarks.plain.paces import Pace
from benchmarks.plain.plan import Plan
from benchmarks.plain.same_work import DisagreementError, apart
from benchmarks.plain.step import PlainStep, not_written, plain_losses
from benchmarks.training import recipe_of, row_of
from shm.datasets.composites.store import Form
from shm.models import MattingModel, build_model
from shm.training.batch import Batch, one_hot
from shm.training.config import TrainConfig
from shm.training.objectives import OBJECTIVES, LossModule
from shm.training.phases import Phase, model_of
from shm.training.presets import load_recipe
from shm.training.ranks import Ranks
from shm.training.start import seed_torch
from shm.training.step import TrainingStep
from tests.datasets.stores import write_store
from tests.workflows.forks import benchmark

SMALL = ("phases.*.batch=2", "phases.*.crop=64", "phases.*.crop_sizes=[48, 64]")
HEADS = (*SMALL, "model.tnet=pspnet18", "model.mnet=light")
PATCHES = ("phases.end-to-end.matte_crop=32", "phases.end-to-end.matte_crop_sizes=[32, 48]")
REGION = ("losses.region=unknown", "losses.distance=charbonnier", "losses.gamma=0.3")
RECIPES = [("paper", (*HEADS, *PATCHES)), ("light", (*SMALL, *REGION)), ("dim-light", SMALL)]
CASES = [
    (preset, changes, phase)
    for preset, changes in RECIPES
    for phase in load_recipe(preset, changes).recipe
]


def test_the_training_benchmark_compares_both_sides_of_each_phase(tmp_path: Path) -> None:
    found = tmp_path / "f.json"
    done = benchmark("training", "--quick", "--json", found)
    rows = json.loads(found.read_text())
    assert [row["phase"] for row in rows] == ["tnet", "mnet", "end-to-end"]
    for row in rows:
        figures = [value for value in row.values() if isinstance(value, float)]
        assert all(math.isfinite(figure) and figure >= 0 for figure in figures)
        for name in ("step", "fed"):
            assert row[name] > 0
            assert row[f"x {name}"] == pytest.approx(row[name] / row[f"plain {name}"])
        assert min(row["MB"], row["plain MB"]) > 50
        assert max(row["waits"], row["plain waits"]) < 100
        assert row["phase"] in done.stdout


def test_a_setting_that_the_plain_version_lacks_is_named() -> None:
    changes = ("losses.laplacian_weight=1", "phases.mnet.ema=0.9")
    with pytest.raises(click.ClickException, match=r"laplacian_weight, phases\.mnet\.ema: leave"):
        recipe_of("light", changes, [])
    assert not_written(load_recipe("light", changes), [Phase.TNET]) == ["losses.laplacian_weight"]


def test_ours_is_compared_with_plain_by_the_medians_of_the_rounds() -> None:
    def rounds(*paces: float) -> list[Pace]:
        return [Pace(step=p, fed=2 * p, waits=p / 100, held=p * 1e6) for p in paces]

    found = {("ours", Phase.TNET): rounds(10, 90, 30), ("plain", Phase.TNET): rounds(20, 15, 1)}
    row = row_of(Phase.TNET, found)
    assert (row["step"], row["plain step"], row["x step"]) == (30, 15, 2)
    assert (row["fed"], row["x fed"], row["waits"]) == (60, 2, 30)
    assert (row["MB"], row["plain MB"]) == (30, 15)


def random_batch() -> Batch:
    random = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 3, (2, 64, 64), generator=random)
    classes[1, :32] = 0  # so that images differ in how much of them is unknown
    image, foreground, background = torch.rand(3, 2, 3, 64, 64, generator=random)
    return Batch(
        image=image,
        classes=classes,
        trimap=one_hot(classes),
        ids=("a", "b"),
        alpha=torch.rand(2, 1, 64, 64, generator=random),
        foreground=foreground,
        background=background,
    )


def fresh(phase: Phase, config: TrainConfig) -> MattingModel:
    """Build the nets of a phase; two of them are the same. Dropout depends on the layout."""
    seed_torch(phase)
    model = build_model(model_of(phase.nets, config.model))
    for module in model.modules():
        if isinstance(module, nn.Dropout2d | nn.Dropout):
            module.p = 0.0
    return model


@pytest.mark.parametrize(("preset", "changes", "phase"), CASES)
def test_plain_losses_and_their_gradients_are_ours(
    preset: str, changes: Sequence[str], phase: Phase
) -> None:
    config, batch = load_recipe(preset, changes), random_batch()
    model, same = fresh(phase, config), fresh(phase, config)
    ours = LossModule(model.train(), OBJECTIVES[phase], config)(batch, 3)
    ours["total"].backward()
    step = PlainStep(phase, same, config)
    plain = plain_losses(phase, same, batch, config, 3)
    plain["total"].backward()  # type: ignore[no-untyped-call]
    assert apart(phase, ours, plain) < 1e-5
    assert set(ours) <= set(plain)
    assert len(step.learning) >= sum(each.grad is not None for each in model.parameters()) > 0
    for (name, one), other in zip(model.named_parameters(), same.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None), name
        if one.grad is not None and other.grad is not None:
            off = (one.grad - other.grad).norm() / (one.grad.norm() + 1e-6)
            assert off < 1e-2, name


def test_a_plain_step_moves_the_weights_as_ours_does() -> None:
    parts = ("phases.mnet.accumulate=2", "phases.mnet.optimiser.clip_norm=0.1")
    changes = (*SMALL, "loop.channels_last=false", *parts)
    config, batch = load_recipe("light", changes), random_batch()
    model, same = fresh(Phase.MNET, config), fresh(Phase.MNET, config)
    rate = config.phase(Phase.MNET).optimiser.learning_rate
    take = TrainingStep(Phase.MNET, config, model, torch.device("cpu"), Ranks())
    figures = take([batch, batch], 0, rate)
    loss = PlainStep(Phase.MNET, same, config)([batch, batch], 0)
    assert loss == pytest.approx(figures["total"], rel=1e-5)
    before = fresh(Phase.MNET, config)
    for one, other, was in zip(*map(weights, (model, same, before)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=rate / 20)
        assert not torch.equal(one, was)


def weights(model: MattingModel) -> list[torch.Tensor]:
    return [parameter.detach() for parameter in model.parameters()]


@pytest.mark.parametrize("form", ["lazy", "materialised"])
@pytest.mark.parametrize("phase", [Phase.TNET, Phase.MNET])
def test_the_plain_version_reads_the_very_crops_of_our_stream(
    form: Form, phase: Phase, tmp_path: Path
) -> None:
    write_store(tmp_path / "train.zarr", 15, form=form)
    changes = (*SMALL, "phases.*.batch=6", "phases.*.crop=48", "phases.*.jitter.brightness=0.3")
    config = load_recipe("light", changes)
    plan = Plan(
        store=tmp_path / "train.zarr",
        config=config,
        phases=(phase,),
        device="cpu",
        workers=0,
        warm=1,
        steps=1,
    )
    ours = islice(plan.batches(phase), 3)
    plain = islice(plain_batches(phase, config, plan.feed()), 3)
    for one, other in zip(ours, plain, strict=True):
        assert one.ids == other.ids
        assert (one.classes != other.classes).float().mean() < 1e-3
        assert other.image.is_contiguous()
        for name in ("image", "alpha", "foreground", "background"):
            mine, theirs = getattr(one, name), getattr(other, name)
            assert (mine is None) == (theirs is None) == (phase is Phase.TNET and name != "image")
            if mine is not None:
                torch.testing.assert_close(theirs, mine, rtol=0, atol=1e-4)


def test_losses_that_differ_are_not_timed() -> None:
    ours = {"alpha": torch.tensor(0.5), "total": torch.tensor(0.5)}
    assert apart(Phase.MNET, ours, ours) == 0
    for wrong in (0.51, math.nan):
        with pytest.raises(DisagreementError, match=r"mnet: the alpha loss is 0\.5 by ours"):
            apart(Phase.MNET, ours, {**ours, "alpha": torch.tensor(wrong)})
