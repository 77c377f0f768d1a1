"""Over which pixels a loss is a mean, and in which precision."""

import torch
from torch import Tensor

from shm.losses.config import LossError


def difference(alpha: Tensor, true_alpha: Tensor, unknown: Tensor | None) -> Tensor:
    """Return alpha - true alpha where it counts and 0 elsewhere.

    Outside the unknown region both alphas are thus taken as equal: neither a value there nor its
    gradient has a say, even in losses that look at neighbours.

    Parameters
    ----------
    alpha, true_alpha : float (B, 1, H, W)
        In [0, 1].
    unknown : bool (B, 1, H, W), optional
        Where to compare; everywhere without it.

    Returns
    -------
    float32 or float64 (B, 1, H, W)

    Raises
    ------
    LossError
        The shapes don't fit, or ``unknown`` is not boolean.
    """
    same_shape(alpha, true_alpha)
    differences = precise(alpha) - precise(true_alpha)
    if unknown is None:
        return differences
    same_shape(alpha, unknown)
    if unknown.dtype != torch.bool:
        raise LossError(f"the unknown region is {unknown.dtype}: give booleans")
    return torch.where(unknown, differences, 0)


def mean_of_pixels(values: Tensor, unknown: Tensor | None) -> Tensor:
    """Return the mean over images of each one's mean over channels and pixels.

    Parameters
    ----------
    values : float (B, C, H, W)
    unknown : bool (B, 1, H, W), optional
        Of which pixels, their number being that of each image; of all without it.
    """
    values = values.mean(1, keepdim=True)
    inside = values if unknown is None else torch.where(unknown, values, 0)
    return mean_of_sums(inside.flatten(1).sum(1), inside, unknown)


def mean_of_sums(sums: Tensor, pixels: Tensor, unknown: Tensor | None) -> Tensor:
    """Return the mean over images of each one's sum divided by the number of its pixels.

    Parameters
    ----------
    sums : float (B,)
    pixels : (B, 1, H, W)
        Of which the size alone counts.
    unknown : bool (B, 1, H, W), optional
        Which of the pixels count. An image without any gives 0, and counts as an image.
    """
    if unknown is None:
        return (sums / pixels.shape[2:].numel()).mean()
    return (sums / unknown.flatten(1).sum(1).clamp(min=1)).mean()


def precise(values: Tensor) -> Tensor:
    """Return at least float32: what halves the bits of the nets would halve those of a loss."""
    return values if values.dtype == torch.float64 else values.float()


def same_shape(one: Tensor, other: Tensor) -> None:
    """Raise `LossError` where the shapes differ.

    Broadcasting (B, 1, H, W) with (B, H, W) would compare every image with every other.
    """
    if one.shape != other.shape:
        raise LossError(f"a loss of {tuple(one.shape)} and {tuple(other.shape)}: give equal shapes")
