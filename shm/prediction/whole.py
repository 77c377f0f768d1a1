"""A photo at the size that the nets were made for."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from shm.inference import padded, resized
from shm.pipeline.size import size_within
from shm.pipeline.values import (
    RgbImage,
    Size,
    Trimap,
    TrimapClass,
    classes_to_trimap,
    trimap_to_classes,
)
from shm.prediction.network import Network

FloatImage = NDArray[np.float32]


class Matting(NamedTuple):
    """What nets make of a picture, at one size.

    ``alpha`` and ``raw_alpha`` float32 (H, W) in [0, 1]; ``trimap`` uint8 (H, W), 0, 128, 255: the
    most probable class.
    """

    alpha: FloatImage
    raw_alpha: FloatImage
    trimap: Trimap


def working_size(size: Size, max_side: int, *, enlarge: bool) -> Size:
    """Return the size at which a picture is predicted: its longer side at most `max_side`.

    With `enlarge` it is `max_side`, for small pictures, too. The aspect is kept.
    """
    if enlarge and max(size) < max_side:
        scale = max_side / max(size)
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return size_within(size, max_side)


def predict_at(
    network: Network, images: list[RgbImage], size: Size, trimaps: list[Trimap] | None = None
) -> list[Matting]:
    """Predict pictures of one size as one batch, at a working size; see `working_size`.

    Parameters
    ----------
    network : Network
    images : uint8 (H, W, 3)
        RGB, all of one size.
    size : (height, width)
        Results have it.
    trimaps : uint8 (H, W), optional
        0, 128, 255, one for each.

    Returns
    -------
    list of Matting
    """
    rgb = padded(torch.cat([resized(to_tensor(image), size) for image in images]))
    given = None
    if trimaps is not None:
        given = padded(torch.cat([resized(one_hot(each), size) for each in trimaps]))
    output = network.predict(rgb, given)
    height, width = size
    alphas, raws, probabilities = (each[..., :height, :width] for each in output)
    return [
        Matting(
            alpha=alpha[0].clamp(0, 1).numpy(),
            raw_alpha=raw[0].clamp(0, 1).numpy(),
            trimap=most_probable(each),
        )
        for alpha, raw, each in zip(alphas, raws, probabilities, strict=True)
    ]


def most_probable(probabilities: Tensor) -> Trimap:
    """Return the trimap (H, W) of probabilities (3, H, W)."""
    return classes_to_trimap(probabilities.argmax(0).numpy())


def to_tensor(image: RgbImage) -> Tensor:
    """Return a picture as float (1, 3, H, W) in [0, 1]."""
    return torch.tensor(np.ascontiguousarray(image)).movedim(-1, 0)[None].float() / 255


def one_hot(trimap: Trimap) -> Tensor:
    """Return a trimap as probabilities, float (1, 3, H, W)."""
    labels = torch.from_numpy(trimap_to_classes(trimap)).long()
    return F.one_hot(labels, len(TrimapClass)).movedim(-1, 0)[None].float()
