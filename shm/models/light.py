"""A light M-Net: a small encoder and decoder with skips, for processors without an accelerator."""

from dataclasses import dataclass, replace
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from shm.models.mnet import INPUT_CHANNELS, MNet
from shm.models.width import NetConfig, all_scaled


@dataclass(frozen=True, kw_only=True)
class LightMattingConfig(NetConfig):
    """Widths of the light M-Net.

    Parameters
    ----------
    widths : ints
        Channels at the full size, a half, a quarter and so on.
    """

    widths: tuple[int, ...]

    def scaled(self, width: float) -> "LightMattingConfig":
        """Return the same with every count of channels times `width`."""
        return replace(self, widths=all_scaled(self.widths, width))


def _conv_bn_relu(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class LightMatting(MNet):
    """Features at every size on the way down, added on the way up; alpha at the full size.

    Parameters
    ----------
    config : LightMattingConfig
    """

    def __init__(self, config: LightMattingConfig) -> None:
        super().__init__()
        widths = config.widths
        self.stride = 2 ** (len(widths) - 1)
        self.stem = _conv_bn_relu(INPUT_CHANNELS, widths[0])
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(
            nn.Sequential(_conv_bn_relu(fine, coarse, stride=2), _conv_bn_relu(coarse, coarse))
            for fine, coarse in pairs
        )
        # Narrowed before it is enlarged, which is a quarter of the work.
        self.narrow = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(_conv_bn_relu(fine, fine) for fine, _ in pairs)
        self.head = nn.Conv2d(widths[0], 1, 3, padding=1)

    def logits(self, image_and_trimap: Tensor) -> Tensor:
        """Return alpha before its sigmoid; see `MNet`."""
        levels = [self.stem(image_and_trimap)]
        for down in self.down:
            levels.append(down(levels[-1]))
        features = levels.pop()
        for narrow, up in zip(reversed(self.narrow), reversed(self.up), strict=True):
            skip = levels.pop()
            size = skip.shape[-2:]
            coarse = F.interpolate(narrow(features), size, mode="bilinear", align_corners=False)
            features = up(coarse + skip)
        logits: Tensor = self.head(features)
        return logits
