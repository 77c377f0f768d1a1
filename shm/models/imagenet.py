"""How pretrained encoders expect their pictures."""

import torch
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's red, green and blue in [0, 1]: what pretrained encoders were fed."""

DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of the same."""


def normalise(rgb: Tensor) -> Tensor:
    """Return RGB in [0, 1], (..., 3, H, W), with ImageNet's mean and deviation taken out."""
    mean, deviation = _constants(rgb)
    return (rgb - mean) / deviation


def denormalise(image: Tensor) -> Tensor:
    """Return RGB in [0, 1], (..., 3, H, W), of what `normalise` made of it."""
    mean, deviation = _constants(image)
    return image * deviation + mean


def _constants(like: Tensor) -> tuple[Tensor, Tensor]:
    mean, deviation = (
        torch.tensor(three, dtype=like.dtype, device=like.device).view(3, 1, 1)
        for three in (MEAN, DEVIATION)
    )
    return mean, deviation
