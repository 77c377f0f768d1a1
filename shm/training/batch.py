"""A batch on the device: bytes from the store become what the nets and the losses read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor
from torch.nn import functional as F

from shm.models.imagenet import normalise
from shm.pipeline.errors import ShmError
from shm.pipeline.values import TRIMAP_VALUES, TrimapClass

LAYOUT = torch.channels_last
"""How nets and batches lie in memory: convolutions of few channels take half the time on a CPU."""


class BatchError(ShmError, ValueError):
    """A batch holds what no store of ours should give."""


class RawBatch(TypedDict):
    """A batch of crops as the loader yields it: uint8, image = F alpha + B (1 - alpha)."""

    image: Tensor
    alpha: Tensor
    trimap: Tensor
    foreground: Tensor
    background: Tensor
    id: Sequence[str]


class RawSamples(TypedDict):
    """Whole samples, for validation: uint8, each at the top left of a padded canvas.

    ``size`` holds the valid (height, width) of each.
    """

    image: Tensor
    alpha: Tensor
    trimap: Tensor
    id: Sequence[str]
    size: Sequence[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Crops on the device, float32 in [0, 1] unless said otherwise.

    Parameters
    ----------
    image : (B, 3, H, W)
        ImageNet-normalised RGB.
    alpha : (B, 1, H, W)
    classes : int64 (B, H, W)
        `TrimapClass` of each pixel of the true trimap.
    trimap : (B, 3, H, W)
        The same, one-hot.
    foreground, background : (B, 3, H, W)
        True colours, RGB.
    ids : strings
    """

    image: Tensor
    alpha: Tensor
    classes: Tensor
    trimap: Tensor
    foreground: Tensor
    background: Tensor
    ids: tuple[str, ...]


def classes_of(trimap: Tensor, ids: Sequence[str] = ()) -> Tensor:
    """Return the class index of each pixel of a trimap.

    Parameters
    ----------
    trimap : uint8 (B, 1, H, W)
        0, 128 and 255 only.
    ids : strings
        To name the sample where there is another value.

    Returns
    -------
    int64 (B, H, W)

    Raises
    ------
    BatchError
        Another value is present: a trimap was resized smoothly, or the sample is damaged.
    """
    table = torch.full((256,), -1, dtype=torch.int64, device=trimap.device)
    table[torch.from_numpy(TRIMAP_VALUES).long()] = torch.arange(len(TrimapClass)).to(table.device)
    classes = table[trimap[:, 0].long()]
    wrong = (classes < 0).flatten(1).any(1)
    if wrong.any():
        index = int(wrong.nonzero()[0, 0])
        value = int(trimap[index, 0][classes[index] < 0][0])
        name = ids[index] if ids else f"number {index} of the batch"
        raise BatchError(
            f"the trimap of {name} holds {value}: it may hold 0, 128 and 255 only; "
            "check the store with `shm-data verify`"
        )
    return classes


def one_hot(classes: Tensor) -> Tensor:
    """Return class indices (B, H, W) as probabilities that are 0 or 1, float32 (B, 3, H, W)."""
    return F.one_hot(classes, len(TrimapClass)).movedim(-1, 1).float()


def to_device(raw: RawBatch, device: torch.device) -> Batch:
    """Move a batch of crops to the device and make it what the nets read.

    Parameters
    ----------
    raw : RawBatch
        uint8; image, foreground and background (B, 3, H, W), alpha and trimap (B, 1, H, W).

    Raises
    ------
    BatchError
        A trimap holds other values than 0, 128 and 255.
    """
    # The trimap is checked where it lies, so that no accelerator is waited for.
    classes = classes_of(raw["trimap"], raw["id"]).to(device, non_blocking=True)
    image, alpha, foreground, background = (
        pixels.to(device, non_blocking=True).float().contiguous(memory_format=LAYOUT) / 255
        for pixels in (raw["image"], raw["alpha"], raw["foreground"], raw["background"])
    )
    return Batch(
        image=normalise(image),
        alpha=alpha,
        classes=classes,
        trimap=one_hot(classes),
        foreground=foreground,
        background=background,
        ids=tuple(raw["id"]),
    )
