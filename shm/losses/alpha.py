"""The alpha loss, and the distance that it shares with the composition loss."""

from torch import Tensor

from shm.losses.config import DEFAULTS, LossConfig
from shm.losses.region import difference, mean_of_pixels


def alpha_loss(
    alpha: Tensor,
    true_alpha: Tensor,
    *,
    unknown: Tensor | None = None,
    config: LossConfig = DEFAULTS,
) -> Tensor:
    """Return the mean distance of alpha from the true alpha.

    Parameters
    ----------
    alpha, true_alpha : float (B, 1, H, W)
        In [0, 1].
    unknown : bool (B, 1, H, W), optional
        Where to compare; everywhere without it.
    config : LossConfig
        ``distance`` and ``epsilon`` are read.

    Returns
    -------
    float32 or float64, scalar

    Raises
    ------
    LossError
        The shapes differ.

    Notes
    -----
    Over the whole image arXiv 1809.01354, section 3.4; over the unknown region arXiv 1703.03872,
    equation 1.
    """
    return mean_of_pixels(distance(difference(alpha, true_alpha, unknown), config), unknown)


def distance(differences: Tensor, config: LossConfig) -> Tensor:
    """Return how much each difference d counts: |d|, or sqrt(d² + epsilon²)."""
    if config.distance == "l1":
        return differences.abs()
    return (differences.square() + config.epsilon**2).sqrt()
