"""Networks that answer in ways that a test can foretell."""

import numpy as np
import torch
from torch import Tensor

from shm.pipeline.values import RgbImage
from shm.prediction import Output


class Echo:
    """Answers with the red channel; its T-Net finds all unknown, or the green channel's class."""

    needs_trimap = False
    takes_trimap = True

    def __init__(self, *, trusts_trimap: bool = False, by_green: bool = False) -> None:
        self.trusts_trimap = trusts_trimap
        self.by_green = by_green
        self.seen: list[tuple[int, ...]] = []
        self.memory = 10**9
        """Pixels of a batch above which it runs out of memory."""

    def predict(self, images: Tensor, trimaps: Tensor | None = None) -> Output:
        self.seen.append(tuple(images.shape))
        if images.shape[0] * images.shape[2] * images.shape[3] > self.memory:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: ...")
        red = images[:, :1]
        trimap = self.predict_trimaps(images) if trimaps is None else trimaps
        alpha = trimap[:, 2:] + trimap[:, 1:2] * red if self.trusts_trimap else red
        return Output(alpha=alpha, raw_alpha=red, trimap=trimap)

    def predict_trimaps(self, images: Tensor) -> Tensor:
        self.seen.append((0, *images.shape[1:]))
        found = torch.zeros_like(images)
        if not self.by_green:
            found[:, 1] = 1
            return found
        classes = (images[:, 1] * 2).round().long()
        return torch.nn.functional.one_hot(classes, 3).movedim(-1, 1).float()


def photo(height: int, width: int) -> RgbImage:
    """Return noise."""
    random = np.random.default_rng(height * width)
    return random.integers(0, 256, (height, width, 3), np.uint8)


def ramp(height: int, width: int) -> RgbImage:
    """Return a picture whose every channel rises from left to right: it survives resizing."""
    row = np.linspace(0, 255, width).round().astype(np.uint8)
    return np.repeat(np.tile(row, (height, 1))[..., None], 3, axis=2)
