"""What a predicted alpha is compared with, and all of its losses together."""

from typing import NamedTuple

import torch
from torch import Tensor

from shm.losses.alpha import alpha_loss
from shm.losses.composition import composition_loss, observed_composition_loss
from shm.losses.config import LossConfig, LossError
from shm.losses.gradient import gradient_loss
from shm.losses.pyramid import laplacian_loss


class Truth(NamedTuple):
    """What is known of a batch.

    Parameters
    ----------
    alpha : float (B, 1, H, W)
        In [0, 1].
    unknown : bool (B, 1, H, W)
        What the trimap leaves unknown.
    image, foreground, background : float (B, 3, H, W), optional
        The photo and its true colours, in [0, 1]: what the composition loss reads of them.
    """

    alpha: Tensor
    unknown: Tensor
    image: Tensor | None = None
    foreground: Tensor | None = None
    background: Tensor | None = None


def prediction_loss(alpha: Tensor, truth: Truth, config: LossConfig) -> dict[str, Tensor]:
    """Return the losses of a predicted alpha, each as it is, and their weighted sum.

    Parameters
    ----------
    alpha : float (B, 1, H, W)
        In [0, 1].
    truth : Truth
    config : LossConfig

    Returns
    -------
    dict
        ``prediction`` is L_p, gamma times ``alpha`` plus 1 - gamma times ``composition`` (arXiv
        1809.01354, section 3.4), plus ``laplacian`` and ``gradient`` times their weights. What
        weighs nothing is neither computed nor there.

    Raises
    ------
    LossError
        The truth lacks the colours of the composition loss, or shapes don't fit.
    """
    return _weighted(
        alpha, truth, config, alpha_weight=config.gamma, composition_weight=1 - config.gamma
    )


def alpha_only(alpha: Tensor, truth: Truth, config: LossConfig) -> dict[str, Tensor]:
    """Return what `prediction_loss` does, with the whole alpha loss and no composition loss.

    Deep Image Matting's refinement learns so (arXiv 1703.03872, section 4.2).

    Parameters
    ----------
    alpha : float (B, 1, H, W)
        In [0, 1].
    truth : Truth
    config : LossConfig

    Raises
    ------
    LossError
        The shapes don't fit.
    """
    return _weighted(alpha, truth, config, alpha_weight=1.0, composition_weight=0.0)


def _weighted(
    alpha: Tensor,
    truth: Truth,
    config: LossConfig,
    *,
    alpha_weight: float,
    composition_weight: float,
) -> dict[str, Tensor]:
    unknown = truth.unknown if config.region == "unknown" else None
    losses, terms = {}, []
    if alpha_weight:
        losses["alpha"] = alpha_loss(alpha, truth.alpha, unknown=unknown, config=config)
        terms.append(alpha_weight * losses["alpha"])
    if composition_weight:
        losses["composition"] = _composition(alpha, truth, unknown, config)
        terms.append(composition_weight * losses["composition"])
    if config.laplacian_weight:
        losses["laplacian"] = laplacian_loss(alpha, truth.alpha, unknown=unknown)
        terms.append(config.laplacian_weight * losses["laplacian"])
    if config.gradient_weight:
        losses["gradient"] = gradient_loss(alpha, truth.alpha, unknown=unknown)
        terms.append(config.gradient_weight * losses["gradient"])
    losses["prediction"] = torch.stack(terms).sum()
    return losses


def _composition(alpha: Tensor, truth: Truth, unknown: Tensor | None, config: LossConfig) -> Tensor:
    if config.composition == "observed":
        if truth.image is None:
            raise LossError(
                "the composition loss on the observed image lacks the image: give it, or set "
                'losses.composition = "true", or losses.gamma = 1 to do without'
            )
        return observed_composition_loss(
            alpha, truth.alpha, truth.image, unknown=unknown, config=config
        )
    if truth.foreground is None or truth.background is None:
        missing = [name for name in ("foreground", "background") if getattr(truth, name) is None]
        raise LossError(
            f"the composition loss lacks the true {' and '.join(missing)}: set "
            'losses.composition = "observed" to compare on the image, or losses.gamma = 1 to do '
            "without"
        )
    return composition_loss(
        alpha, truth.alpha, truth.foreground, truth.background, unknown=unknown, config=config
    )
