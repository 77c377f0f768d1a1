"""What the loader hands over: the bytes of a batch, and where in them each crop's planes lie."""

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor

from shm.pipeline.errors import ShmError
from shm.pipeline.values import TRIMAP_VALUES


class BatchError(ShmError, ValueError):
    """A batch holds what no store of ours should give, or lacks what a loss needs."""


class RawWindow(TypedDict):
    """A part of a photo that is enlarged to a crop's background on the device.

    Parameters
    ----------
    offset, height, width : int
        The part is uint8 (height, width, 3), in C order, from that byte on.
    taps : int
        Byte, a multiple of 4, at which int32 (2, 3, side) begins: for the crop's rows, then for
        its columns, the first source pixel, the second, and the second's weight in 1/2048
        (`shm.pipeline.enlarge`), all counted from the part's corner.
    """

    offset: int
    height: int
    width: int
    taps: int


class RawCrop(TypedDict):
    """One square of a batch: where its bytes are, and what is to be done with them.

    Parameters
    ----------
    side : int
        Pixels of the square that was cut.
    flip : bool
        Mirror it.
    band : (inwards, outwards) or None
        Reaches in pixels of the trimap that is made from alpha, at the size of the batch; None:
        the plane ``trimap`` is the one to use.
    jitter : 12 floats or None
        Rows of the 3 × 4 transform of RGB in [0, 1] (`shm.pipeline.jitter`).
    planes : dict
        The byte at which each plane begins: uint8 in C order, (side, side, 3) of ``image``,
        ``foreground`` and ``background``, (side, side) of ``alpha`` and ``trimap``. Without an
        image there are the three that it is composited from.
    enlarge : RawWindow or None
        Stands for the plane ``background``.
    """

    side: int
    flip: bool
    band: tuple[int, int] | None
    jitter: Sequence[float] | None
    planes: dict[str, int]
    enlarge: RawWindow | None


class RawBatch(TypedDict):
    """A batch of crops as the loader yields it, uint8 and in one piece.

    ``pixels``, uint8 (N,), holds the bytes of all; ``id`` and ``crops`` have one item a sample.
    """

    id: Sequence[str]
    pixels: Tensor
    crops: Sequence[RawCrop]


class RawSamples(TypedDict):
    """Whole samples, for validation: uint8, each at the top left of a padded canvas.

    ``size`` holds the valid (height, width) of each.
    """

    image: Tensor
    alpha: Tensor
    trimap: Tensor
    id: Sequence[str]
    size: Sequence[tuple[int, int]]


def check_crop(name: str, crop: RawCrop, pixels: Tensor, *, with_alpha: bool) -> None:
    """Raise `BatchError` where a crop lacks a plane that it needs, or its trimap is none."""
    there = {*crop["planes"], *(["background"] if crop["enlarge"] else [])}
    needed = {"alpha"} if with_alpha else set()
    if crop["band"] is None:
        needed.add("trimap")
    if "image" not in there:
        needed |= {"foreground", "background", "alpha"}
    if lacking := sorted(needed - there):
        raise BatchError(
            f"the crop of {name} has no {' and no '.join(lacking)}, only "
            f"{', '.join(sorted(there))}: read more of its sample's arrays"
        )
    if crop["band"] is None:
        offset = crop["planes"]["trimap"]
        check_trimap(pixels[offset : offset + crop["side"] ** 2], name)


def check_trimap(trimap: Tensor, name: str) -> None:
    """Raise `BatchError` where a trimap, uint8, holds another value than 0, 128 and 255."""
    counts = torch.bincount(trimap.flatten(), minlength=256)
    counts[torch.from_numpy(TRIMAP_VALUES).long()] = 0
    if counts.any():
        raise BatchError(
            f"the trimap of {name} holds {int(counts.nonzero()[0, 0])}: it may hold 0, 128 and "
            "255 only; check the store with `shm-data verify`"
        )
