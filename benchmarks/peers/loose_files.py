"""Four files a sample, read with OpenCV: what the published matting scripts do."""

from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, RandomSampler

from benchmarks.peers.contender import EPOCHS, Batch, Loading
from benchmarks.peers.crops import Crops, channels_first, crop_read_by_opencv
from benchmarks.peers.samples import Samples, file_of, folder_bytes


class LooseFiles:
    """A folder of files, a `Dataset` over it, PyTorch's `DataLoader`."""

    def write(self, samples: Samples, folder: Path) -> float:
        """Use the files where they are."""
        folder.symlink_to(samples.files, target_is_directory=True)
        return folder_bytes(samples.files) / len(samples.names())

    def batches(self, folder: Path, loading: Loading) -> Generator[Batch, None, None]:
        """Yield batches."""
        crops = FileCrops(folder, loading.side)
        loader: DataLoader[Crops] = DataLoader(
            crops,
            batch_size=loading.batch,
            sampler=RandomSampler(crops, num_samples=EPOCHS * len(crops)),
            num_workers=loading.workers,
        )
        yield from map(channels_first, loader)


class FileCrops(Dataset[Crops]):
    """One crop of each sample."""

    def __init__(self, folder: Path, side: int) -> None:
        self.folder, self.side = folder, side
        self.names = Samples(files=folder, stores={}).names()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Crops:
        return crop_read_by_opencv(lambda part: self.read(self.names[index], part), self.side)

    def read(self, name: str, part: str) -> NDArray[np.uint8]:
        """Read alpha (H, W), or another part (H, W, 3) as blue, green, red."""
        flag = cv2.IMREAD_GRAYSCALE if part == "alpha" else cv2.IMREAD_COLOR
        return np.asarray(cv2.imread(str(file_of(self.folder, name, part)), flag), np.uint8)
