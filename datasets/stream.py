"""The store as PyTorch sees it: random crops, in an order that any number of workers keeps."""

import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from shm.datasets.damage import StoreError
from shm.datasets.opening import Samples, open_samples
from shm.datasets.store import Arrays
from shm.pipeline.errors import ShmError
from shm.pipeline.seed import generator
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN

JUDGED = ("image", "alpha", "trimap")
"""The arrays that a matte is judged by."""

Draw = tuple[int, int]
"""(epoch, index of the sample in its split)."""


@dataclass(frozen=True, kw_only=True)
class CropConfig:
    """Which part of a sample is trained on.

    A square whose side is drawn from `sides` (pixels; none: any from `size` to the shorter side;
    never more than the shorter side),
    centred on an unknown pixel or placed anywhere, resized to `size`, mirrored half of the time.
    The trimap is redrawn from alpha with a random band of
    `band` pixels at the crop's final size, or kept where that is None.
    """

    sides: tuple[int, ...] = (320, 480, 640)
    size: int = 320
    centred_on_unknown: bool = True
    flip: bool = True
    band: tuple[int, int] | None = (2, 16)


class CropDataset(Dataset[dict[str, Any]]):
    """Crops of the samples of one split; item (epoch, index) is always the same crop.

    Items are dicts of uint8 tensors: ``image``, ``foreground`` and, in composites, ``background``
    (3, s, s); ``alpha``, ``trimap`` (1, s, s); and ``id``.
    """

    def __init__(self, path: Path, split: str, crop: CropConfig, seed: object) -> None:
        self.path, self.split, self.crop, self.seed = path, split, crop, seed
        # Eight bytes a sample: there may be millions, and each worker has them all.
        self._slots = slots_of(open_samples(path), split)
        self._store: Samples | None = None  # each worker opens its own

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        epoch, index = draw
        if self._store is None:
            self._store = open_samples(self.path)
        slot = int(self._slots[index])
        record = self._store.record(slot)
        random = generator(self.seed, "crop", epoch, record["id"])
        arrays = self._store.read(slot, record)
        return {"id": record["id"], **crop_sample(arrays, self.crop, random)}


class DrawSampler(Sampler[list[Draw]]):
    """Batches of draws without end: every sample once an epoch, in an order of the seed's.

    Batch n is a pure function of (samples, batch size, seed), so that training goes on at any step
    as if it had never stopped.
    """

    def __init__(self, samples: int, batch: int, seed: object, start: int = 0) -> None:
        self.samples, self.batch, self.seed, self.start = samples, batch, seed, start
        self.stopped = False

    def __iter__(self) -> Iterator[list[Draw]]:
        place = self.start * self.batch
        order: NDArray[np.int64] = np.empty(0, np.int64)
        epoch = -1
        while not self.stopped:
            draws: list[Draw] = []
            for at in range(place, place + self.batch):
                if at // self.samples != epoch:
                    epoch = at // self.samples
                    order = generator(self.seed, "order", epoch).permutation(self.samples)
                draws.append((epoch, int(order[at % self.samples])))
            place += self.batch
            yield draws


class BatchDataset(Dataset[dict[str, Any] | Exception]):
    """Batches of crops; what goes wrong with one is returned, to be raised where it is told.

    An exception raised in a loader's worker arrives with the worker's traceback as its message.
    """

    def __init__(self, crops: CropDataset) -> None:
        self.crops = crops

    def __getitem__(self, draws: list[Draw]) -> dict[str, Any] | Exception:
        try:
            batch: dict[str, Any] = default_collate([self.crops[draw] for draw in draws])
        except (ShmError, OSError) as error:
            return error
        return batch


def training_batches(
    path: Path,
    *,
    crop: CropConfig,
    batch: int,
    seed: object,
    start: int = 0,
    workers: int = 0,
    split: str = "train",
) -> Iterator[dict[str, Any]]:
    """Yield batches of crops without end, from batch `start` on.

    Parameters
    ----------
    workers : int
        Processes that read and crop; the batches are the same with any number.

    Raises
    ------
    StoreError
        The split is empty.
    DamageError
        A shard is missing or damaged; the message names it and its samples.
    """
    crops = CropDataset(path, split, crop, seed)
    sampler = DrawSampler(len(crops), batch, seed, start)
    loader: DataLoader[dict[str, Any] | Exception] = DataLoader(
        BatchDataset(crops),
        batch_size=None,
        sampler=sampler,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,  # forked codecs deadlock
        worker_init_fn=leave_interrupts_to_the_trainer,
    )
    batches: Iterator[dict[str, Any] | Exception] = iter(loader)
    try:
        for found in batches:
            if isinstance(found, Exception):
                raise found
            yield found
    except KeyboardInterrupt:
        batches = iter(())  # interrupted inside the loader, it would be waited for in vain
        raise
    finally:
        # Workers that still have something to send when they are ended may abort.
        sampler.stopped = True
        with suppress(RuntimeError):  # … as those that Ctrl-C ended have
            for _ in batches:
                pass


def leave_interrupts_to_the_trainer(_worker: int) -> None:
    """Make a loader's process ignore Ctrl-C, and end without a word where the trainer ended.

    Batches are handed over through a socket served by a thread; a trainer that Ctrl-C ended
    while it took one leaves that thread with a broken connection.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report = sys.excepthook

    def report_unless_left(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, (ConnectionError, EOFError)):
            report(kind, error, trace)

    sys.excepthook = report_unless_left


def whole_samples(path: Path, split: str, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield what a matte is judged by, of a split's samples, whole and one at a time.

    Tensors as in `CropDataset`, in batches of one: ``image``, ``alpha``, ``trimap``. With a
    `limit`, samples are taken evenly from the whole split.
    """
    store = open_samples(path)
    slots = slots_of(store, split)
    if limit is not None and limit < len(slots):
        slots = slots[np.linspace(0, len(slots) - 1, limit).round().astype(int)]
    for slot in slots.tolist():
        record = store.record(slot)
        arrays = store.read(slot, record, JUDGED)
        yield {
            "id": [record["id"]],
            "size": [tuple(record["size"])],
            **{name: to_tensor(array)[None] for name, array in arrays.items()},
        }


def slots_of(store: Samples, split: str) -> NDArray[np.int64]:
    """Return the slots of a split's samples; raises `StoreError` where there are none."""
    slots = store.slots_in(split)
    if not len(slots):
        raise StoreError(f"{store.path}: the split {split!r} has no samples")
    return slots


def crop_sample(arrays: Arrays, crop: CropConfig, random: np.random.Generator) -> dict[str, Tensor]:
    """Cut, resize and flip one sample as `crop` says."""
    height, width = arrays["alpha"].shape
    side = choose_side(crop, min(height, width), random)
    top, left = choose_corner(arrays["trimap"], side, crop.centred_on_unknown, random)
    flip = crop.flip and bool(random.integers(2))
    tensors = {}
    for name, array in arrays.items():
        cut = array[top : top + side, left : left + side]
        tensor = to_tensor(cut[:, ::-1] if flip else cut)
        tensors[name] = resize(tensor, crop.size, labels=name == "trimap")
    if crop.band is not None:
        tensors["trimap"] = random_trimap(tensors["alpha"], crop.band, random)
    return tensors


def choose_side(crop: CropConfig, shorter: int, random: np.random.Generator) -> int:
    """Return the side in pixels of the square to cut from a sample of this shorter side."""
    if crop.sides:
        return min(int(random.choice(crop.sides)), shorter)
    return int(random.integers(min(crop.size, shorter), shorter + 1))


def choose_corner(
    trimap: NDArray[np.uint8], side: int, centred: bool, random: np.random.Generator
) -> tuple[int, int]:
    """Return (top, left) of a square inside the sample, around an unknown pixel or anywhere."""
    height, width = trimap.shape
    unknown = np.flatnonzero(trimap == UNKNOWN) if centred else np.empty(0, np.int64)
    if unknown.size == 0:
        return int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
    row, column = divmod(int(random.choice(unknown)), width)
    top = min(max(row - side // 2, 0), height - side)
    return top, min(max(column - side // 2, 0), width - side)


def random_trimap(alpha: Tensor, band: tuple[int, int], random: np.random.Generator) -> Tensor:
    """Draw a trimap around alpha: its soft pixels, and a random reach inwards and outwards.

    Parameters
    ----------
    alpha : uint8 tensor, (1, H, W)
    band : (least, most) reach in pixels, each side drawn by itself
    """
    inwards, outwards = (int(reach) for reach in random.integers(band[0], band[1] + 1, 2))
    opaque = 1 - dilate((alpha < 255).float(), inwards)
    touched = dilate((alpha > 0).float(), outwards)
    trimap = torch.full_like(alpha, UNKNOWN)
    trimap[touched == 0] = BACKGROUND
    trimap[opaque == 1] = FOREGROUND
    return trimap


def dilate(region: Tensor, reach: int) -> Tensor:
    """Grow a 0/1 region, (1, H, W), by `reach` pixels to every side (a square kernel)."""
    return F.max_pool2d(region[None], 2 * reach + 1, stride=1, padding=reach)[0]


def resize(picture: Tensor, size: int, *, labels: bool = False) -> Tensor:
    """Resize a uint8 (C, H, W) tensor to a square; labels take their nearest neighbour's value."""
    if picture.shape[-2:] == (size, size):
        return picture
    floats = picture[None].float()
    if labels:
        resized = F.interpolate(floats, (size, size), mode="nearest-exact")
    else:
        resized = F.interpolate(floats, (size, size), mode="bilinear", antialias=True)
    return resized[0].round().clamp(0, 255).to(torch.uint8)


def to_tensor(array: NDArray[np.uint8]) -> Tensor:
    """Return (C, H, W) of an (H, W) or (H, W, C) array."""
    planes = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return torch.from_numpy(np.ascontiguousarray(planes))
