"""Every net by name, with all its hyper-parameters."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from torch import nn
from torchvision.models import MobileNet_V2_Weights, ResNet50_Weights, VGG16_BN_Weights

from shm.models.errors import ModelError
from shm.models.light import LightMatting, LightMattingConfig
from shm.models.mnet import MNet
from shm.models.mobilenetv2_unet import MobileNetV2UNet, MobileNetV2UNetConfig
from shm.models.pspnet import PSPNet50, PSPNetConfig
from shm.models.tnet import TNet
from shm.models.vgg16_bn import VGG16Matting, VGG16MattingConfig
from shm.models.weights import Backbone, WeightsReport, load_encoder

Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Variant(Generic[Net]):
    """A net and its hyper-parameters.

    Parameters
    ----------
    net : callable
        Builds it from `config`.
    config : dataclass
    backbone : Backbone, optional
        Where its encoder's weights may come from.
    """

    net: Callable[[Any], Net]
    config: Any
    backbone: Backbone | None = None


TNETS: dict[str, Variant[TNet]] = {
    "pspnet50": Variant(
        net=PSPNet50,
        config=PSPNetConfig(),
        backbone=Backbone(name="resnet50", imagenet=ResNet50_Weights.IMAGENET1K_V2),
    ),
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


def build_tnet(name: str, *, weights: str | Path) -> tuple[TNet, WeightsReport]:
    """Build a T-Net; say what its encoder starts from.

    Parameters
    ----------
    name : str
        A key of `TNETS`.
    weights : str or Path
        ``"imagenet"``, ``"scratch"`` or a local file of the encoder's weights.

    Raises
    ------
    ModelError
        There is no T-Net of that name.
    WeightsError
        The weights can't be downloaded or read, or are of another net.
    """
    return _build("T-Net", TNETS, name, weights)


def build_mnet(name: str, *, weights: str | Path) -> tuple[MNet, WeightsReport]:
    """Build an M-Net; say what its encoder starts from.

    Parameters and errors are those of `build_tnet`, with `MNETS`.
    """
    return _build("M-Net", MNETS, name, weights)


def parameters(kind: Literal["T-Net", "M-Net"], name: str) -> dict[str, Any]:
    """Return the hyper-parameters of the net of that kind and name.

    Raises
    ------
    ModelError
        There is none of that name.
    """
    variant = _variant(kind, TNETS, name) if kind == "T-Net" else _variant(kind, MNETS, name)
    return asdict(variant.config)


def _variant(kind: str, nets: Mapping[str, Variant[Net]], name: str) -> Variant[Net]:
    if name not in nets:
        near = difflib.get_close_matches(name, nets, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(nets)}"
        raise ModelError(f"there is no {kind} called {name!r}: {hint}")
    return nets[name]


def _build(
    kind: str, nets: Mapping[str, Variant[Net]], name: str, weights: str | Path
) -> tuple[Net, WeightsReport]:
    variant = _variant(kind, nets, name)
    net = variant.net(variant.config)
    return net, load_encoder(name, getattr(net, "encoder", net), variant.backbone, weights)
