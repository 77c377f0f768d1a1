"""Every net by name, with all its hyper-parameters."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from torch import nn
from torchvision.models import (
    MobileNet_V2_Weights,
    ResNet18_Weights,
    ResNet34_Weights,
    ResNet50_Weights,
    ResNet101_Weights,
    ResNet152_Weights,
    VGG16_BN_Weights,
    VGG16_Weights,
)

from shm.models.dim import DeepImageMatting, DeepImageMattingConfig
from shm.models.errors import ModelError, WeightsError
from shm.models.light import LightMatting, LightMattingConfig
from shm.models.mnet import MNet
from shm.models.mobilenetv2_unet import MobileNetV2UNet, MobileNetV2UNetConfig
from shm.models.prediction import MattingModel
from shm.models.pspnet import PSPNet, PSPNetConfig
from shm.models.semantic_human_matting import SemanticHumanMatting
from shm.models.tnet import TNet
from shm.models.vgg16_bn import VGG16Matting, VGG16MattingConfig
from shm.models.weights import SCRATCH, Backbone, load_encoder
from shm.models.weights_report import WeightsReport
from shm.models.width import NetConfig
from shm.pipeline.nearest import nearest

if TYPE_CHECKING:  # which knows the names below
    from shm.models.config import ModelConfig

Net_co = TypeVar("Net_co", bound=nn.Module, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Variant(Generic[Net_co]):
    """A net and its hyper-parameters.

    Parameters
    ----------
    net : callable
        Builds it from `config`.
    config : NetConfig
    backbone : Backbone, optional
        Where its encoder's weights may come from.
    """

    net: Callable[[Any], Net_co]
    config: NetConfig
    backbone: Backbone | None = None


def _pspnet(depth: int, imagenet: Any) -> Variant[TNet]:  # noqa: ANN401 - torchvision has no types
    return Variant(
        net=PSPNet,
        config=PSPNetConfig(depth=depth),
        backbone=Backbone(name=f"resnet{depth}", imagenet=imagenet),
    )


TNETS: dict[str, Variant[TNet]] = {
    "pspnet18": _pspnet(18, ResNet18_Weights.IMAGENET1K_V1),
    "pspnet34": _pspnet(34, ResNet34_Weights.IMAGENET1K_V1),
    "pspnet50": _pspnet(50, ResNet50_Weights.IMAGENET1K_V2),
    "pspnet101": _pspnet(101, ResNet101_Weights.IMAGENET1K_V2),
    "pspnet152": _pspnet(152, ResNet152_Weights.IMAGENET1K_V2),
    "mobilenetv2-unet": Variant(
        net=MobileNetV2UNet,
        config=MobileNetV2UNetConfig(width=0.5, channels=48),
        backbone=Backbone(name="mobilenet_v2 of width 0.5", prefix="features."),
    ),
    "mobilenetv2-unet-wide": Variant(
        net=MobileNetV2UNet,
        config=MobileNetV2UNetConfig(width=1.0, channels=96),
        backbone=Backbone(
            name="mobilenet_v2",
            prefix="features.",
            imagenet=MobileNet_V2_Weights.IMAGENET1K_V2,
        ),
    ),
}
"""T-Nets: photo (B, 3, H, W) to trimap logits (B, 3, H, W)."""

MNETS: dict[str, Variant[MNet]] = {
    "vgg16-bn": Variant(
        net=VGG16Matting,
        config=VGG16MattingConfig(),
        backbone=Backbone(
            name="vgg16_bn", prefix="features.", imagenet=VGG16_BN_Weights.IMAGENET1K_V1
        ),
    ),
    "light": Variant(net=LightMatting, config=LightMattingConfig(widths=(16, 32, 64, 96))),
}
"""M-Nets: photo and trimap probabilities (B, 6, H, W) to alpha (B, 1, H, W)."""

DIMS: dict[str, Variant[DeepImageMatting]] = {
    "dim": Variant(
        net=DeepImageMatting,
        config=DeepImageMattingConfig(),
        backbone=Backbone(name="vgg16", prefix="features.", imagenet=VGG16_Weights.IMAGENET1K_V1),
    ),
}
"""Models of their own: photo (B, 3, H, W) and trimap probabilities (B, 3, H, W) to a matte."""

_KINDS: dict[str, tuple[str, Mapping[str, Variant[nn.Module]]]] = {
    "tnet": ("T-Net", TNETS),
    "mnet": ("M-Net", MNETS),
    "dim": ("Deep Image Matting", DIMS),
}


def variants(config: "ModelConfig") -> dict[str, Variant[nn.Module]]:
    """Return what the nets of a model are made of, by ``"tnet"``, ``"mnet"`` and ``"dim"``.

    Raises
    ------
    ModelError
        There is no net of a name.
    """
    named = {kind: getattr(config, kind) for kind in _KINDS}
    return {kind: _variant(kind, name) for kind, name in named.items() if name is not None}


def build_model(config: "ModelConfig") -> MattingModel:
    """Build a model with random weights: nothing is loaded or fetched.

    Returns
    -------
    MattingModel
        In training; its nets draw their weights in the order T-Net, M-Net.
    """
    nets = {kind: each.net(_effective(config, each)) for kind, each in variants(config).items()}
    if "dim" in nets:
        return cast("DeepImageMatting", nets["dim"])
    return SemanticHumanMatting(
        cast("TNet | None", nets.get("tnet")),
        cast("MNet | None", nets.get("mnet")),
        fusion=config.fusion,
    )


def load_encoders(
    model: MattingModel, config: "ModelConfig", weights: Mapping[str, str | Path]
) -> dict[str, WeightsReport]:
    """Start the encoder of each net from pretrained weights, or leave it as it is.

    Parameters
    ----------
    model : MattingModel
        What `build_model` made of `config`.
    config : ModelConfig
    weights : mapping
        For each net there is (``"tnet"``, ``"mnet"``, ``"dim"``): ``"imagenet"``, ``"scratch"`` or
        a local file. Others aren't looked at.

    Returns
    -------
    dict
        What each net starts from.

    Raises
    ------
    WeightsError
        A net's weights aren't named, can't be downloaded or read, or are of another net.
    """
    reports = {}
    for kind, variant in variants(config).items():
        name, start = getattr(config, kind), weights.get(kind)
        if start is None:
            raise WeightsError(f"{name}: nothing says what {kind} starts from: try {SCRATCH!r}")
        if config.width != 1 and start != SCRATCH:
            raise WeightsError(
                f"{name} of width {config.width:g} has no pretrained encoder, so it can't start "
                f"from {str(start)!r}: start it from {SCRATCH!r}, or set width 1"
            )
        net = model if kind == "dim" else model.get_submodule(kind)
        reports[kind] = load_encoder(name, net, variant.backbone, start)
    return reports


def parameters(config: "ModelConfig") -> dict[str, Any]:
    """Return the effective hyper-parameters of each net, as JSON holds them.

    Returns
    -------
    dict
        By ``"tnet"``, ``"mnet"`` and ``"dim"``, as far as there are; tuples as lists.
    """
    nets = {kind: asdict(_effective(config, each)) for kind, each in variants(config).items()}
    found: dict[str, Any] = json.loads(json.dumps(nets))
    return found


def _effective(config: "ModelConfig", variant: Variant[nn.Module]) -> NetConfig:
    scaled = variant.config.scaled(config.width)
    if isinstance(scaled, DeepImageMattingConfig):
        return replace(scaled, skips=config.skips)
    return scaled


def _variant(kind: str, name: str) -> Variant[nn.Module]:
    called, nets = _KINDS[kind]
    if name not in nets:
        raise ModelError(f"there is no {called} called {name!r}: {nearest(name, nets)}")
    return nets[name]
