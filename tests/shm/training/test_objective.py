from dataclasses import replace

import pytest
import torch
from shm.training.objective import OBJECTIVES, prediction_losses

from shm.losses import LossConfig, alpha_loss, composition_loss
from shm.models import SemanticHumanMatting, build_mnet, build_tnet
from shm.training.batch import Batch, BatchError, one_hot
from shm.training.config import Phase
from shm.training.presets import PRESETS

CONFIG = PRESETS["light"]


def batch(side: int = 64) -> Batch:
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 3, (2, side, side), generator=generator)
    return Batch(
        image=torch.rand(2, 3, side, side, generator=generator),
        alpha=torch.rand(2, 1, side, side, generator=generator),
        classes=classes,
        trimap=one_hot(classes),
        foreground=torch.rand(2, 3, side, side, generator=generator),
        background=torch.rand(2, 3, side, side, generator=generator),
        ids=("a", "b"),
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_gamma_weighs_the_alpha_loss_against_the_composition_loss(gamma: float) -> None:
    seen, alpha = batch(), torch.rand(2, 1, 64, 64)
    config = replace(CONFIG, losses=LossConfig(gamma=gamma))
    of_alpha = alpha_loss(alpha, seen.matte.alpha)
    of_colours = composition_loss(alpha, *seen.matte)
    losses = prediction_losses(alpha, seen, config)
    torch.testing.assert_close(losses["total"], gamma * of_alpha + (1 - gamma) * of_colours)


def test_the_true_alpha_costs_nothing_and_any_other_something() -> None:
    seen = batch()
    alpha = seen.matte.alpha
    assert prediction_losses(alpha, seen, CONFIG)["total"] == 0
    assert prediction_losses(1 - alpha, seen, CONFIG)["total"] > 0


def test_end_to_end_adds_a_hundredth_of_the_trimap_loss() -> None:
    tnet, _ = build_tnet(CONFIG.tnet, weights="scratch")
    mnet, _ = build_mnet(CONFIG.mnet, weights="scratch")
    nets = SemanticHumanMatting(tnet, mnet)
    losses = OBJECTIVES[Phase.END_TO_END].losses(nets, batch(), CONFIG, 0)
    expected = losses["prediction"] + 0.01 * losses["trimap"]
    torch.testing.assert_close(losses["total"], expected)
    losses["total"].backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.any() for p in mnet.parameters())
    assert all(p.grad is not None for p in tnet.parameters())


def test_t_net_learns_without_a_matte_and_m_net_says_what_it_lacks() -> None:
    bare = replace(batch(), alpha=None, foreground=None, background=None)
    tnet, _ = build_tnet(CONFIG.tnet, weights="scratch")
    mnet, _ = build_mnet(CONFIG.mnet, weights="scratch")
    assert not OBJECTIVES[Phase.TNET].mattes
    assert OBJECTIVES[Phase.TNET].losses(tnet, bare, CONFIG, 0)["total"] > 0
    with pytest.raises(BatchError, match="no alpha and no foreground and no background"):
        OBJECTIVES[Phase.MNET].losses(mnet, bare, CONFIG, 0)
