"""Crops of decoded pictures, as those who train on files cut them; and decoders that give them."""

import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks.peers.samples import PARTS

cv2.setNumThreads(0)  # a worker is one of many: as PyTorch's loaders do with its own threads

Crops = dict[str, Tensor]
"""Each part of a sample: (side, side, C) as it was decoded, or (C, side, side) from tensors."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square of a sample, mirrored or not."""

    top: int
    left: int
    side: int
    flip: bool

    def of_array(self, picture: NDArray[np.uint8]) -> Tensor:
        """Cut (side, side, C) out of OpenCV's (H, W) or (H, W, 3), whose colours it turns round."""
        cut = picture[self.top : self.top + self.side, self.left : self.left + self.side]
        if cut.ndim == 3:
            cut = np.asarray(cv2.cvtColor(cut, cv2.COLOR_BGR2RGB), np.uint8)
        if self.flip:
            cut = np.asarray(cv2.flip(cut, 1), np.uint8)
        return with_channels(cut)

    def of_picture(self, picture: Image.Image) -> Tensor:
        """Cut (side, side, C) out of Pillow's picture, which is decoded here if it was not yet."""
        cut = picture.crop((self.left, self.top, self.left + self.side, self.top + self.side))
        if self.flip:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return with_channels(np.array(cut))

    def of_tensor(self, picture: Tensor) -> Tensor:
        """Cut (C, side, side) out of (C, H, W)."""
        cut = picture[:, self.top : self.top + self.side, self.left : self.left + self.side]
        return cut.flip(-1) if self.flip else cut


def with_channels(picture: NDArray[np.uint8]) -> Tensor:
    """Return a view (H, W, C) of (H, W) or (H, W, C)."""
    tensor = torch.from_numpy(picture)
    return tensor[..., None] if picture.ndim == 2 else tensor


def channels_first(batch: Crops) -> Crops:
    """Return a view (B, C, H, W) of each part, (B, H, W, C): the pixels stay as they lie."""
    return {part: batch[part].permute(0, 3, 1, 2) for part in PARTS}


def choose_window(alpha: NDArray[np.uint8], side: int) -> Window:
    """Choose a square around a soft pixel, if there is one, within the sample.

    PyTorch's loaders seed `random` in each worker.
    """
    height, width = alpha.shape
    soft = np.flatnonzero(alpha - np.uint8(1) < 254)  # 0 becomes 255
    place = int(soft[random.randrange(len(soft))]) if len(soft) else random.randrange(alpha.size)
    row, column = divmod(place, width)
    top = min(max(row - side // 2, 0), height - side)
    left = min(max(column - side // 2, 0), width - side)
    return Window(top, left, side, random.random() < 0.5)


def decode_with_opencv(file: bytes | NDArray[np.uint8], part: str) -> NDArray[np.uint8]:
    """Decode a part of a sample: alpha (H, W), the others (H, W, 3) as blue, green, red."""
    flag = cv2.IMREAD_GRAYSCALE if part == "alpha" else cv2.IMREAD_COLOR
    return np.asarray(cv2.imdecode(np.frombuffer(file, np.uint8), flag), np.uint8)


def crop_with_opencv(files: Mapping[str, bytes], side: int) -> Crops:
    """Cut one crop out of a sample's files."""
    return crop_read_by_opencv(lambda part: decode_with_opencv(files[part], part), side)


def crop_read_by_opencv(read: Callable[[str], NDArray[np.uint8]], side: int) -> Crops:
    """Cut one crop out of pictures that are read part by part."""
    alpha = read("alpha")
    window = choose_window(alpha, side)
    pictures = {part: alpha if part == "alpha" else read(part) for part in PARTS}
    return {part: window.of_array(picture) for part, picture in pictures.items()}


def crop_of_pictures(pictures: Mapping[str, Image.Image], side: int) -> Crops:
    """Cut one crop out of Pillow's pictures."""
    window = choose_window(np.asarray(pictures["alpha"]), side)
    return {part: window.of_picture(pictures[part]) for part in PARTS}


def crop_of_tensors(pictures: Mapping[str, Tensor], side: int) -> Crops:
    """Cut one crop out of (3, H, W) tensors; all channels of alpha's are the same."""
    window = choose_window(pictures["alpha"][0].numpy(), side)
    crops = {part: window.of_tensor(pictures[part]) for part in PARTS}
    return crops | {"alpha": crops["alpha"][:1]}


def open_picture(file: bytes) -> Image.Image:
    """Open a picture with Pillow, which decodes it where its pixels are asked for."""
    return Image.open(io.BytesIO(file))
