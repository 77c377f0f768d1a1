"""Augmentation on the device: what has to happen between the two nets, or to a batch as a whole.

Crops, trimaps and flips are drawn as samples are read. Here are the two steps that can't be: the
rotation of T-Net's input, and M-Net's crops of what T-Net has seen. Both are decided by (seed,
step, sample id), so that a resumed run draws what an undisturbed one would have.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shm.pipeline.seed import generator
from shm.pipeline.values import TrimapClass
from shm.training.batch import Batch


def rotate(image: Tensor, classes: Tensor, degrees: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Turn squares about their centres; what comes in at the corners is mirrored.

    Parameters
    ----------
    image : float (B, C, S, S)
    classes : int64 (B, S, S)
        Class indices; they turn with the image and stay class indices.
    degrees : B floats
        Anticlockwise.

    Returns
    -------
    image, classes : as they came in
    """
    turns = torch.tensor([math.radians(angle) for angle in degrees], device=image.device)
    cos, sin, zero = turns.cos(), turns.sin(), torch.zeros_like(turns)
    # The grid says where each output pixel is read: the inverse turn, with y pointing down.
    where = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3).to(image.dtype)
    grid = F.affine_grid(where, list(image.shape), align_corners=False)
    turned = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
    labels = F.grid_sample(
        classes[:, None].to(image.dtype),
        grid,
        mode="nearest",
        padding_mode="reflection",
        align_corners=False,
    )
    return turned, labels[:, 0].long()


def rotation_angles(ids: Sequence[str], largest: float, *, seed: int, step: int) -> list[float]:
    """Draw an angle in degrees, up to `largest` to either side, for each sample."""
    return [
        float(generator(seed, "rotation", step, each).uniform(-largest, largest)) for each in ids
    ]


@dataclass(frozen=True, kw_only=True)
class Window:
    """A square of a crop: its corner and side in pixels, and whether it is mirrored."""

    top: int
    left: int
    side: int
    mirrored: bool

    def of(self, pixels: Tensor, side: int) -> Tensor:
        """Cut the window from (C, H, W) and resize it to (C, side, side); gradients flow."""
        cut = self._cut(pixels)
        if self.side == side:
            return cut
        resized = F.interpolate(
            cut[None], (side, side), mode="bilinear", antialias=True, align_corners=False
        )
        return resized[0]

    def classes_of(self, classes: Tensor, side: int) -> Tensor:
        """Cut the window from class indices (H, W); each pixel of (side, side) is its nearest's."""
        cut = self._cut(classes)
        if self.side == side:
            return cut
        resized = F.interpolate(cut[None, None].float(), (side, side), mode="nearest-exact")
        return resized[0, 0].to(classes.dtype)

    def _cut(self, pixels: Tensor) -> Tensor:
        cut = pixels[..., self.top : self.top + self.side, self.left : self.left + self.side]
        return cut.flip(-1) if self.mirrored else cut


def draw_window(classes: Tensor, sides: Sequence[int], rng: np.random.Generator) -> Window:
    """Draw a window around an unknown pixel, or anywhere where no pixel is unknown.

    Parameters
    ----------
    classes : integers (H, W)
        Class indices of the true trimap.
    sides : ints
        One is drawn; none exceeds H or W.
    rng : Generator
    """
    height, width = classes.shape
    side = int(rng.choice(np.asarray(sides)))
    unknown = (classes == TrimapClass.UNKNOWN).flatten().nonzero()[:, 0]
    # Drawn in any case, so that the draws that follow don't depend on it.
    share = rng.random()
    pixel = int(unknown[int(share * len(unknown))]) if len(unknown) else int(share * height * width)
    top = min(max(pixel // width - side // 2, 0), height - side)
    left = min(max(pixel % width - side // 2, 0), width - side)
    return Window(top=top, left=left, side=side, mirrored=bool(rng.random() < 0.5))


def matte_crops(
    batch: Batch, probabilities: Tensor, *, side: int, sides: Sequence[int], seed: int, step: int
) -> tuple[Batch, Tensor]:
    """Cut M-Net's crops from what T-Net has seen, as the end-to-end phase does.

    Parameters
    ----------
    batch : Batch
        Crops of (H, W).
    probabilities : float (B, 3, H, W)
        T-Net's; gradients flow back through the crop.
    side : int
        Side in pixels of the crops that come out.
    sides : ints
        Sides to cut, one drawn for each sample (the paper: 320, 480 and 640).

    Returns
    -------
    batch : Batch
        Image, classes, alpha, foreground and background of (side, side); the one-hot trimap, which
        M-Net is not given here, as it was.
    probabilities : float (B, 3, side, side)

    References
    ----------
    arXiv 1809.01354, section 4.2, end-to-end training.
    """
    # An accelerator is waited for once here, not for each sample.
    labels = batch.classes.to(torch.uint8).cpu()
    windows = [
        draw_window(classes, sides, generator(seed, "matte", step, each))
        for classes, each in zip(labels, batch.ids, strict=True)
    ]

    def cut(pixels: Tensor) -> Tensor:
        return torch.stack([w.of(p, side) for w, p in zip(windows, pixels, strict=True)])

    cropped = replace(
        batch,
        image=cut(batch.image),
        classes=torch.stack(
            [w.classes_of(c, side) for w, c in zip(windows, batch.classes, strict=True)]
        ),
        alpha=cut(batch.true_alpha),
        foreground=None if batch.foreground is None else cut(batch.foreground),
        background=None if batch.background is None else cut(batch.background),
    )
    return cropped, cut(probabilities)
