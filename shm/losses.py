"""What training minimises (arXiv 1809.01354, section 3.4), over whole images."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from shm.pipeline.errors import ShmError


class LossError(ShmError, ValueError):
    """A weight lies out of bounds, or shapes don't fit each other."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the losses; the defaults are the paper's.

    Parameters
    ----------
    gamma : float in [0, 1]
        Of the alpha loss; the composition loss has the rest.
    trimap_weight : float
        The paper's lambda: T-Net's cross-entropy in the end-to-end phase.
    auxiliary_weight : float
        PSPNet's auxiliary head in T-Net's phase (arXiv 1612.01105, section 3.3).
    """

    gamma: float = 0.5
    trimap_weight: float = 0.01
    auxiliary_weight: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1:
            raise LossError(f"gamma is {self.gamma}: give a number from 0 to 1")
        for name in ("trimap_weight", "auxiliary_weight"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise LossError(f"{name} is {value}: give a number of at least 0")


def alpha_loss(alpha: Tensor, true_alpha: Tensor) -> Tensor:
    """Return the mean of |alpha - true alpha|.

    Parameters
    ----------
    alpha, true_alpha : float (B, 1, H, W)
        In [0, 1].

    Raises
    ------
    LossError
        The shapes differ.
    """
    _same_shape(alpha, true_alpha)
    return (alpha - true_alpha).abs().mean()


def composition_loss(
    alpha: Tensor, true_alpha: Tensor, foreground: Tensor, background: Tensor
) -> Tensor:
    """Return the mean of |c - true c| over pixels and channels, where c = a F + (1 - a) B.

    Both composites are made of the same true colours, so they differ by (a - true a) (F - B). The
    photo can't stand for either colour: with F = B = photo, both composites are the photo.

    Parameters
    ----------
    alpha, true_alpha : float (B, 1, H, W)
        In [0, 1].
    foreground, background : float (B, 3, H, W)
        True colours in [0, 1].

    Raises
    ------
    LossError
        The shapes don't fit.
    """
    _same_shape(alpha, true_alpha)
    _same_shape(foreground, background)
    _same_shape(alpha, foreground[:, :1])
    return ((alpha - true_alpha) * (foreground - background)).abs().mean()


def trimap_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Return L_t, the mean cross-entropy of T-Net.

    Parameters
    ----------
    logits : float (B, 3, H, W)
        In the order of `TrimapClass`.
    classes : int64 (B, H, W)
        `TrimapClass` of each pixel.

    Raises
    ------
    LossError
        The shapes don't fit.
    """
    _same_shape(logits[:, 0], classes)
    return F.cross_entropy(logits, classes)


def _same_shape(one: Tensor, other: Tensor) -> None:
    # Broadcasting (B, 1, H, W) with (B, H, W) would compare every image with every other.
    if one.shape != other.shape:
        raise LossError(f"a loss of {tuple(one.shape)} and {tuple(other.shape)}: give equal shapes")
