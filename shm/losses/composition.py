"""Composition losses: what an error of alpha does to a picture."""

from torch import Tensor

from shm.losses.alpha import distance
from shm.losses.config import DEFAULTS, LossConfig, LossError
from shm.losses.region import difference, mean_of_pixels, precise, same_shape


def composition_loss(
    alpha: Tensor,
    true_alpha: Tensor,
    foreground: Tensor,
    background: Tensor,
    *,
    unknown: Tensor | None = None,
    config: LossConfig = DEFAULTS,
) -> Tensor:
    """Return the mean distance of a F + (1 - a) B from the true composite, of the same colours.

    So the composites differ by (a - true a) (F - B). The photo can't stand for either colour: with
    F = B = photo, both composites are the photo, and there is no gradient.

    Parameters
    ----------
    alpha, true_alpha : float (B, 1, H, W)
        In [0, 1].
    foreground, background : float (B, 3, H, W)
        True colours in [0, 1].
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
        The shapes don't fit.

    Notes
    -----
    arXiv 1703.03872, equation 2, the root taken of each channel by itself.
    """
    same_shape(foreground, background)
    contrast = precise(foreground) - precise(background)
    return _weighted(alpha, true_alpha, contrast, unknown, config)


def observed_composition_loss(
    alpha: Tensor,
    true_alpha: Tensor,
    image: Tensor,
    *,
    unknown: Tensor | None = None,
    config: LossConfig = DEFAULTS,
) -> Tensor:
    """Return the mean distance of a I from true a I: of the photo's cut-outs on black.

    It needs no true colours, and counts an error the less the darker the photo is there.

    Parameters
    ----------
    alpha, true_alpha : float (B, 1, H, W)
        In [0, 1].
    image : float (B, 3, H, W)
        The photo, in [0, 1].
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
        The shapes don't fit.
    """
    return _weighted(alpha, true_alpha, precise(image), unknown, config)


def _weighted(
    alpha: Tensor,
    true_alpha: Tensor,
    colours: Tensor,
    unknown: Tensor | None,
    config: LossConfig,
) -> Tensor:
    if colours.shape != (alpha.shape[0], 3, *alpha.shape[2:]):
        raise LossError(
            f"colours of {tuple(colours.shape)} for alphas of {tuple(alpha.shape)}: give "
            "three channels and otherwise equal shapes"
        )
    differences = difference(alpha, true_alpha, unknown) * colours
    return mean_of_pixels(distance(differences, config), unknown)
