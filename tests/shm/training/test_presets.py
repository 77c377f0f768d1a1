from dataclasses import replace
from pathlib import Path

import pytest

from shm.training.config import ConfigError
from shm.training.phases import Phase
from shm.training.presets import PRESETS, load_recipe, to_toml


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_printed_is_read_to_the_same_recipe(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert recipe.preset == name
    file = tmp_path / "mine.toml"
    file.write_text(to_toml(recipe))
    assert load_recipe(str(file)) == recipe


def test_the_paper_recipe_is_the_papers() -> None:
    paper = load_recipe("paper")
    assert (paper.model.tnet, paper.model.mnet) == ("pspnet50", "vgg16-bn")
    assert set(paper.weights.values()) == {"imagenet"}
    tnet, mnet, both = (paper.phase(phase) for phase in paper.recipe)
    assert {p.batch for p in (tnet, mnet, both)} == {10}
    assert {p.optimiser.kind for p in (tnet, mnet, both)} == {"adam"}
    assert {p.optimiser.learning_rate for p in (tnet, mnet, both)} == {1e-5}
    assert (tnet.crop, mnet.crop, both.crop) == (400, 320, 800)
    assert mnet.crop_sizes == both.matte_crop_sizes == (320, 480, 640)
    assert tnet.rotation > 0
    assert mnet.trimap_band
    losses = paper.losses
    assert (losses.gamma, losses.trimap_weight, losses.region) == (0.5, 0.01, "whole")


def test_the_dim_recipe_is_the_papers() -> None:
    dim = load_recipe("dim")
    assert dim.recipe == [Phase.STAGE_0, Phase.STAGE_1, Phase.STAGE_2, Phase.STAGE_3]
    for phase in map(dim.phase, dim.recipe):
        assert (phase.crop, phase.crop_sizes) == (320, (320, 480, 640))
        assert phase.centred_on_unknown
        assert phase.optimiser.learning_rate == 1e-5
    losses = dim.losses
    assert (losses.distance, losses.epsilon, losses.region) == ("charbonnier", 1e-6, "unknown")
    assert losses.gamma == 0.5


def test_values_are_set_by_their_names_and_a_star_means_every_phase() -> None:
    base = load_recipe("light")
    changes = (
        "seed=7",
        "phases.*.steps=3",
        "phases.mnet.steps=4",
        "weights.tnet=/some/where.pth",
        "losses.class_weights=[1.0, 5.0, 1.0]",
        "model.fusion=false",
    )
    config = load_recipe("light", changes)
    assert [config.phase(phase).steps for phase in config.recipe] == [3, 4, 3]
    assert config.weights["tnet"] == "/some/where.pth"
    assert config.losses.class_weights == (1.0, 5.0, 1.0)
    assert not config.model.fusion
    assert config.seed == 7
    untouched = {name: replace(p, steps=0) for name, p in base.phases.items()}
    assert {name: replace(p, steps=0) for name, p in config.phases.items()} == untouched


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seed", "write section.key=value"),
        ("=3", "write section.key=value"),
        ("losses.=3", "write section.key=value"),
        ("losses.gama=0.3", r"losses\.gama: did you mean losses\.gamma"),
        ("phases.*.bach=3", r"did you mean phases\.tnet\.batch"),
        ("losses.gamma=much", "much"),
        ("losses=3", "losses"),
        ("seed.x=3", "seed"),
        ("loop.precision=fp8", "loop.precision is 'fp8': did you mean fp"),
        (
            "phases.tnet.optimiser.schedule.kind=poly",
            r"phases\.tnet\.optimiser\.schedule\.kind is 'poly': .*polynomial",
        ),
        ("phases.mnet.optimiser.learning_rate=inf", "at least 0, and a finite number"),
        ("phases.tnet.rotation=999", "degrees from 0 to 180"),
    ],
)
def test_what_cannot_be_set_is_said_with_the_nearest_that_can(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe("light", [change])


def test_a_recipe_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no recipe 'ligth': did you mean light"):
        load_recipe("ligth")
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = = 3")
    with pytest.raises(ConfigError, match=r"broken\.toml is no TOML: .*line 1"):
        load_recipe(str(broken))
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"broken\.toml can't be read"):
        load_recipe(str(broken))
    broken.write_text("[phases.tnet]\nsteps = 3\n")
    told = r"broken\.toml: the setting preset is missing; .*--print-config"
    with pytest.raises(ConfigError, match=told):
        load_recipe(str(broken))
