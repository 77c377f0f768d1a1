"""The Laplacian loss: errors of alpha at five scales."""

import torch
from torch import Tensor

from shm.losses.config import LossError
from shm.losses.region import difference, mean_of_sums

LEVELS = 5
SMALLEST = 17
"""Pixels a side: halved three times there are still the three that a blur reflects."""


def laplacian_loss(alpha: Tensor, true_alpha: Tensor, *, unknown: Tensor | None = None) -> Tensor:
    """Return the L1 distance of the Laplacian pyramids of alpha and the true alpha.

    Level i of five, from the finest on, weighs 2^(i - 1); the last one is what is left of alpha.
    Each level is summed and the sum divided by the number of pixels of the image, or of its unknown
    ones: the weights make up in part for coarse levels having fewer pixels.

    Parameters
    ----------
    alpha, true_alpha : float (B, 1, H, W)
        In [0, 1]; height and width at least 17.
    unknown : bool (B, 1, H, W), optional
        Where to compare; everywhere without it. Outside, alpha is taken to be the true one.

    Returns
    -------
    float32 or float64, scalar

    Raises
    ------
    LossError
        The shapes differ, or the images are too small.

    Notes
    -----
    Hou and Liu, "Context-Aware Image Matting", arXiv 1909.09725; the pyramid is that of Burt and
    Adelson, "The Laplacian Pyramid as a Compact Image Code", DOI 10.1109/TCOM.1983.1095851.
    """
    # Pyramids are linear: that of the difference is the difference of the pyramids.
    error = difference(alpha, true_alpha, unknown)
    height, width = error.shape[2:]
    if min(height, width) < SMALLEST:
        raise LossError(
            f"an image of {height} × {width} pixels has no Laplacian pyramid of {LEVELS} levels: "
            f"give at least {SMALLEST} a side, or set losses.laplacian_weight = 0"
        )
    levels = enumerate(laplacian_pyramid(error))
    sums = [2**level * values.abs().flatten(1).sum(1) for level, values in levels]
    return mean_of_sums(torch.stack(sums).sum(0), error, unknown)


def laplacian_pyramid(image: Tensor) -> list[Tensor]:
    """Return what each halving of an image loses, from fine to coarse, and what is left.

    Parameters
    ----------
    image : float (B, C, H, W)
        At least 17 pixels a side.

    Returns
    -------
    list of 5 float tensors
        Of (B, C, H, W), (B, C, ⌈H/2⌉, ⌈W/2⌉) and so on.
    """
    levels = []
    for _ in range(LEVELS - 1):
        smaller = _blur(image)[..., ::2, ::2]
        levels.append(image - _enlarge(smaller, like=image))
        image = smaller
    return [*levels, image]


def _enlarge(image: Tensor, *, like: Tensor) -> Tensor:
    spread = torch.zeros_like(like)
    spread[..., ::2, ::2] = 4 * image  # three of four pixels are 0, and a blur keeps the mean
    return _blur(spread)


def _blur(image: Tensor) -> Tensor:
    return _blur_along(_blur_along(image, 2), 3)


def _blur_along(image: Tensor, dim: int) -> Tensor:
    # Sums of slices, not a convolution: autocast and TF32 leave them in float32, and on CUDA their
    # gradient, unlike that of padding by reflection, is the same each time.
    size = image.shape[dim]
    before, after = image.narrow(dim, 1, 2), image.narrow(dim, size - 3, 2)
    padded = torch.cat([before.flip(dim), image, after.flip(dim)], dim)
    first, second, middle, fourth, fifth = (padded.narrow(dim, at, size) for at in range(5))
    return (first + fifth + 4 * (second + fourth) + 6 * middle) / 16
