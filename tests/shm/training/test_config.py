import json
from dataclasses import replace
from typing import Any

import pytest

from shm.models import ModelError
from shm.training.config import ConfigError, PhaseConfig
from shm.training.optimiser import OptimiserConfig
from shm.training.phases import Phase, model_of, origins
from shm.training.presets import load_recipe
from shm.training.tables import from_dict, merged, to_dict

LIGHT = to_dict(load_recipe("light"))


def changed(values: dict[str, Any]) -> dict[str, Any]:
    return merged(LIGHT, values)


def test_a_configuration_survives_json() -> None:
    config = load_recipe("paper")
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sede": 1}, "no setting sede: did you mean seed?"),
        ({"modle": {"width": 1.0}}, "no setting modle: did you mean model?"),
        (
            {"phases": {"mnet": {"bach": 1}}},
            r"mnet\.bach: did you mean phases\.mnet\.batch",
        ),
        ({"phases": {"mnett": {}}}, r"phases\.mnett: did you mean phases\.mnet"),
        ({"phases": {"stage-0": LIGHT["phases"]["mnet"]}}, r"phases\.stage-0: known are tnet"),
        ({"losses": {"gama": 1}}, r"losses\.gama: did you mean losses\.gamma"),
        ({"weights": {"dim": "imagenet"}}, r"weights\.dim"),
        ({"qqqq": 1}, "known are preset, seed"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict(changed(values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"losses": {"gamma": "half"}}, r"losses\.gamma is 'half': give a number"),
        ({"losses": {"gamma": True}}, r"losses\.gamma is True: give a number"),
        ({"phases": {"tnet": {"steps": 1.5}}}, r"phases\.tnet\.steps is 1\.5: give a whole number"),
        (
            {"phases": {"mnet": {"optimiser": {"betas": [0.9]}}}},
            r"phases\.mnet\.optimiser\.betas is \[0\.9\]: give a list of 2 numbers",
        ),
        ({"loop": {"compile": "yes"}}, r"loop\.compile is 'yes': give true or false"),
        ({"losses": 3}, r"losses is 3: it has settings of its own, as in \[losses\]"),
        (
            {"phases": {"mnet": {"rotation": 5.0}}},
            r"phases\.mnet\.rotation is 5\.0, which the phase tnet",
        ),
        (
            {"phases": {"tnet": {"matte_crop": 64, "matte_crop_sizes": [64]}}},
            r"phases\.tnet\.matte_crop is 64, which the phase end-to-end alone reads",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_to_give(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict(changed(values))


@pytest.mark.parametrize(
    "values",
    [
        {"seed": "many"},
        {"phases": {"tnet": {"batch": 0}}},
        {"phases": {"tnet": {"batch": 8, "accumulate": 3}}},
        {"phases": {"tnet": {"ema": 1.0}}},
        {"phases": {"tnet": {"trimap_band": [5]}}},
        {"phases": {"tnet": {"trimap_band": [5, 2]}}},
        {"phases": {"tnet": {"optimiser": {"learning_rate": float("nan")}}}},
        {"phases": {"tnet": {"optimiser": {"betas": [0.9, 1.0]}}}},
        {"phases": {"tnet": {"optimiser": {"kind": "adan"}}}},
        {"phases": {"tnet": {"optimiser": {"schedule": {"kind": "linear"}}}}},
        {"loop": {"log_every": 0}},
        {"loop": {"precision": "fp8"}},
        {"loop": {"keep": 0}},
        {"phases": 3},
        {"phases": {"tnet": 3}},
        {"model": {"width": -1.0}},
        {"model": {"tnet": "resnext"}},
    ],
)
def test_a_value_out_of_bounds_or_of_the_wrong_type_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises((ConfigError, ModelError)):
        from_dict(changed(values))


def test_a_missing_key_is_an_error() -> None:
    with pytest.raises(ConfigError, match="preset is missing"):
        from_dict({"seed": 1})
    with pytest.raises(ConfigError, match=r"phases\.stage-1\.batch is missing"):
        from_dict(changed({"phases": {"stage-1": {"steps": 0}}}))
    without = {**LIGHT, "weights": {"tnet": "scratch"}}
    with pytest.raises(ConfigError, match=r"weights\.mnet is missing"):
        from_dict(without)
    with pytest.raises(ConfigError, match="no phase to train"):
        from_dict({**LIGHT, "phases": {}})


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


def test_a_phase_that_the_recipe_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(ConfigError, match="light has no phase stage-1: known are tnet, mnet"):
        load_recipe("light").phase(Phase.STAGE_1)


def test_each_net_begins_where_the_last_earlier_phase_left_it() -> None:
    light, dim = load_recipe("light").recipe, load_recipe("dim").recipe
    assert light == [Phase.TNET, Phase.MNET, Phase.END_TO_END]
    begins = {each.net: each.phase for each in origins(Phase.END_TO_END, light)}
    assert begins == {"tnet": Phase.TNET, "mnet": Phase.MNET}
    assert [each.phase for each in origins(Phase.MNET, light)] == [None]
    assert [origins(phase, dim)[0].phase for phase in dim] == [None, *dim[:-1]]
    assert origins(Phase.STAGE_2, [Phase.STAGE_0, Phase.STAGE_2])[0].phase is Phase.STAGE_0


def test_a_phase_trains_the_part_of_the_model_that_it_names() -> None:
    model = load_recipe("paper").model
    assert model_of(Phase.MNET.nets, model) == replace(model, tnet=None)
    assert model_of(Phase.END_TO_END.nets, model) == model
