import json
import math
from dataclasses import replace
from typing import Any

import pytest

from shm.training.config import (
    ConfigError,
    OptimiserConfig,
    Phase,
    PhaseConfig,
    from_dict,
    to_dict,
)
from shm.training.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name: str) -> None:
    preset = PRESETS[name]
    assert preset.preset == name
    assert from_dict(json.loads(json.dumps(to_dict(preset)))) == preset


def test_the_paper_preset_is_the_papers() -> None:
    paper = PRESETS["paper"]
    tnet, mnet, both = (paper.phase(phase) for phase in Phase)
    assert {p.batch for p in (tnet, mnet, both)} == {10}
    assert {p.optimiser.learning_rate for p in (tnet, mnet, both)} == {1e-5}
    assert (tnet.crop, mnet.crop, both.crop) == (400, 320, 800)
    assert mnet.crop_sizes == both.matte_crop_sizes == (320, 480, 640)
    assert (paper.losses.gamma, paper.losses.trimap_weight) == (0.5, 0.01)


def test_what_is_left_out_comes_from_the_base() -> None:
    base = PRESETS["light"]
    config = from_dict({"seed": 7, "phases": {"mnet": {"steps": 3}}}, base)
    mnet = replace(base.phases.mnet, steps=3)
    assert config == replace(base, seed=7, phases=replace(base.phases, mnet=mnet))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sede": 1}, "no setting sede: did you mean seed?"),
        (
            {"phases": {"mnet": {"bach": 1}}},
            r"mnet\.bach: did you mean phases\.mnet\.batch",
        ),
        ({"losses": {"gama": 1}}, r"losses\.gama: did you mean losses\.gamma"),
        ({"qqqq": 1}, "known are preset, tnet"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict(values, PRESETS["light"])


@pytest.mark.parametrize(
    "values",
    [
        {"seed": "many"},
        {"phases": {"tnet": {"batch": 0}}},
        {"phases": {"tnet": {"optimiser": {"learning_rate": float("nan")}}}},
        {"phases": {"tnet": {"optimiser": {"betas": [0.9, 1.0]}}}},
        {"log_every": 0},
        {"phases": 3},
    ],
)
def test_a_value_out_of_bounds_or_of_the_wrong_type_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        from_dict(values, PRESETS["light"])


def test_a_missing_key_is_an_error_without_a_base() -> None:
    with pytest.raises(ConfigError, match="preset"):
        from_dict({"seed": 1})


def test_matte_crops_must_fit_into_what_tnet_sees() -> None:
    adam = OptimiserConfig(learning_rate=1e-5)
    with pytest.raises(ConfigError, match="matte_crop_sizes has 640"):
        PhaseConfig(
            steps=1,
            batch=1,
            optimiser=adam,
            crop=320,
            matte_crop=320,
            matte_crop_sizes=(320, 640),
        )
    with pytest.raises(ConfigError, match="go together"):
        PhaseConfig(steps=1, batch=1, optimiser=adam, crop=320, matte_crop=320)


def test_a_cosine_rises_over_its_warm_up_and_falls_to_nearly_nothing() -> None:
    adam = OptimiserConfig(learning_rate=1.0, schedule="cosine", warmup=10)
    rates = [adam.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx((1 + math.cos(math.pi * 0.09)) / 2)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 0.001


def test_a_constant_rate_is_one() -> None:
    adam = OptimiserConfig(learning_rate=1e-5)
    assert {adam.rate(step, 7) for step in range(7)} == {1e-5}


def test_an_unknown_schedule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="constant, cosine"):
        OptimiserConfig(learning_rate=1.0, schedule="linear")  # type: ignore[arg-type]
