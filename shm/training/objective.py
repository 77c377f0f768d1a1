"""What each phase minimises, and how its nets make a matte: the recipe of arXiv 1809.01354, 4.2."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from shm.inference import Forward
from shm.losses import alpha_loss, composition_loss, trimap_loss
from shm.models import SemanticHumanMatting, TNet, alpha_from_trimap, fuse
from shm.training.augment import matte_crops, rotate, rotation_angles
from shm.training.batch import Batch
from shm.training.config import Phase, TrainConfig

Losses = dict[str, Tensor]
"""Scalars by name; ``total`` is what is minimised."""


def tnet_losses(net: nn.Module, batch: Batch, config: TrainConfig, step: int) -> Losses:
    """Return T-Net's cross-entropy, and 0.4 times its auxiliary head's where it has one.

    The auxiliary loss is PSPNet's (arXiv 1612.01105, section 3.3).
    """
    image, classes = batch.image, batch.classes
    if largest := config.phases.tnet.rotation:
        image, classes = rotate(
            image, classes, rotation_angles(batch.ids, largest, seed=config.seed, step=step)
        )
    logits, auxiliary = cast("TNet", net).forward_with_auxiliary(image)
    losses = {"trimap": trimap_loss(logits, classes)}
    losses["total"] = losses["trimap"]
    if auxiliary is not None:
        losses["auxiliary"] = trimap_loss(auxiliary, classes)
        losses["total"] = losses["trimap"] + config.losses.auxiliary_weight * losses["auxiliary"]
    return losses


def mnet_losses(net: nn.Module, batch: Batch, config: TrainConfig, step: int) -> Losses:  # noqa: ARG001 - one signature for all phases
    """Return L_p of M-Net with the true trimap in T-Net's place."""
    raw = net(torch.cat([batch.image, batch.trimap], 1))
    return prediction_losses(fuse(batch.trimap, raw), batch, config)


def end_to_end_losses(net: nn.Module, batch: Batch, config: TrainConfig, step: int) -> Losses:
    """Return L = L_p + lambda L_t of both nets; gradients reach T-Net through both terms."""
    both = cast("SemanticHumanMatting", net)
    settings = config.phases.end_to_end
    logits = both.tnet(batch.image)
    seen, probabilities = batch, logits.softmax(1)
    if settings.matte_crop:
        seen, probabilities = matte_crops(
            batch,
            probabilities,
            side=settings.matte_crop,
            sides=settings.matte_crop_sizes,
            seed=config.seed,
            step=step,
        )
    raw = cast("nn.Module", both.mnet)(torch.cat([seen.image, probabilities], 1))
    losses = prediction_losses(fuse(probabilities, raw), seen, config)
    losses["trimap"] = trimap_loss(logits, batch.classes)
    losses["total"] = losses["prediction"] + config.losses.trimap_weight * losses["trimap"]
    return losses


def prediction_losses(alpha: Tensor, batch: Batch, config: TrainConfig) -> Losses:
    """Return L_p = γ |α − α_g| + (1 − γ) |c − c_g| and its two terms (equation 4)."""
    gamma = config.losses.gamma
    true = batch.matte
    of_alpha = alpha_loss(alpha, true.alpha)
    of_colours = composition_loss(alpha, true.alpha, true.foreground, true.background)
    prediction = gamma * of_alpha + (1 - gamma) * of_colours
    return {
        "alpha": of_alpha,
        "composition": of_colours,
        "prediction": prediction,
        "total": prediction,
    }


def tnet_forward(net: nn.Module) -> Forward:
    """Return T-Net's own matte: certain foreground, and half of the unknown."""

    def forward(image: Tensor, _: Tensor | None) -> tuple[Tensor, Tensor]:
        probabilities = net(image).softmax(1)
        return alpha_from_trimap(probabilities), probabilities

    return forward


def mnet_forward(net: nn.Module) -> Forward:
    """Return M-Net's matte with a given trimap."""

    def forward(image: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
        if given is None:
            raise ValueError("M-Net alone needs a trimap")
        return fuse(given, net(torch.cat([image, given], 1))), given

    return forward


def end_to_end_forward(net: nn.Module) -> Forward:
    """Return the matte of both nets."""

    def forward(image: Tensor, _: Tensor | None) -> tuple[Tensor, Tensor]:
        prediction = cast("SemanticHumanMatting", net)(image)
        return prediction.alpha, prediction.trimap

    return forward


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A phase's losses, ``(net, batch, config, step) -> Losses``, and its nets' forward pass.

    `mattes` says whether the losses read `Batch.matte`.
    """

    losses: Callable[[nn.Module, Batch, TrainConfig, int], Losses]
    forward: Callable[[nn.Module], Forward]
    mattes: bool = True


OBJECTIVES: dict[Phase, Objective] = {
    Phase.TNET: Objective(losses=tnet_losses, forward=tnet_forward, mattes=False),
    Phase.MNET: Objective(losses=mnet_losses, forward=mnet_forward),
    Phase.END_TO_END: Objective(losses=end_to_end_losses, forward=end_to_end_forward),
}
