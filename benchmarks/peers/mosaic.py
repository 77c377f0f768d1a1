"""MosaicML Streaming: MDS shards, their samples shuffled over an epoch, and decoded by Pillow."""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streaming
from PIL import Image
from streaming.base.util import clean_stale_shared_memory
from torch.utils.data import DataLoader, default_collate

from benchmarks.peers.contender import EPOCHS, Batch, Loading
from benchmarks.peers.crops import Crops, channels_first, crop_of_pictures, crop_with_opencv
from benchmarks.peers.samples import PARTS, Samples, folder_bytes


class MosaicShards:
    """MDS files of its default size, 64 MiB; read by Pillow, its own decoder, or by OpenCV."""

    def __init__(self, decoder: str) -> None:
        self.decoder = decoder

    def write(self, samples: Samples, folder: Path) -> float:
        """Write shards, of the very files: a JPEG that Pillow opens by its path stays as it is."""
        own = self.decoder == "pil"
        encodings = {"alpha": "png"} | dict.fromkeys(PARTS.keys() - {"alpha"}, "jpeg")
        columns = encodings if own else dict.fromkeys(PARTS, "bytes")
        with streaming.MDSWriter(out=str(folder), columns=columns) as shards:
            for name, files in samples:
                paths = {part: samples.path(name, part) for part in PARTS}
                shards.write({part: Image.open(paths[part]) for part in PARTS} if own else files)
        return folder_bytes(folder) / len(samples.names())

    def batches(self, folder: Path, loading: Loading) -> Generator[Batch, None, None]:
        """Yield batches."""
        clean_stale_shared_memory()  # what a run that was stopped has left would stop this one
        stream = streaming.Stream(local=str(folder), repeat=EPOCHS)
        dataset = streaming.StreamingDataset(
            streams=[stream], shuffle=True, batch_size=loading.batch
        )
        loader: DataLoader[Crops] = DataLoader(
            dataset,
            batch_size=loading.batch,
            num_workers=loading.workers,
            collate_fn=partial(crop_and_collate, CROPS[self.decoder], loading.side),
        )
        try:
            yield from map(channels_first, loader)
        finally:
            clean_stale_shared_memory()


CROPS: dict[str, Callable[[Any, int], Crops]] = {
    "pil": crop_of_pictures,
    "opencv": crop_with_opencv,
}


def crop_and_collate(
    crop: Callable[[Any, int], Crops], side: int, samples: Sequence[dict[str, Any]]
) -> Batch:
    """Cut a crop out of each sample, and make them a batch; in the worker."""
    batch: Batch = default_collate([crop(sample, side) for sample in samples])
    return batch
