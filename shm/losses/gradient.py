"""The gradient loss: edges that are too soft, too sharp, or not there."""

from torch import Tensor

from shm.losses.region import difference, mean_of_sums


def gradient_loss(alpha: Tensor, true_alpha: Tensor, *, unknown: Tensor | None = None) -> Tensor:
    """Return the mean L1 distance of alpha's spatial gradient from the true one's.

    A pixel's gradient is what alpha gains from it to its right and to its lower neighbour; at the
    right and lower border there is nothing to gain.

    Parameters
    ----------
    alpha, true_alpha : float (B, 1, H, W)
        In [0, 1].
    unknown : bool (B, 1, H, W), optional
        Where to compare; everywhere without it. Outside, alpha is taken to be the true one, so
        that steps across the region's edge count.

    Returns
    -------
    float32 or float64, scalar

    Raises
    ------
    LossError
        The shapes differ.
    """
    # Gradients are linear: that of the difference is the difference of the gradients.
    error = difference(alpha, true_alpha, unknown)
    steps = (error.diff(dim=dim).abs().flatten(1).sum(1) for dim in (2, 3))
    down, right = steps
    return mean_of_sums(down + right, error, unknown)
