"""A light T-Net: MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) and a small decoder."""

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

from shm.models.tnet import TNet
from shm.models.width import NetConfig, scaled_channels
from shm.pipeline.values import TrimapClass

_TAPS = (1, 3, 6, 13, 17)
"""Last block of MobileNetV2 at each resolution, from half the size to a thirty-second."""


@dataclass(frozen=True, kw_only=True)
class MobileNetV2UNetConfig(NetConfig):
    """Widths of the light T-Net.

    Parameters
    ----------
    width : float
        Of the encoder, relative to the published one.
    channels : int
        Of every layer of the decoder.
    """

    width: float
    channels: int

    def scaled(self, width: float) -> "MobileNetV2UNetConfig":
        """Return the same with both times `width`; torchvision rounds the encoder's to eights."""
        return replace(
            self, width=self.width * width, channels=scaled_channels(self.channels, width)
        )


class MobileNetV2UNet(TNet):
    """MobileNetV2's features, added up from coarse to fine; logits at half the size.

    Parameters
    ----------
    config : MobileNetV2UNetConfig
    """

    stride: ClassVar[int] = 32
    encoder: nn.Sequential

    def __init__(self, config: MobileNetV2UNetConfig) -> None:
        super().__init__()
        features = mobilenet_v2(weights=None, width_mult=config.width).features
        # The last layer widens to 1280 channels for the classifier: a decoder has no use for it.
        self.encoder = features[: _TAPS[-1] + 1]
        widths = [_output_channels(self.encoder[tap]) for tap in _TAPS]
        self.laterals = nn.ModuleList(nn.Conv2d(each, config.channels, 1) for each in widths)
        self.smooth = nn.ModuleList(_separable(config.channels) for _ in _TAPS)
        self.head = nn.Conv2d(config.channels, len(TrimapClass), 1)

    def coarse_logits(
        self,
        image: Tensor,
        *,
        auxiliary: bool,  # noqa: ARG002 - this net has no auxiliary head
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits at half the size; see `TNet`."""
        taps = []
        features = image
        for index, block in enumerate(self.encoder):
            features = block(features)
            if index in _TAPS:
                taps.append(features)
        decoded: Tensor | None = None
        for tap, lateral, smooth in zip(
            reversed(taps), reversed(self.laterals), reversed(self.smooth), strict=True
        ):
            here = lateral(tap)
            if decoded is not None:
                size = here.shape[-2:]
                here = here + F.interpolate(decoded, size, mode="bilinear", align_corners=False)
            decoded = smooth(here)
        return self.head(decoded), None


def _output_channels(block: nn.Module) -> int:
    return [each.num_features for each in block.modules() if isinstance(each, nn.BatchNorm2d)][-1]


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
