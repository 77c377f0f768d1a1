"""Losses of a predicted trimap."""

import torch
from torch import Tensor
from torch.nn import functional as F

from shm.losses.config import DEFAULTS, LossConfig, LossError
from shm.losses.region import precise, same_shape
from shm.pipeline.values import TrimapClass

SMOOTH = 1.0
"""Pixels added to numerator and denominator of the dice loss: 0 / 0 would be a missing class's."""


def trimap_loss(logits: Tensor, classes: Tensor, config: LossConfig = DEFAULTS) -> Tensor:
    """Return L_t, what T-Net minimises: a cross-entropy, or a dice loss.

    The cross-entropy of an image is the mean over its pixels, each weighing what its true class
    does. The dice loss is the mean over the three classes of 1 - 2 |P G| / (|P| + |G|), where P is
    the class's probability (the softmax of the logits), G is 1 on its true pixels, and |·| is a sum
    over the image; a class that is in neither gives 0.

    Parameters
    ----------
    logits : float (B, 3, H, W)
        In the order of `TrimapClass`.
    classes : int64 (B, H, W)
        `TrimapClass` of each pixel.
    config : LossConfig
        ``trimap`` and ``class_weights`` are read.

    Returns
    -------
    float32 or float64, scalar

    Raises
    ------
    LossError
        The shapes don't fit.

    Notes
    -----
    The cross-entropy is that of arXiv 1809.01354, section 3.4; the dice loss is that of arXiv
    1606.04797, section 3, without its squares.
    """
    if logits.ndim != 4 or logits.shape[1] != len(TrimapClass):
        raise LossError(
            f"logits of {tuple(logits.shape)}: give (B, 3, H, W), a channel for each class"
        )
    same_shape(logits[:, 0], classes)
    if config.trimap == "dice":
        return _dice(precise(logits), classes)
    return _cross_entropy(precise(logits), classes, config.class_weights)


def _cross_entropy(logits: Tensor, classes: Tensor, class_weights: tuple[float, ...]) -> Tensor:
    losses = F.cross_entropy(logits, classes, reduction="none")
    weights = logits.new_tensor(class_weights or [1.0] * len(TrimapClass))[classes]
    # PyTorch's own weighted mean is over the batch: an image would count what its classes weigh.
    return ((weights * losses).flatten(1).sum(1) / weights.flatten(1).sum(1)).mean()


def _dice(logits: Tensor, classes: Tensor) -> Tensor:
    predicted = logits.softmax(1)
    true = classes[:, None] == torch.arange(len(TrimapClass), device=classes.device)[:, None, None]
    overlap = torch.where(true, predicted, 0).sum((2, 3))
    sizes = predicted.sum((2, 3)) + true.sum((2, 3))
    return (1 - (2 * overlap + SMOOTH) / (sizes + SMOOTH)).mean()
