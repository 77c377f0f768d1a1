from copy import deepcopy
from typing import Any, NamedTuple

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from shm.models import (
    ModelConfig,
    ModelError,
    SemanticHumanMatting,
    WeightsReport,
    build_model,
    load_encoders,
)
from shm.models.pspnet import PSPNet, RegionMeans

FEATURES = {18: 512, 34: 512, 50: 2048, 101: 2048, 152: 2048}


class Loaded(NamedTuple):
    """A PSPNet that started from the weights of torchvision's own ResNet."""

    depth: int
    net: PSPNet
    report: WeightsReport
    theirs: Any


def as_trained(resnet: nn.Module) -> dict[str, Tensor]:
    """Make the normalisations keep the features' scale through the deepest of them."""
    torch.manual_seed(1)
    for layer in resnet.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.1, 0.4)
            assert layer.running_mean is not None
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
    return resnet.state_dict()


@pytest.fixture(scope="module", params=FEATURES)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Build each once: the deepest take seconds."""
    depth = request.param
    theirs = getattr(torchvision.models, f"resnet{depth}")(weights=None).eval()
    file = tmp_path_factory.mktemp("resnet") / "weights.safetensors"
    save_file(as_trained(theirs), file)
    config = ModelConfig(tnet=f"pspnet{depth}")
    model = build_model(config)
    report = load_encoders(model, config, {"tnet": file})["tnet"]
    file.unlink()
    assert isinstance(model, SemanticHumanMatting)
    assert isinstance(model.tnet, PSPNet)
    return Loaded(depth, model.tnet, report, theirs)


def deepest(resnet: Any, image: Tensor) -> Tensor:
    features = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(image))))
    found: Tensor = resnet.layer4(resnet.layer3(resnet.layer2(resnet.layer1(features))))
    return found


def test_the_encoder_starts_from_torchvisions_weights_by_name(loaded: Loaded) -> None:
    own = loaded.net.encoder.state_dict()
    theirs = loaded.theirs.state_dict()
    assert {*theirs} - {*own} == {"fc.weight", "fc.bias"}
    assert all(torch.equal(own[name], theirs[name]) for name in own)
    assert {*loaded.report.unused} == {"fc.weight", "fc.bias"}
    assert len(loaded.report.loaded) == len([n for n in own if "num_batches" not in n])
    assert {name.split(".")[0] for name in loaded.report.fresh} == {
        "pyramid",
        "head",
        "auxiliary_head",
    }


@torch.inference_mode()
def test_features_are_at_an_eighth_and_where_both_look_those_of_the_plain_resnet(
    loaded: Loaded,
) -> None:
    image = torch.randn(1, 3, 64, 96)
    dilated = deepest(loaded.net.eval().encoder, image)
    plain = deepest(loaded.theirs, image)
    assert dilated.shape == (1, FEATURES[loaded.depth], 8, 12)
    assert plain.shape[-2:] == (2, 3)
    # Dilation moves no kernel's reach: every fourth pixel is one that the stride left.
    assert plain.std() > 1e-3
    torch.testing.assert_close(dilated[..., ::4, ::4], plain, rtol=1e-3, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(32, 32), (43, 38)])
def test_any_size_gives_three_logits_a_pixel(loaded: Loaded, size: tuple[int, int]) -> None:
    logits = loaded.net.eval()(torch.randn(1, 3, *size))
    assert logits.shape == (1, 3, *size)
    assert logits.isfinite().all()


def test_every_weight_learns_with_the_auxiliary_head(loaded: Loaded) -> None:
    net = deepcopy(loaded.net).train()  # whose normalisations will have seen other images
    image = torch.randn(2, 3, 33, 40)
    logits, auxiliary = net.forward_with_auxiliary(image)
    assert auxiliary is not None
    assert logits.shape == auxiliary.shape == image.shape
    (logits.square().mean() + auxiliary.square().mean()).backward()  # type: ignore[no-untyped-call]
    dead = [
        name
        for name, each in net.named_parameters()
        # A bias before a batch normalisation cancels out: its gradient is nothing but rounding.
        if each.grad is None or (each.ndim > 1 and not each.grad.any())
    ]
    assert dead == []


def test_a_batch_of_one_cannot_train_it_and_the_message_names_it(loaded: Loaded) -> None:
    with pytest.raises(ModelError, match=rf"pspnet{loaded.depth} can't .* batches of 2"):
        loaded.net.train()(torch.randn(1, 3, 64, 64))


def test_one_image_is_enough_where_batch_norm_is_frozen() -> None:
    net = build_model(ModelConfig(tnet="pspnet18")).train()
    image = torch.rand(1, 3, 64, 64)
    with pytest.raises(ModelError, match=r"batch of 1.*freeze batch normalisation"):
        net(image)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    assert net(image).alpha.shape == (1, 1, 64, 64)


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(6, 6), (7, 9), (41, 50), (5, 8)])
def test_the_means_of_regions_are_those_of_adaptive_pooling(
    bins: int, size: tuple[int, int]
) -> None:
    features = torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(0))
    pooled = nn.AdaptiveAvgPool2d(bins)(features)
    torch.testing.assert_close(RegionMeans(bins)(features), pooled)
