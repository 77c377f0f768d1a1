from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import vgg16

from shm.models import (
    DIMS,
    DeepImageMatting,
    ModelConfig,
    ModelError,
    build_model,
    load_encoders,
)
from shm.pipeline.values import TrimapClass

ODD = (43, 38)


def dim(*, width: float = 0.125, skips: bool = False) -> DeepImageMatting:
    torch.manual_seed(0)
    model = build_model(ModelConfig(dim="dim", width=width, skips=skips))
    assert isinstance(model, DeepImageMatting)
    return model


def one_hot(classes: Tensor) -> Tensor:
    """Return (B, 3, H, W) of (B, H, W)."""
    return nn.functional.one_hot(classes, 3).movedim(-1, 1).float()


def a_batch(size: tuple[int, int] = ODD) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(2, 3, *size, generator=generator)
    return image, one_hot(torch.randint(3, (2, *size), generator=generator))


@pytest.mark.parametrize("size", [(32, 32), ODD, (65, 33)])
@torch.inference_mode()
def test_the_matte_has_the_photos_size_and_keeps_what_the_trimap_knows(
    size: tuple[int, int],
) -> None:
    image, trimap = a_batch(size)
    prediction = dim().eval()(image, trimap)
    assert prediction.trimap_logits is None
    assert torch.equal(prediction.trimap, trimap)
    assert prediction.raw_alpha.shape == prediction.alpha.shape == (2, 1, *size)
    classes = trimap.argmax(1, keepdim=True)
    assert (prediction.alpha[classes == TrimapClass.BACKGROUND] == 0).all()
    assert (prediction.alpha[classes == TrimapClass.FOREGROUND] == 1).all()
    inside = prediction.alpha[classes == TrimapClass.UNKNOWN]
    assert inside.min() > 0
    assert inside.max() < 1
    assert inside.std() > 0


def test_it_needs_a_trimap_of_the_images_size() -> None:
    model = dim()
    image, trimap = a_batch()
    assert model.needs_trimap
    with pytest.raises(ModelError, match="without a trimap: give one"):
        model(image)
    with pytest.raises(ModelError, match="at the image's own size"):
        model(image, trimap[..., :-1])
    with pytest.raises(ModelError, match=r"reads \(B, 3, H, W\)"):
        model.raw_logits(image[:, :1], trimap)
    with pytest.raises(ModelError, match="pad it to 32"):
        model(image[..., :31], trimap[..., :31])


def test_layers_are_the_papers() -> None:
    with torch.device("meta"):
        net = DeepImageMatting(DIMS["dim"].config)  # type: ignore[arg-type]
        theirs = vgg16(weights=None).features
    assert [type(layer) for layer in net.encoder] == [type(layer) for layer in theirs]
    shapes = {name: each.shape for name, each in theirs.state_dict().items()}
    shapes["0.weight"] = torch.Size((64, 4, 3, 3))
    assert {name: each.shape for name, each in net.encoder.state_dict().items()} == shapes
    assert sum(isinstance(layer, nn.MaxUnpool2d) for layer in net.decoder) == 5

    def convolutions(layers: nn.Module) -> list[tuple[int, ...]]:
        found = (each for each in layers.modules() if isinstance(each, nn.Conv2d))
        return [tuple(each.weight.shape) for each in found]

    assert convolutions(net.conv6) == [(512, 512, 3, 3)]
    assert convolutions(net.decoder) == [
        (512, 512, 1, 1),
        (512, 512, 5, 5),
        (256, 512, 5, 5),
        (128, 256, 5, 5),
        (64, 128, 5, 5),
        (64, 64, 5, 5),
        (1, 64, 5, 5),
    ]
    assert convolutions(net.refinement) == [
        (64, 4, 3, 3),
        (64, 64, 3, 3),
        (64, 64, 3, 3),
        (1, 64, 3, 3),
    ]


def test_the_trimap_is_one_channel_of_0_a_half_and_1() -> None:
    net = dim()
    seen: list[Tensor] = []
    net.encoder[0].register_forward_hook(lambda _layer, inputs, _output: seen.append(inputs[0]))
    image, trimap = a_batch()
    net.raw_logits(image, trimap)
    height, width = ODD
    assert seen[0].shape == (2, 4, 64, 64)
    assert torch.equal(seen[0][:, :3, :height, :width], image)
    values = torch.tensor([0, 0.5, 1])  # in the order of TrimapClass
    assert torch.equal(seen[0][:, 3, :height, :width], values[trimap.argmax(1)])


def test_unpooling_puts_values_back_where_pooling_found_the_largest() -> None:
    net = dim().eval()
    pooled: list[tuple[Tensor, Tensor, Tensor]] = []
    unpooled: list[tuple[Tensor, Tensor, Tensor]] = []
    for layer in net.encoder:
        if isinstance(layer, nn.MaxPool2d):
            layer.register_forward_hook(
                lambda _layer, inputs, output: pooled.append((inputs[0], *output))
            )
    for layer in net.decoder:
        if isinstance(layer, nn.MaxUnpool2d):
            layer.register_forward_hook(
                lambda _layer, inputs, output: unpooled.append((*inputs, output))
            )
    with torch.inference_mode():
        net.raw_logits(*a_batch((32, 64)))
    assert len(pooled) == len(unpooled) == 5
    for (before, largest, found), (values, indices, placed) in zip(
        pooled, reversed(unpooled), strict=True
    ):
        assert torch.equal(indices, found)
        assert torch.equal(before.flatten(2).gather(2, found.flatten(2)), largest.flatten(2))
        assert torch.equal(placed.flatten(2).gather(2, found.flatten(2)), values.flatten(2))
        assert placed.shape == before.shape
        torch.testing.assert_close(placed.sum((2, 3)), values.sum((2, 3)))  # zeros elsewhere


def test_skips_need_no_weights_and_change_what_is_found() -> None:
    plain, skipping = dim(), dim(skips=True)
    skipping.load_state_dict(plain.state_dict())
    image, trimap = a_batch()
    without = plain.raw_logits(image, trimap)
    assert not torch.allclose(skipping.raw_logits(image, trimap), without)


def test_through_skips_the_encoder_learns_past_a_dead_decoder() -> None:
    def taught(model: DeepImageMatting) -> bool:
        nn.init.zeros_(model.decoder[0].weight)  # type: ignore[arg-type]
        model.raw_logits(*a_batch()).square().mean().backward()  # type: ignore[no-untyped-call]
        gradient = model.encoder[0].weight.grad
        return bool(gradient.any())  # type: ignore[operator,union-attr]

    assert taught(dim(skips=True))
    assert not taught(dim(skips=False))


@pytest.mark.parametrize("skips", [False, True])
def test_every_weight_of_the_first_stage_learns(skips: bool) -> None:
    net = dim(width=0.25, skips=skips)
    net.raw_logits(*a_batch((64, 64))).square().mean().backward()  # type: ignore[no-untyped-call]
    still = [n for n, each in net.named_parameters() if each.grad is None or not each.grad.any()]
    assert still
    assert all(name.startswith("refinement.") for name in still)


def test_an_untrained_refinement_changes_nothing() -> None:
    net = dim()
    image, trimap = a_batch()
    logits = net.raw_logits(image, trimap)
    assert torch.equal(net.refined_logits(image, logits), logits)
    unknown = torch.zeros_like(trimap)
    unknown[:, TrimapClass.UNKNOWN] = 1
    prediction = net(image, unknown)
    assert torch.equal(prediction.alpha, prediction.raw_alpha)


def test_the_refinement_sees_photo_and_raw_alpha_and_all_of_it_learns() -> None:
    net = dim(width=1 / 16)
    image, trimap = a_batch()
    logits = net.raw_logits(image, trimap).detach()
    seen: list[Tensor] = []
    net.refinement.layers[0].register_forward_hook(lambda _l, inputs, _o: seen.append(inputs[0]))
    optimizer = torch.optim.SGD(net.refinement.parameters(), lr=0.1)
    for _ in range(2):  # the first step moves the last layer off zero
        optimizer.zero_grad()
        net.refined_logits(image, logits).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert torch.equal(seen[0], torch.cat([image, logits.sigmoid()], 1))
    assert all(each.grad is not None and each.grad.any() for each in net.refinement.parameters())
    assert not torch.equal(net.refined_logits(image, logits), logits)


def test_vggs_weights_load_by_name_and_the_trimap_counts_for_nothing_at_first(
    tmp_path: Path,
) -> None:
    torch.manual_seed(2)
    with torch.device("meta"):
        features = vgg16(weights=None).features
    theirs = features.to_empty(device="cpu")
    for layer in theirs:
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    state = {f"features.{name}": each for name, each in theirs.state_dict().items()}
    save_file({**state, "classifier.6.bias": torch.zeros(1000)}, tmp_path / "vgg16.safetensors")
    config = ModelConfig(dim="dim")
    model = build_model(config)
    assert isinstance(model, DeepImageMatting)
    report = load_encoders(model, config, {"dim": tmp_path / "vgg16.safetensors"})["dim"]
    assert len(report.loaded) == 26
    assert report.unused == ("classifier.6.bias",)
    assert report.widened == (3, 4)
    assert "widened from 3 to 4 channels" in str(report)
    assert "(conv6, decoder, refinement)" in str(report)
    first = model.encoder[0].weight
    assert torch.equal(first[:, :3], state["features.0.weight"])  # type: ignore[index]
    assert not first[:, 3:].any()  # type: ignore[index]
    image = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        here = torch.cat([image, torch.rand(1, 1, 32, 32)], 1)
        for layer in model.encoder:
            here = layer(here)
            here = here[0] if isinstance(here, tuple) else here
        torch.testing.assert_close(here, theirs(image))


def test_skips_are_an_option_of_the_config() -> None:
    config = ModelConfig(dim="dim", width=0.125)
    assert not build_model(config).skips
    assert build_model(replace(config, skips=True)).skips
