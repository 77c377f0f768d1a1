from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from shm.models import (
    MNETS,
    TNETS,
    MNet,
    ModelConfig,
    ModelError,
    SemanticHumanMatting,
    TNet,
    build_model,
)
from shm.pipeline.values import TrimapClass

ODD = (43, 38)

LIGHT = [name for name in TNETS if not name.startswith("pspnet")]
"""The others, which take longer to build, are built once: see test_pspnet.py."""


def model(config: ModelConfig) -> SemanticHumanMatting:
    torch.manual_seed(0)
    built = build_model(config)
    assert isinstance(built, SemanticHumanMatting)
    return built


def tnet(name: str) -> TNet:
    net = model(ModelConfig(tnet=name)).tnet
    assert net is not None
    return net


def mnet(name: str, width: float = 1) -> MNet:
    net = model(ModelConfig(mnet=name, width=width)).mnet
    assert net is not None
    return net


def test_classes_are_in_the_one_order() -> None:
    assert [*TrimapClass] == [0, 1, 2]
    assert [each.name for each in TrimapClass] == ["BACKGROUND", "UNKNOWN", "FOREGROUND"]


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize("size", [(32, 32), ODD])
@torch.inference_mode()
def test_a_tnet_gives_three_logits_a_pixel_at_any_size(name: str, size: tuple[int, int]) -> None:
    net = tnet(name).eval()
    logits = net(torch.randn(1, 3, *size))
    assert logits.shape == (1, 3, *size)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", MNETS)
@pytest.mark.parametrize("size", [(32, 32), ODD])
@torch.inference_mode()
def test_an_mnet_gives_an_alpha_from_0_to_1_at_any_size(name: str, size: tuple[int, int]) -> None:
    alpha = mnet(name, 0.25).eval()(torch.randn(1, 6, *size))
    assert alpha.shape == (1, 1, *size)
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert alpha.std() > 0


@pytest.mark.parametrize("name", LIGHT)
@torch.inference_mode()
def test_an_image_in_a_batch_is_predicted_as_alone(name: str) -> None:
    net = tnet(name).eval()
    images = torch.randn(2, 3, *ODD)
    torch.testing.assert_close(net(images)[1:], net(images[1:]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 4, 64, 64), (1, 3, 31, 64), (3, 64, 64)])
def test_an_input_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    image = torch.zeros(shape)
    with pytest.raises(ModelError, match=r"pad it to 32|was given"):
        tnet("mobilenetv2-unet")(image)
    with pytest.raises(ModelError, match=r"pad it to 32|was given"):
        mnet("light")(image)


def test_a_light_tnet_has_no_auxiliary_head() -> None:
    image = torch.randn(2, 3, *ODD)
    for name in LIGHT:
        logits, auxiliary = tnet(name).forward_with_auxiliary(image)
        assert logits.shape == image.shape
        assert auxiliary is None


def dead(net: nn.Module) -> list[str]:
    """Return the names of weights that got no gradient.

    A bias before a batch normalisation cancels out: its gradient is nothing but rounding.
    """
    return [
        name
        for name, parameter in net.named_parameters()
        if parameter.grad is None or (parameter.ndim > 1 and not parameter.grad.any())
    ]


@pytest.mark.parametrize("name", LIGHT)
def test_every_weight_of_a_tnet_learns(name: str) -> None:
    net = tnet(name).train()
    logits, auxiliary = net.forward_with_auxiliary(torch.randn(2, 3, 64, 64))
    assert auxiliary is None
    logits.square().mean().backward()  # type: ignore[no-untyped-call]
    assert dead(net) == []


@pytest.mark.parametrize("name", MNETS)
def test_every_weight_of_an_mnet_learns(name: str) -> None:
    net = mnet(name, 0.25).train()
    net(torch.randn(2, 6, 64, 64)).square().mean().backward()
    assert dead(net) == []


def test_the_papers_mnet_has_13_convolutions_down_6_up_and_4_of_each_pooling() -> None:
    net = mnet("vgg16-bn")
    encoder, decoder = (list(net.get_submodule(name).children()) for name in ("encoder", "decoder"))

    def count(layers: list[nn.Module], kind: type[nn.Module]) -> int:
        return sum(isinstance(layer, kind) for layer in layers)

    assert (count(encoder, nn.Conv2d), count(encoder, nn.MaxPool2d)) == (13, 4)
    assert (count(decoder, nn.Conv2d), count(decoder, nn.MaxUnpool2d)) == (6, 4)
    for layers in (encoder, decoder[:-1]):
        for layer, following in pairwise(layers):
            assert not isinstance(layer, nn.Conv2d) or isinstance(following, nn.BatchNorm2d)
    assert isinstance(decoder[-1], nn.Conv2d)


def test_unpooling_puts_values_back_where_pooling_found_them() -> None:
    net = mnet("vgg16-bn", 0.25).eval()
    pools = [
        layer
        for layer in net.get_submodule("encoder").children()
        if isinstance(layer, nn.MaxPool2d)
    ]
    unpools = [
        layer
        for layer in net.get_submodule("decoder").children()
        if isinstance(layer, nn.MaxUnpool2d)
    ]
    found: list[Tensor] = []
    given: list[Tensor] = []
    placed: list[bool] = []

    def unpooled(_: nn.Module, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        values, indices = inputs
        given.append(indices)
        placed.append(
            torch.equal(output.flatten(2).gather(2, indices.flatten(2)), values.flatten(2))
        )

    for pool in pools:
        pool.register_forward_hook(lambda _layer, _inputs, output: found.append(output[1]))
    for unpool in unpools:
        unpool.register_forward_hook(unpooled)
    with torch.inference_mode():
        net(torch.randn(1, 6, 32, 48))
    assert len(found) == 4
    assert all(torch.equal(there, back) for there, back in zip(found, reversed(given), strict=True))
    assert placed == [True] * 4
