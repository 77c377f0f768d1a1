"""WebDataset: tar files that each worker reads from end to end, through a buffer that shuffles.

As its documentation has it: shards are shuffled, a buffer of 1,000 samples that are not decoded yet
shuffles further, and batches are made in the workers. To mix the batches once more in the main
process (``unbatched().shuffle(1000).batched(10)``) is recommended, too, and left out to the peer's
good: tried, it took 2.3 times the processor's time and 1.2 GB, for a thousand crops in waiting.
"""

from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import webdataset as wds
from torch.utils.data import default_collate

from benchmarks.peers.contender import Batch, Loading
from benchmarks.peers.crops import Crops, channels_first, crop_of_pictures, crop_with_opencv
from benchmarks.peers.samples import PARTS, Samples, folder_bytes

SHARD_BYTES = 64_000_000
LEAST_SHARDS = 8
"""A shard is read by one worker: a small set needs small ones."""


class WebDatasetShards:
    """Tar files; read by Pillow, its own decoder, or by OpenCV."""

    def __init__(self, decoder: str) -> None:
        self.decoder = decoder

    def write(self, samples: Samples, folder: Path) -> float:
        """Write shards of 64 MB."""
        folder.mkdir()
        every = folder_bytes(samples.files)
        size = min(SHARD_BYTES, every // LEAST_SHARDS)
        count = 0
        with wds.ShardWriter(str(folder / "%06d.tar"), maxsize=size, verbose=0) as shards:
            for name, files in samples:
                named = {PARTS[part]: file for part, file in files.items()}
                shards.write({"__key__": name, **named})
                count += 1
        return folder_bytes(folder) / count

    def batches(self, folder: Path, loading: Loading) -> Generator[Batch, None, None]:
        """Yield batches."""
        urls = sorted(map(str, folder.glob("*.tar")))
        dataset = wds.WebDataset(urls, shardshuffle=len(urls)).repeat().shuffle(1000)
        if self.decoder == "pil":
            dataset = dataset.decode(
                wds.imagehandler("pill", ["png"]), wds.imagehandler("pilrgb", ["jpg"])
            )
        crop = partial(crop_sample, CROPS[self.decoder], loading.side)
        dataset = dataset.map(crop).batched(
            loading.batch, collation_fn=default_collate, partial=False
        )
        loader = wds.WebLoader(dataset, batch_size=None, num_workers=loading.workers)
        yield from map(channels_first, loader)


CROPS: dict[str, Callable[[Any, int], Crops]] = {
    "pil": crop_of_pictures,
    "opencv": crop_with_opencv,
}


def crop_sample(crop: Callable[[Any, int], Crops], side: int, sample: Mapping[str, Any]) -> Crops:
    """Cut one crop out of a sample as WebDataset names its parts."""
    return crop({part: sample[name] for part, name in PARTS.items()}, side)
