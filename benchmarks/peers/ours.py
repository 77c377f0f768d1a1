"""Our stores of composites, as `shm train` streams them.

The loader hands over crops in one run of bytes, of which the device makes what it needs. Here the
main process makes tensors of it, so that crops are as ready as the peers'.
"""

from collections.abc import Generator
from pathlib import Path

from torch import Tensor

from benchmarks.peers.contender import Batch, Loading
from benchmarks.peers.samples import PARTS, Samples, folder_bytes
from shm.datasets.composites.store import open_composites
from shm.datasets.streaming.crop import CropConfig
from shm.datasets.streaming.loader import StreamConfig, training_batches
from shm.datasets.streaming.packing import PackedBatch
from shm.datasets.streaming.reader import ReaderConfig
from shm.datasets.streaming.sources import Source


class StoreOfComposites:
    """A store as `shm-data composite` made it, of one of the kinds of `make_samples`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def write(self, samples: Samples, folder: Path) -> float:
        """Use the store where it is; its people and backgrounds count."""
        store = samples.stores[self.kind]
        folder.symlink_to(store, target_is_directory=True)
        return folder_bytes(store) / open_composites(store).slots

    def batches(self, folder: Path, loading: Loading) -> Generator[Batch, None, None]:
        """Yield batches."""
        crop = CropConfig(sides=(loading.side,), size=loading.side)
        reader = ReaderConfig(crop=crop, seed=0, names=tuple(PARTS))
        config = StreamConfig(reader=reader, batch=loading.batch, workers=loading.workers)
        for packed in training_batches([Source(path=folder.resolve())], config):
            yield {part: ready(packed, part) for part in PARTS}


def ready(packed: PackedBatch, part: str) -> Tensor:
    """Return one part of a batch, (B, C, side, side), channels last as the nets take it."""
    crops, channels = packed["crops"], 1 if part == "alpha" else 3
    side, begin = crops[0]["side"], crops[0]["planes"][part]
    # Of crops of one size, a part lies in a row.
    end = begin + len(crops) * side * side * channels
    return packed["pixels"][begin:end].view(-1, side, side, channels).permute(0, 3, 1, 2)
