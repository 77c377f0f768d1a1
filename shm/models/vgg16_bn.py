"""The paper's M-Net: VGG-16 with batch normalisation, and a decoder that unpools."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor, nn

from shm.models.mnet import INPUT_CHANNELS, MNet
from shm.models.width import NetConfig, all_scaled

VGG16_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of VGG-16's 13 convolutions (arXiv 1409.1556, table 1, D), by block."""


@dataclass(frozen=True, kw_only=True)
class VGG16MattingConfig(NetConfig):
    """Widths of the paper's M-Net.

    Parameters
    ----------
    blocks : lists of ints
        Channels of each convolution (3 x 3) of the encoder; a pooling lies between two blocks.
    decoder : ints
        Channels of each convolution of the decoder, without the last, which gives the alpha. An
        unpooling lies between two, so each is as wide as the pooling that it undoes.
    kernel : int
        Of the decoder's convolutions, in pixels.
    """

    blocks: tuple[tuple[int, ...], ...] = VGG16_BLOCKS
    decoder: tuple[int, ...] = (512, 256, 128, 64, 64)
    kernel: int = 5

    def scaled(self, width: float) -> "VGG16MattingConfig":
        """Return the same with every count of channels times `width`."""
        return replace(
            self,
            blocks=tuple(all_scaled(block, width) for block in self.blocks),
            decoder=all_scaled(self.decoder, width),
        )


def _encoder(blocks: tuple[tuple[int, ...], ...]) -> Iterator[nn.Module]:
    inputs = INPUT_CHANNELS
    for index, block in enumerate(blocks):
        if index:
            yield nn.MaxPool2d(2, return_indices=True)
        for outputs in block:
            # The bias does nothing before a normalisation; it is there for ImageNet's weights.
            yield nn.Conv2d(inputs, outputs, 3, padding=1)
            yield nn.BatchNorm2d(outputs)
            yield nn.ReLU(inplace=True)
            inputs = outputs


def _decoder(inputs: int, widths: tuple[int, ...], kernel: int) -> Iterator[nn.Module]:
    for index, outputs in enumerate(widths):
        if index:
            yield nn.MaxUnpool2d(2)
        yield nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        yield nn.BatchNorm2d(outputs)
        yield nn.ReLU(inplace=True)
        inputs = outputs
    yield nn.Conv2d(inputs, 1, kernel, padding=kernel // 2)


class VGG16Matting(MNet):
    """M-Net of arXiv 1809.01354, section 3.2: 13 convolutions down and 6 up, without conv6.

    The encoder's layers stand in the order of torchvision's ``vgg16_bn().features``. Each of the
    four unpoolings puts values back where its pooling found the largest ones. The decoder's kernels
    and its initial weights are those of Deep Image Matting (arXiv 1703.03872), which the paper
    builds on.

    Parameters
    ----------
    config : VGG16MattingConfig
    """

    stride = 16

    def __init__(self, config: VGG16MattingConfig) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*_encoder(config.blocks))
        deepest = config.blocks[-1][-1]
        self.decoder = nn.Sequential(*_decoder(deepest, config.decoder, config.kernel))
        for layer in self.encoder:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        for layer in self.decoder:
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)

    def logits(self, image_and_trimap: Tensor) -> Tensor:
        """Return alpha before its sigmoid; see `MNet`."""
        features = image_and_trimap
        where: list[Tensor] = []
        for layer in self.encoder:
            if isinstance(layer, nn.MaxPool2d):
                features, indices = layer(features)
                where.append(indices)
            else:
                features = layer(features)
        for layer in self.decoder:
            if isinstance(layer, nn.MaxUnpool2d):
                features = layer(features, where.pop())
            else:
                features = layer(features)
        return features
