"""Predicting the alpha of a photo of any size."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shm.models import MattingModel
from shm.models.imagenet import normalise
from shm.models.padding import LEAST_SIDE
from shm.pipeline.errors import ShmError
from shm.pipeline.size import size_within
from shm.pipeline.values import (
    Alpha,
    Size,
    Trimap,
    classes_to_trimap,
)

MAX_SIDE = 1500
"""Longer side in pixels at which the paper predicts (arXiv 1809.01354, section 5)."""


Precision: TypeAlias = Literal["fp32", "bf16", "fp16"]

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


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


def choose_precision(name: Precision | Literal["auto"], device: torch.device) -> Precision:
    """Return the precision of that name; ``"auto"`` is half precision where the device gains by it.

    Raises
    ------
    DeviceError
        The device has no such precision.
    """
    cuda = device.type == "cuda"
    brain = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    if name == "auto":
        return ("bf16" if brain else "fp16") if cuda else "fp32"
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("fp16 is for GPUs: choose --precision fp32, or bf16")
    return name


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
    if max_side < LEAST_SIDE:
        raise ValueError(f"max_side is {max_side}: give at least {LEAST_SIDE} pixels")
    own = (int(rgb.shape[-2]), int(rgb.shape[-1]))
    size = size_within(own, max_side)  # both sides shrink alike, nothing is enlarged
    image = normalise(resized(rgb[None].to(device).float() / 255, size).clamp(0, 1))
    trimap = None if given is None else resized(given[None].to(device), size)
    found = model(padded(image), None if trimap is None else padded(trimap))
    height, width = size
    alpha, probabilities = found.alpha[..., :height, :width], found.trimap[..., :height, :width]
    return Estimate(
        alpha=resized(alpha.float(), own, mode="bicubic")[0, 0].clamp(0, 1),
        trimap=resized(probabilities.float(), own)[0],
    )


def to_matte(estimate: Estimate) -> Matte:
    """Return an estimate as bytes: rounded alpha, and the trimap of the most probable classes."""
    alpha = (estimate.alpha * 255).round().byte().cpu().numpy()
    return Matte(alpha=alpha, trimap=classes_to_trimap(estimate.trimap.argmax(0).cpu().numpy()))


def resized(pixels: Tensor, size: Size, mode: str = "bilinear") -> Tensor:
    """Scale (B, C, H, W) without aliasing; what has that size already stays as it is."""
    if pixels.shape[-2:] == size:
        return pixels
    return F.interpolate(pixels, size, mode=mode, antialias=True, align_corners=False)


def padded(pixels: Tensor) -> Tensor:
    """Repeat the last row and column until both sides are as long as the nets need."""
    height, width = pixels.shape[-2:]
    more = (0, max(0, LEAST_SIDE - width), 0, max(0, LEAST_SIDE - height))
    return F.pad(pixels, more, mode="replicate") if any(more) else pixels
