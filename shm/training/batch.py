"""A batch on the device: bytes from the store become what the nets and the losses read."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from shm.models.imagenet import normalise
from shm.training import transfer
from shm.training.colour import jittered
from shm.training.enlargement import enlarged
from shm.training.raw import BatchError, RawBatch, RawCrop, RawSamples, check_crop
from shm.training.squares import COLOURS, Place, Square, nearest, squares
from shm.training.trimaps import Band, classes, classes_of, one_hot, random_trimaps

__all__ = [
    "LAYOUT",
    "Batch",
    "BatchError",
    "RawBatch",
    "RawSamples",
    "classes_of",
    "one_hot",
    "to_device",
]

LAYOUT = torch.channels_last
"""How images lie in memory by default: convolutions of few channels take half the time on a CPU."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Crops on the device, float32 in [0, 1] unless said otherwise.

    Parameters
    ----------
    image : (B, 3, H, W)
        ImageNet-normalised RGB.
    classes : int64 (B, H, W)
        `TrimapClass` of each pixel of the true trimap.
    trimap : (B, 3, H, W)
        The same, one-hot.
    ids : strings
    alpha : (B, 1, H, W) or None
    foreground, background : (B, 3, H, W) or None
        True colours, RGB. T-Net trains without them and without alpha, and alpha losses without
        colours.
    """

    image: Tensor
    classes: Tensor
    trimap: Tensor
    ids: tuple[str, ...]
    alpha: Tensor | None = None
    foreground: Tensor | None = None
    background: Tensor | None = None

    @property
    def true_alpha(self) -> Tensor:
        """The true alpha; raises `BatchError` where the batch was made without it."""
        if self.alpha is None:
            raise BatchError(
                f"this batch ({', '.join(self.ids[:3])} …) has no alpha, which a loss on mattes "
                "needs: train on a store with alphas"
            )
        return self.alpha

    def record_stream(self, stream: torch.Stream) -> None:
        """Keep the memory until what `stream` has been given to do so far is done."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Tensor):
                value.record_stream(stream)


def to_device(
    raw: RawBatch,
    device: torch.device,
    size: int,
    *,
    mattes: bool = True,
    layout: torch.memory_format = LAYOUT,
) -> Batch:
    """Move a batch of crops to the device and make it what the nets read.

    All but the move happens on the device: backgrounds are enlarged, images composited, squares
    mirrored and brought to one size, colours jittered, trimaps drawn.

    Parameters
    ----------
    raw : RawBatch
        In memory that the device can fetch from by itself (pinned), where it is a GPU.
    device : torch.device
    size : int
        Side in pixels of what the nets are given.
    mattes : bool
        Whether alpha and true colours are needed, where there are any; without them their planes
        serve for image and trimap only.
    layout : torch.memory_format
        Of the images.

    Raises
    ------
    BatchError
        A trimap holds other values than 0, 128 and 255, or a crop lacks a plane.
    """
    crops, ids = raw["crops"], tuple(raw["id"])
    bands = [crop["band"] for crop in crops]
    # Trimaps are checked where they lie, so that no accelerator is waited for.
    for name, crop in zip(ids, crops, strict=True):
        check_crop(name, crop, raw["pixels"], with_alpha=any(bands))
    pixels, squared = _on_device(raw["pixels"], crops, device, mattes=mattes)
    names = [name for name in COLOURS[: 3 if mattes else 1] if _in_all(name, squared)]
    alphas = ["alpha"] if any(bands) or (mattes and _in_all("alpha", squared)) else []
    planes = squares(pixels, squared, size, names + alphas)
    labels = classes(_trimaps(pixels, squared, bands, planes.get("alpha"), size))
    scaled = {name: plane.div_(255) for name, plane in planes.items()}
    colours = jittered([scaled[name] for name in names], [crop["jitter"] for crop in crops])
    rgb = dict(zip(names, colours, strict=True))
    return Batch(
        image=normalise(rgb["image"]).contiguous(memory_format=layout),
        classes=labels,
        trimap=one_hot(labels),
        ids=ids,
        alpha=scaled.get("alpha") if mattes else None,
        foreground=rgb.get("foreground"),
        background=rgb.get("background"),
    )


def _on_device(
    raw: Tensor, crops: Sequence[RawCrop], device: torch.device, *, mattes: bool
) -> tuple[Tensor, list[Square]]:
    """Return the bytes on the device, enlarged backgrounds after them, and where all lies."""
    pixels = transfer.to(raw, device)
    places = [
        {name: Place(offset, crop["side"]) for name, offset in crop["planes"].items()}
        for crop in crops
    ]
    far = [
        (mine, crop["enlarge"], crop["side"])
        for mine, crop in zip(places, crops, strict=True)
        if crop["enlarge"] is not None and (mattes or "image" not in mine)
    ]
    if far:
        _, windows, sides = zip(*far, strict=True)
        backgrounds = enlarged(pixels, raw, windows, sides)
        end = len(pixels)
        for (mine, _, _), background in zip(far, backgrounds, strict=True):
            mine["background"] = Place(end, background.shape[1])
            end += background.numel()
        pixels = torch.cat([pixels, *(each.flatten() for each in backgrounds)])
    if len(pixels) >= 2**31:
        raise BatchError(f"a batch of {len(pixels) / 1e9:.1f} GB of pixels: 2 GB at most fit")
    squared = zip(crops, places, strict=True)
    return pixels, [Square(crop["side"], crop["flip"], mine) for crop, mine in squared]


def _in_all(name: str, crops: Sequence[Square]) -> bool:
    return name == "image" or all(name in crop.planes for crop in crops)


def _trimaps(
    pixels: Tensor,
    crops: Sequence[Square],
    bands: Sequence[Band | None],
    alpha: Tensor | None,
    size: int,
) -> Tensor:
    """Return the trimaps uint8 (B, size, size): drawn around alpha by the band, or the given."""
    without = [crop for crop, band in zip(crops, bands, strict=True) if band is None]
    if alpha is None or len(without) == len(crops):
        return nearest(pixels, crops, size)
    drawn = random_trimaps(alpha[:, 0], [band or (0, 0) for band in bands])
    if not without:
        return drawn
    given = iter(nearest(pixels, without, size))
    return torch.stack(
        [mine if band else next(given) for band, mine in zip(bands, drawn, strict=True)]
    )
