"""Predicting the alpha of a photo of any size."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shm.models import MattingModel
from shm.models.imagenet import normalise
from shm.pipeline.errors import ShmError
from shm.pipeline.size import size_within
from shm.pipeline.values import (
    Alpha,
    RgbImage,
    Size,
    Trimap,
    TrimapClass,
    classes_to_trimap,
    trimap_to_classes,
)

MAX_SIDE = 1500
"""Longer side in pixels at which the paper predicts (arXiv 1809.01354, section 5)."""

_LEAST_SIDE = 32  # what the nets' deepest layers need


class DeviceError(ShmError, RuntimeError):
    """The device that was asked for isn't there."""


class Matte(NamedTuple):
    """What a model makes of a photo, at the photo's own size."""

    alpha: Alpha
    trimap: Trimap


class Estimate(NamedTuple):
    """The same as tensors: alpha float (H, W) and trimap probabilities (3, H, W), in [0, 1]."""

    alpha: Tensor
    trimap: Tensor


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``"auto"`` is the best that is there.

    Raises
    ------
    DeviceError
        The device is unknown or not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, usable in there.items() if usable))
    usable = ", ".join(kind for kind in there if there[kind])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"there is no device called {name!r}: choose auto or {usable}") from error
    many = torch.cuda.device_count() if device.type == "cuda" else 1
    if not there.get(device.type, False) or (device.index or 0) >= many:
        raise DeviceError(f"the device {name!r} is not there: choose auto or {usable}")
    return device


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation, without gradients, and back into what it was."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def predict_alpha(
    model: MattingModel,
    image: RgbImage,
    *,
    device: torch.device,
    trimap: Trimap | None = None,
    max_side: int = MAX_SIDE,
) -> Matte:
    """Predict the alpha of one photo.

    A photo whose longer side exceeds `max_side` is predicted at that size and its alpha brought
    back to the photo's, as in the paper; smaller photos are predicted as they are.

    Parameters
    ----------
    model : MattingModel
        On `device`.
    image : uint8 (H, W, 3)
        RGB.
    device : torch.device
    trimap : uint8 (H, W), optional
        0 background, 128 unknown, 255 foreground: takes T-Net's place; an M-Net alone and Deep
        Image Matting need it.
    max_side : int
        In pixels, at least 32.

    Returns
    -------
    alpha : uint8 (H, W)
        0 transparent .. 255 opaque.
    trimap : uint8 (H, W)
        0 background, 128 unknown, 255 foreground: T-Net's most probable class, or as given.

    Raises
    ------
    ValueError
        `image` is not uint8 (H, W, 3), or `max_side` is too small.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image is uint8 (H, W, 3), this one {image.dtype} {image.shape}")

    rgb = torch.from_numpy(np.ascontiguousarray(image)).movedim(-1, 0)
    given = None
    if trimap is not None:
        if trimap.shape != image.shape[:2]:
            raise ValueError(f"the trimap is {trimap.shape}, its image {image.shape[:2]}")
        labels = torch.from_numpy(trimap_to_classes(trimap)).long()
        given = F.one_hot(labels, len(TrimapClass)).movedim(-1, 0).float()
    with evaluating(model):
        estimate = estimate_matte(model, rgb, device=device, given=given, max_side=max_side)
    return to_matte(estimate)


def estimate_matte(
    model: MattingModel,
    rgb: Tensor,
    *,
    device: torch.device,
    given: Tensor | None = None,
    max_side: int = MAX_SIDE,
) -> Estimate:
    """Run nets over a whole image at its working size and bring the result back to its own.

    Parameters
    ----------
    model : MattingModel
        In evaluation.
    rgb : uint8 (3, H, W)
    device : torch.device
    given : float (3, H, W), optional
        Trimap probabilities, for models that need a trimap or to take T-Net's place.
    max_side : int

    Returns
    -------
    Estimate
        On the device.
    """
    if max_side < _LEAST_SIDE:
        raise ValueError(f"max_side is {max_side}: give at least {_LEAST_SIDE} pixels")
    own = (int(rgb.shape[-2]), int(rgb.shape[-1]))
    size = size_within(own, max_side)  # both sides shrink alike, nothing is enlarged
    image = normalise(_resized(rgb[None].to(device).float() / 255, size).clamp(0, 1))
    trimap = None if given is None else _resized(given[None].to(device), size)
    found = model(_padded(image), None if trimap is None else _padded(trimap))
    height, width = size
    alpha, probabilities = found.alpha[..., :height, :width], found.trimap[..., :height, :width]
    return Estimate(
        alpha=_resized(alpha.float(), own, mode="bicubic")[0, 0].clamp(0, 1),
        trimap=_resized(probabilities.float(), own)[0],
    )


def to_matte(estimate: Estimate) -> Matte:
    """Return an estimate as bytes: rounded alpha, and the trimap of the most probable classes."""
    alpha = (estimate.alpha * 255).round().byte().cpu().numpy()
    return Matte(alpha=alpha, trimap=classes_to_trimap(estimate.trimap.argmax(0).cpu().numpy()))


def _resized(pixels: Tensor, size: Size, mode: str = "bilinear") -> Tensor:
    if pixels.shape[-2:] == size:
        return pixels
    return F.interpolate(pixels, size, mode=mode, antialias=True, align_corners=False)


def _padded(pixels: Tensor) -> Tensor:
    """Repeat the last row and column until both sides are as long as the nets need."""
    height, width = pixels.shape[-2:]
    more = (0, max(0, _LEAST_SIDE - width), 0, max(0, _LEAST_SIDE - height))
    return F.pad(pixels, more, mode="replicate") if any(more) else pixels
