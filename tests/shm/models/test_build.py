import json
import math
from typing import Any

import pytest
import torch

from shm.models import (
    DIMS,
    MNETS,
    TNETS,
    MattingModel,
    ModelConfig,
    ModelError,
    SemanticHumanMatting,
    build_model,
    parameters,
)


def build(**chosen: Any) -> MattingModel:
    torch.manual_seed(0)
    return build_model(ModelConfig(**chosen))


def weights_of(model: torch.nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"tnet": "pspnet-50"}, "no T-Net called 'pspnet-50': did you mean pspnet50"),
        ({"mnet": "vgg16_bn"}, "no M-Net called 'vgg16_bn': did you mean vgg16-bn"),
        ({"mnet": "u2net"}, "known are vgg16-bn, light"),
        ({"dim": "dimm"}, "did you mean dim"),
        ({}, "name a tnet, an mnet, both, or dim"),
        ({"dim": "dim", "tnet": "pspnet50"}, "dim is a model of its own beside pspnet50"),
        ({"dim": "dim", "fusion": False}, "leave fusion on"),
        ({"mnet": "light", "skips": True}, "skips are of dim, not of light"),
        ({"tnet": "pspnet50", "width": 0.5}, r"pspnet50 .* not 0\.5 times that: set width 1"),
        ({"mnet": "light", "width": 0}, "width is 0: give a factor from 0.02 to 4"),
        ({"mnet": "light", "width": -1.0}, "width is -1"),
        ({"mnet": "light", "width": 4.1}, r"width is 4\.1"),
        ({"mnet": "light", "width": math.nan}, "width is nan"),
        ({"mnet": "light", "width": math.inf}, "width is inf"),
    ],
)
def test_a_choice_that_makes_no_model_is_refused_with_the_cure(
    chosen: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message) as refusal:
        ModelConfig(**chosen)
    assert "\n" not in str(refusal.value)


def test_a_model_has_the_nets_that_are_named() -> None:
    both = build(tnet="mobilenetv2-unet", mnet="light", fusion=False)
    assert isinstance(both, SemanticHumanMatting)
    assert both.tnet is not None
    assert both.mnet is not None
    assert (both.needs_trimap, both.fusion) == (False, False)
    alone = build(mnet="light")
    assert isinstance(alone, SemanticHumanMatting)
    assert (alone.tnet, alone.needs_trimap) == (None, True)


def test_the_same_random_numbers_build_the_same_model() -> None:
    first, second = (build(tnet="mobilenetv2-unet", mnet="light").state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("chosen", [{"mnet": "vgg16-bn"}, {"mnet": "light"}, {"dim": "dim"}])
def test_half_the_width_is_half_of_every_count_of_channels(chosen: dict[str, Any]) -> None:
    with torch.device("meta"):
        whole, half = (build(**chosen, width=width).state_dict() for width in (1, 0.5))
    assert [*whole] == [*half]
    # of a photo, its trimap, an alpha, or a photo and its alpha
    given = {1, 4, 6}
    for name, each in whole.items():
        expected = [size if size in given else size // 2 for size in each.shape[:2]]
        assert [*half[name].shape[:2]] == expected, name
        assert half[name].shape[2:] == each.shape[2:]


@pytest.mark.parametrize("tnet", ["mobilenetv2-unet", "mobilenetv2-unet-wide"])
def test_the_light_tnets_scale_too(tnet: str) -> None:
    with torch.device("meta"):
        narrow, whole, wide = (weights_of(build(tnet=tnet, width=w)) for w in (0.5, 1, 2))
    assert narrow < whole / 2
    assert wide > whole * 2


def test_no_width_leaves_a_layer_without_a_channel() -> None:
    with torch.device("meta"):
        for chosen in ({"mnet": "vgg16-bn"}, {"mnet": "light"}, {"dim": "dim"}):
            model = build(**chosen, width=0.02)
            assert all(min(each.shape, default=1) > 0 for each in model.state_dict().values())


def test_parameters_are_the_effective_ones_and_survive_json() -> None:
    config = ModelConfig(tnet="mobilenetv2-unet", mnet="light", width=0.5)
    found = parameters(config)
    assert found == {
        "tnet": {"width": 0.25, "channels": 24},
        "mnet": {"widths": [8, 16, 32, 48]},
    }
    assert json.loads(json.dumps(found)) == found
    dim = parameters(ModelConfig(dim="dim", width=2, skips=True))["dim"]
    assert (dim["conv6"], dim["skips"], dim["kernel"]) == (1024, True, 5)
    assert parameters(ModelConfig(tnet="pspnet18"))["tnet"]["depth"] == 18


def test_width_1_is_the_registered_net() -> None:
    for variant in (*TNETS.values(), *MNETS.values(), *DIMS.values()):
        assert variant.config.scaled(1) == variant.config
