"""LitData: chunks of 64 MB, whose pictures are decoded by torchvision, its own decoder."""

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import litdata
import torchvision.io  # noqa: F401 - else imported at the first picture, by each worker

from benchmarks.peers.contender import Batch, Loading
from benchmarks.peers.crops import Crops, channels_first, crop_of_tensors, crop_with_opencv
from benchmarks.peers.samples import PARTS, Samples, folder_bytes


class LitDataChunks:
    """Chunks of files; read by torchvision, as it recommends, or as bytes for OpenCV."""

    def __init__(self, decoder: str) -> None:
        self.decoder = decoder

    def write(self, samples: Samples, folder: Path) -> float:
        """Write chunks, of the very files."""
        names = samples.names()
        litdata.optimize(
            partial(files_of, samples, self.decoder),
            names,
            output_dir=str(folder),
            chunk_bytes="64MB",
            num_workers=1,
            verbose=False,
        )
        return folder_bytes(folder) / len(names)

    def batches(self, folder: Path, loading: Loading) -> Generator[Batch, None, None]:
        """Yield batches."""
        crop = partial(crop_sample, CROPS[self.decoder], loading.side)
        dataset = litdata.StreamingDataset(
            str(folder), shuffle=True, drop_last=True, transform=crop
        )
        loader = litdata.StreamingDataLoader(
            dataset,
            batch_size=loading.batch,
            num_workers=loading.workers,
            persistent_workers=True,
        )
        while True:
            yield from loader if self.decoder == "own" else map(channels_first, loader)


CROPS: dict[str, Callable[[Any, int], Crops]] = {
    "own": crop_of_tensors,
    "opencv": crop_with_opencv,
}


def files_of(samples: Samples, decoder: str, name: str) -> dict[str, Any]:
    """Return a sample's files, as pictures or as bytes."""
    paths = {part: samples.path(name, part) for part in PARTS}
    if decoder == "own":
        return {part: litdata.Image(path=str(path)) for part, path in paths.items()}
    return {part: path.read_bytes() for part, path in paths.items()}


def crop_sample(crop: Callable[[Any, int], Crops], side: int, sample: dict[str, Any]) -> Crops:
    """Cut one crop out of a sample."""
    return crop(sample, side)
