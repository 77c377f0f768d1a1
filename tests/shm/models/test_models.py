from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from shm.models import (
    MNETS,
    TNETS,
    ModelError,
    SemanticHumanMatting,
    TNet,
    alpha_from_trimap,
    build_mnet,
    build_tnet,
    fuse,
)
from shm.pipeline.values import TrimapClass

ODD = (43, 38)


def tnet(name: str) -> TNet:
    torch.manual_seed(0)
    return build_tnet(name, weights="scratch")[0]


def mnet(name: str) -> nn.Module:
    torch.manual_seed(0)
    return build_mnet(name, weights="scratch")[0]


class Certain(TNet):
    """Is certain of one class everywhere."""

    stride = 1

    def __init__(self, certain_of: TrimapClass) -> None:
        super().__init__()
        self.certain_of = certain_of

    def coarse_logits(
        self,
        image: Tensor,
        *,
        auxiliary: bool,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor | None]:
        logits = torch.zeros_like(image)
        logits[:, self.certain_of] = 100.0
        return logits, None


class Known(nn.Module):
    """Finds the same alpha everywhere, and remembers what it was given."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.seen: Tensor | None = None

    def forward(self, image_and_trimap: Tensor) -> Tensor:
        self.seen = image_and_trimap
        return torch.full_like(image_and_trimap[:, :1], self.alpha)


@pytest.mark.parametrize("name", TNETS)
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
    alpha = mnet(name).eval()(torch.randn(1, 6, *size))
    assert alpha.shape == (1, 1, *size)
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert alpha.std() > 0


@pytest.mark.parametrize("name", TNETS)
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


def test_an_unknown_net_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ModelError, match="did you mean pspnet50"):
        build_tnet("pspnet-50", weights="scratch")
    with pytest.raises(ModelError, match="known are vgg16-bn, light"):
        build_mnet("u2net", weights="scratch")


@pytest.mark.parametrize(
    ("certain_of", "expected"),
    [
        (TrimapClass.BACKGROUND, 0.0),
        (TrimapClass.UNKNOWN, 0.3),
        (TrimapClass.FOREGROUND, 1.0),
    ],
)
def test_where_tnet_is_certain_mnet_does_not_count(
    certain_of: TrimapClass, expected: float
) -> None:
    model = SemanticHumanMatting(Certain(certain_of), Known(0.3))
    prediction = model(torch.randn(2, 3, *ODD))
    torch.testing.assert_close(prediction.alpha, torch.full((2, 1, *ODD), expected))


def test_fusion_is_foreground_plus_unknown_times_raw_alpha() -> None:
    # background, unknown and foreground of two pixels
    probabilities = torch.tensor([[0.2, 0.5], [0.5, 0.5], [0.3, 0.0]]).view(1, 3, 1, 2)
    raw = torch.tensor([0.4, 1.0]).view(1, 1, 1, 2)
    expected = torch.tensor([0.3 + 0.5 * 0.4, 0.5]).view(1, 1, 1, 2)
    torch.testing.assert_close(fuse(probabilities, raw), expected)
    without = torch.tensor([0.3 + 0.25, 0.25]).view(1, 1, 1, 2)
    torch.testing.assert_close(alpha_from_trimap(probabilities), without)


def test_fusion_is_the_papers_equation() -> None:
    background, unknown, foreground = torch.randn(1, 3, 5, 7).softmax(1).unbind(1)
    raw = torch.rand(1, 1, 5, 7)
    paper = (1 - unknown) * foreground / (foreground + background) + unknown * raw[:, 0]
    probabilities = torch.stack([background, unknown, foreground], 1)
    torch.testing.assert_close(fuse(probabilities, raw)[:, 0], paper)


def test_mnet_sees_the_photo_and_probabilities() -> None:
    known = Known(0.5)
    model = SemanticHumanMatting(tnet("mobilenetv2-unet").eval(), known)
    image = torch.randn(1, 3, *ODD)
    prediction = model(image)
    assert known.seen is not None
    assert torch.equal(known.seen[:, :3], image)
    assert torch.equal(known.seen[:, 3:], prediction.trimap)
    torch.testing.assert_close(known.seen[:, 3:].sum(1), torch.ones(1, *ODD))
    assert prediction.trimap_logits is not None
    assert torch.equal(prediction.trimap, prediction.trimap_logits.softmax(1))


def test_a_given_trimap_takes_tnets_place() -> None:
    given = torch.zeros(1, 3, *ODD)
    given[:, TrimapClass.UNKNOWN] = 1
    prediction = SemanticHumanMatting(Certain(TrimapClass.BACKGROUND), Known(0.25))(
        torch.randn(1, 3, *ODD), given
    )
    assert prediction.trimap_logits is None
    assert torch.equal(prediction.alpha, torch.full((1, 1, *ODD), 0.25))


def test_without_an_mnet_the_matte_is_tnets_own() -> None:
    prediction = SemanticHumanMatting(tnet("mobilenetv2-unet").eval())(torch.randn(1, 3, *ODD))
    torch.testing.assert_close(prediction.alpha, alpha_from_trimap(prediction.trimap))
    assert (prediction.raw_alpha == 0.5).all()


def test_only_pspnet_has_an_auxiliary_head() -> None:
    image = torch.randn(2, 3, *ODD)
    for name in TNETS:
        logits, auxiliary = tnet(name).forward_with_auxiliary(image)
        assert logits.shape == image.shape
        assert (auxiliary is None) == (name != "pspnet50")
        assert auxiliary is None or auxiliary.shape == image.shape


def test_pspnet_says_that_a_batch_of_one_cannot_train_it() -> None:
    with pytest.raises(ModelError, match="batches of 2"):
        tnet("pspnet50").train()(torch.randn(1, 3, 64, 64))


def dead(net: nn.Module) -> list[str]:
    """Return the names of weights that got no gradient.

    A bias before a batch normalisation cancels out: its gradient is nothing but rounding.
    """
    return [
        name
        for name, parameter in net.named_parameters()
        if parameter.grad is None or (parameter.ndim > 1 and not parameter.grad.any())
    ]


@pytest.mark.parametrize("name", TNETS)
def test_every_weight_of_a_tnet_learns(name: str) -> None:
    net = tnet(name).train()
    logits, auxiliary = net.forward_with_auxiliary(torch.randn(2, 3, 64, 64))
    loss = logits.square().mean()
    if auxiliary is not None:
        loss = loss + auxiliary.square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    assert dead(net) == []


@pytest.mark.parametrize("name", MNETS)
def test_every_weight_of_an_mnet_learns(name: str) -> None:
    net = mnet(name).train()
    net(torch.randn(2, 6, 64, 64)).square().mean().backward()
    assert dead(net) == []


def test_end_to_end_the_prediction_teaches_tnet() -> None:
    model = SemanticHumanMatting(tnet("mobilenetv2-unet"), mnet("light")).train()
    model(torch.randn(2, 3, 64, 64)).alpha.square().mean().backward()
    assert dead(model) == []


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
    net = mnet("vgg16-bn").eval()
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
