"""The paper's T-Net: PSPNet on a ResNet (Zhao et al. 2017, arXiv 1612.01105)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152

from shm.models.errors import ModelError
from shm.models.tnet import TNet
from shm.models.width import NetConfig
from shm.pipeline.values import TrimapClass

_PLAIN = {18: resnet18, 34: resnet34}
_BOTTLENECK = {50: resnet50, 101: resnet101, 152: resnet152}


@dataclass(frozen=True, kw_only=True)
class PSPNetConfig(NetConfig):
    """PSPNet's ResNet and the widths of its heads.

    Parameters
    ----------
    depth : int
        Of the ResNet: 18, 34, 50, 101 or 152.
    bins : ints
        The pyramid's grids: the image is averaged over bin x bin cells.
    channels : int
        Of each level of the pyramid, and of the layer that reads them all.
    auxiliary_channels : int
        Of the head on the third stage that helps in training.
    dropout : float
    """

    depth: int
    bins: tuple[int, ...] = (1, 2, 3, 6)
    channels: int = 512
    auxiliary_channels: int = 256
    dropout: float = 0.1

    def scaled(self, width: float) -> "PSPNetConfig":
        """Return the same where `width` is 1.

        Raises
        ------
        ModelError
            The width is another.
        """
        if width != 1:
            raise ModelError(
                f"pspnet{self.depth} has the width of its ResNet, not {width:g} times that: set "
                "width 1, take a ResNet of another depth, or mobilenetv2-unet"
            )
        return self


def _conv_bn_relu(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _head(inputs: int, channels: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        *_conv_bn_relu(inputs, channels, 3),
        nn.Dropout2d(dropout),
        nn.Conv2d(channels, len(TrimapClass), 1),
    )


class RegionMeans(nn.Module):
    """The means of a grid of bins x bins regions.

    Those of `torch.nn.AdaptiveAvgPool2d`, as two products of matrices, which are exported for any
    size, and whose gradient is the same each time on a GPU.

    Parameters
    ----------
    bins : int
    """

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, C, bins, bins) of (B, C, h, w)."""
        down, across = (self._means(length, features) for length in features.shape[-2:])
        return down @ features @ across.T

    def _means(self, length: int, features: Tensor) -> Tensor:
        """Return the matrix (bins, length) that takes the mean of each region of a side."""
        place = torch.arange(length, device=features.device)
        regions = torch.arange(self.bins, device=features.device)[:, None]
        first, end = regions * length // self.bins, -(-(regions + 1) * length // self.bins)
        inside = (place >= first) & (place < end)
        return inside.to(features.dtype) / (end - first).to(features.dtype)


class PyramidPooling(nn.Module):
    """Beside each feature, the averages of the regions it lies in, from the whole image down.

    Parameters
    ----------
    inputs, channels : int
        Of the features, and of each level.
    bins : ints
    """

    def __init__(self, inputs: int, channels: int, bins: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(RegionMeans(each), *_conv_bn_relu(inputs, channels, 1)) for each in bins
        )

    @property
    def normalises_alone(self) -> bool:
        """Whether features are normalised by the batch itself, and nothing beside it."""
        return any(isinstance(each, nn.BatchNorm2d) and each.training for each in self.modules())

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, inputs + levels x channels, h, w) of (B, inputs, h, w)."""
        size = features.shape[-2:]
        pooled = [
            F.interpolate(level(features), size, mode="bilinear", align_corners=False)
            for level in self.levels
        ]
        return torch.cat([features, *pooled], 1)


def _dilated_resnet(depth: int) -> ResNet:
    """Build a ResNet whose last two stages keep an eighth of the size."""
    if depth in _BOTTLENECK:
        return _BOTTLENECK[depth](weights=None, replace_stride_with_dilation=[False, True, True])
    resnet = _PLAIN[depth](weights=None)  # torchvision refuses to dilate these
    _dilate(resnet.layer3, before=1)
    _dilate(resnet.layer4, before=2)
    return resnet


def _dilate(stage: nn.Module, *, before: int) -> None:
    """Take the stride out of a stage, so that its kernels reach just the pixels they did with it.

    The stride's own kernel reads the grid before it, `before` apart; the others the one after it.
    """
    for layer in stage.modules():
        if isinstance(layer, nn.Conv2d):
            apart = before if layer.stride == (2, 2) else 2 * before
            layer.stride = (1, 1)
            if layer.kernel_size == (3, 3):
                layer.dilation = layer.padding = (apart, apart)


class PSPNet(TNet):
    """PSPNet with a dilated ResNet: features at an eighth of the size, pooled at four scales.

    In training a batch holds at least two images: the coarsest level of the pyramid has one value a
    channel and image, and batch normalisation can't normalise a single value.

    Parameters
    ----------
    config : PSPNetConfig
    """

    stride: ClassVar[int] = 8
    encoder: ResNet

    def __init__(self, config: PSPNetConfig) -> None:
        super().__init__()
        self.name = f"pspnet{config.depth}"
        self.encoder = _dilated_resnet(config.depth)
        features = self.encoder.fc.in_features
        middle = features // 2
        self.encoder.fc = nn.Identity()  # the classifier of photos isn't used
        self.pyramid = PyramidPooling(features, config.channels, config.bins)
        wide = features + config.channels * len(config.bins)
        self.head = _head(wide, config.channels, config.dropout)
        self.auxiliary_head = _head(middle, config.auxiliary_channels, config.dropout)

    def coarse_logits(self, image: Tensor, *, auxiliary: bool) -> tuple[Tensor, Tensor | None]:
        """Return logits at an eighth of the size; see `TNet`."""
        # In evaluation the batch is not looked at: an export would take it for a condition.
        if self.pyramid.normalises_alone and image.shape[0] < 2:
            raise ModelError(
                f"{self.name} can't train on a batch of 1: its coarsest pyramid level leaves a "
                "single value to normalise; give batches of 2 or more (a larger batch, fewer parts "
                "or processes), or freeze batch normalisation"
            )
        resnet = self.encoder
        features = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(image))))
        middle = resnet.layer3(resnet.layer2(resnet.layer1(features)))
        logits = self.head(self.pyramid(resnet.layer4(middle)))
        return logits, self.auxiliary_head(middle) if auxiliary else None
