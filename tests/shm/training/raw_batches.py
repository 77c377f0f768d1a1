"""Batches as a loader's worker packs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm.pipeline.enlarge import Taps, enlarge, taps
from shm.training.batch import Batch
from shm.training.raw import RawBatch, RawCrop, RawWindow

Planes = Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Uncut:
    """A part of a photo, uint8 (h, w, 3), and what of it each row and column is made of."""

    source: NDArray[np.uint8]
    rows: Taps
    columns: Taps


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A crop before it is packed: uint8 planes (side, side[, 3]), and what `RawCrop` says of it."""

    planes: Planes
    flip: bool = False
    band: tuple[int, int] | None = None
    jitter: Sequence[float] | None = None
    uncut: Uncut | None = None


def colours(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the true foreground and background of a batch that has them."""
    assert batch.foreground is not None
    assert batch.background is not None
    return batch.foreground, batch.background


class Packer:
    """Appends arrays to the bytes of a batch, after a byte that puts them all at odd places."""

    def __init__(self) -> None:
        self.pieces: list[NDArray[np.uint8]] = [np.zeros(1, np.uint8)]
        self.length = 1

    def put(self, array: NDArray[np.generic], align: int = 1) -> int:
        """Append an array; return the byte at which it begins."""
        gap = -self.length % align
        begin = self.length + gap
        piece = np.ascontiguousarray(array).view(np.uint8).ravel()
        self.pieces += [np.zeros(gap, np.uint8), piece]
        self.length = begin + len(piece)
        return begin


def packed(samples: Sequence[Sample], ids: Sequence[str] | None = None) -> RawBatch:
    packer = Packer()
    crops: list[RawCrop] = []
    for sample in samples:
        window: RawWindow | None = None
        if sample.uncut is not None:
            lines = (sample.uncut.rows, sample.uncut.columns)
            taps = np.array([[each.first, each.second, each.weight] for each in lines], np.int32)
            height, width = sample.uncut.source.shape[:2]
            window = {
                "offset": packer.put(sample.uncut.source),
                "height": height,
                "width": width,
                "taps": packer.put(taps, align=4),
            }
        crops.append(
            {
                "side": len(next(iter(sample.planes.values()))),
                "flip": sample.flip,
                "band": sample.band,
                "jitter": sample.jitter,
                "planes": {name: packer.put(each) for name, each in sample.planes.items()},
                "enlarge": window,
            }
        )
    names = [f"s{index}" for index in range(len(samples))] if ids is None else list(ids)
    return {"id": names, "pixels": torch.from_numpy(np.concatenate(packer.pieces)), "crops": crops}


def planes(side: int, seed: int = 0, names: str = "image foreground background alpha") -> Planes:
    """Draw planes; alpha is a disc with a soft rim, the trimap a square with a rim."""
    random = np.random.default_rng([side, seed])
    rows, columns = np.mgrid[:side, :side]
    radius, softness = random.uniform(0.2, 0.4), random.uniform(0.5, 4)
    distance = np.hypot(rows - side * random.uniform(0.4, 0.6), columns - side / 2)
    trimap = np.zeros((side, side), np.uint8)
    trimap[side // 6 : side // 2] = 128
    trimap[side // 4 : side // 3, side // 3 :] = 255
    soft = ((radius * side - distance) / softness + 0.5).clip(0, 1)
    known = {"alpha": np.rint(soft * 255).astype(np.uint8), "trimap": trimap}
    return {
        name: known[name] if name in known else random.integers(0, 256, (side, side, 3), np.uint8)
        for name in names.split()
    }


def far_background(side: int, seed: int = 0) -> tuple[NDArray[np.uint8], Uncut]:
    """Draw a small photo; return the crop that it is enlarged to, and what of it is sent."""
    random = np.random.default_rng([side, seed, 1])
    before = [int(length) for length in random.integers(side // 3 + 2, side + 20, 2)]
    photo = random.integers(0, 256, (*before, 3), np.uint8)
    after = max(side + 5, 2 * before[0]), max(side, before[1] + 3)
    starts = [int(random.integers(length - side + 1)) for length in after]
    window = slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)
    rows, columns = (taps(*each) for each in zip(before, after, window, strict=True))
    high, wide = rows.source(), columns.source()
    enlarged = enlarge(photo, after, window)
    if random.integers(2):
        columns, enlarged = columns.mirrored(), enlarged[:, ::-1]
    uncut = Uncut(
        source=photo[high, wide], rows=rows.after(high.start), columns=columns.after(wide.start)
    )
    return enlarged.copy(), uncut
