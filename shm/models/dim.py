"""Deep Image Matting (Xu et al. 2017, arXiv 1703.03872): photo and trimap in, alpha out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from shm.models.padding import pad_to_multiple
from shm.models.prediction import (
    MattingModel,
    Prediction,
    alpha_from_trimap,
    fuse,
    given_trimap,
)
from shm.models.refinement import Refinement
from shm.models.vgg16_bn import VGG16_BLOCKS
from shm.models.width import NetConfig, all_scaled, scaled_channels


@dataclass(frozen=True, kw_only=True)
class DeepImageMattingConfig(NetConfig):
    """Widths of Deep Image Matting.

    Parameters
    ----------
    blocks : lists of ints
        Channels of each convolution (3 x 3) of the encoder; a pooling follows each block.
    conv6 : int
        Channels of the deepest convolution (3 x 3).
    decoder : ints
        Channels of each convolution of the decoder that an unpooling precedes.
    kernel : int
        Of these, and of the one that gives the alpha, in pixels.
    refinement : int
        Channels of the refinement stage.
    skips : bool
        Whether the encoder's features before a pooling are added where it is undone. The paper has
        no such skips.
    """

    blocks: tuple[tuple[int, ...], ...] = VGG16_BLOCKS
    conv6: int = 512
    decoder: tuple[int, ...] = (512, 256, 128, 64, 64)
    kernel: int = 5
    refinement: int = 64
    skips: bool = False

    def scaled(self, width: float) -> "DeepImageMattingConfig":
        """Return the same with every count of channels times `width`."""
        return replace(
            self,
            blocks=tuple(all_scaled(block, width) for block in self.blocks),
            conv6=scaled_channels(self.conv6, width),
            decoder=all_scaled(self.decoder, width),
            refinement=scaled_channels(self.refinement, width),
        )


def _encoder(blocks: tuple[tuple[int, ...], ...]) -> Iterator[nn.Module]:
    inputs = 4  # RGB and the trimap
    for block in blocks:
        for outputs in block:
            yield nn.Conv2d(inputs, outputs, 3, padding=1)
            yield nn.ReLU(inplace=True)
            inputs = outputs
        yield nn.MaxPool2d(2, return_indices=True)


def _decoder(config: DeepImageMattingConfig) -> Iterator[nn.Module]:
    inputs = config.blocks[-1][-1]  # as wide as the pooling that is undone first
    yield nn.Conv2d(config.conv6, inputs, 1)
    yield nn.ReLU(inplace=True)
    for outputs in config.decoder:
        yield nn.MaxUnpool2d(2)
        yield nn.Conv2d(inputs, outputs, config.kernel, padding=config.kernel // 2)
        yield nn.ReLU(inplace=True)
        inputs = outputs
    yield nn.Conv2d(inputs, 1, config.kernel, padding=config.kernel // 2)


def _convolutions(*parts: Iterable[nn.Module]) -> Iterator[nn.Conv2d]:
    return (layer for part in parts for layer in part if isinstance(layer, nn.Conv2d))


class DeepImageMatting(MattingModel):
    """An encoder and decoder whose unpoolings follow its poolings, and a refinement stage.

    The encoder's layers stand in the order of torchvision's ``vgg16().features``. The matte keeps
    the trimap's known regions.

    Parameters
    ----------
    config : DeepImageMattingConfig
    """

    needs_trimap = True
    stride = 32

    def __init__(self, config: DeepImageMattingConfig) -> None:
        super().__init__()
        self.skips = config.skips
        self.encoder = nn.Sequential(*_encoder(config.blocks))
        self.conv6 = nn.Sequential(
            nn.Conv2d(config.blocks[-1][-1], config.conv6, 3, padding=1), nn.ReLU(inplace=True)
        )
        self.decoder = nn.Sequential(*_decoder(config))
        self.refinement = Refinement(config.refinement)
        for layer in _convolutions(self.encoder):
            # Of the inputs: without batch normalisation the features would fade on the way down.
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        for layer in _convolutions(self.conv6, self.decoder):
            nn.init.xavier_uniform_(layer.weight)
        for layer in _convolutions(self.encoder, self.conv6, self.decoder):
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor, trimap_probabilities: Tensor | None = None) -> Prediction:
        """Predict the matte in both stages; see `MattingModel`."""
        trimap = given_trimap(image, trimap_probabilities)
        logits = self.raw_logits(image, trimap)
        refined = torch.sigmoid(self.refined_logits(image, logits).float())
        return Prediction(
            trimap_logits=None,
            trimap=trimap,
            raw_alpha=torch.sigmoid(logits.float()),
            alpha=fuse(trimap, refined),
        )

    def raw_logits(self, image: Tensor, trimap_probabilities: Tensor) -> Tensor:
        """Predict the alpha with the first stage, the encoder and decoder.

        Parameters
        ----------
        image : float (B, 3, H, W)
            ImageNet-normalised RGB; H and W at least 32.
        trimap_probabilities : float (B, 3, H, W)
            In the order of `TrimapClass`.

        Returns
        -------
        float (B, 1, H, W)
            The raw alpha before its sigmoid.

        Raises
        ------
        ModelError
            A shape is another, or too small.
        """
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.stride, channels=3)
        trimap = alpha_from_trimap(given_trimap(image, trimap_probabilities))
        padded_trimap = pad_to_multiple(trimap, self.stride, channels=1)
        logits = self._logits(torch.cat([padded, padded_trimap], 1))
        return logits[..., :height, :width]

    def _logits(self, features: Tensor) -> Tensor:
        before: list[Tensor] = []
        where: list[Tensor] = []
        for layer in self.encoder:
            if isinstance(layer, nn.MaxPool2d):
                if self.skips:
                    before.append(features)
                features, indices = layer(features)
                where.append(indices)
            else:
                features = layer(features)
        features = self.conv6(features)
        for layer in self.decoder:
            if isinstance(layer, nn.MaxUnpool2d):
                features = layer(features, where.pop())
                if self.skips:
                    features = features + before.pop()
            else:
                features = layer(features)
        return features

    def refined_logits(self, image: Tensor, logits: Tensor) -> Tensor:
        """Refine the alpha with the second stage.

        Parameters
        ----------
        image : float (B, 3, H, W)
        logits : float (B, 1, H, W)
            What `raw_logits` gave for it.

        Returns
        -------
        float (B, 1, H, W)
            The refined alpha before its sigmoid.
        """
        refined: Tensor = self.refinement(image, logits)
        return refined
