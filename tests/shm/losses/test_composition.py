import math

import pytest
import torch
from torch import Tensor

from shm.losses import LossConfig, LossError, composition_loss, observed_composition_loss

CHARBONNIER = LossConfig(distance="charbonnier", epsilon=0.3)


def pixels(*values: float) -> Tensor:
    """Return a 1-channel image of one row."""
    return torch.tensor(values).view(1, 1, 1, -1)


def colours(*values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).T.reshape(1, 3, 1, -1)


ALPHA, TRUE = pixels(0.2, 0.9, 0.5), pixels(0.6, 0.4, 0.2)
FOREGROUND = colours((1.0, 0.5, 0.0), (0.3, 0.3, 0.3), (0.7, 0.7, 0.7))
BACKGROUND = colours((0.0, 0.5, 0.5), (0.3, 0.8, 0.3), (0.7, 0.7, 0.7))


def test_the_composition_loss_compares_composites_of_the_true_colours() -> None:
    loss = composition_loss(ALPHA, TRUE, FOREGROUND, BACKGROUND)
    made, truth = (a * FOREGROUND + (1 - a) * BACKGROUND for a in (ALPHA, TRUE))
    assert loss.item() == pytest.approx((made - truth).abs().mean().item())
    # by hand: 0.4 x (1 + 0 + 0.5) and 0.5 x (0 + 0.5 + 0), over 3 pixels x 3 channels
    assert loss.item() == pytest.approx((0.4 * 1.5 + 0.5 * 0.5) / 9)


def test_the_gradient_of_the_composition_loss_is_the_contrast_of_the_colours() -> None:
    alpha = ALPHA.clone().requires_grad_()
    (slope,) = torch.autograd.grad(composition_loss(alpha, TRUE, FOREGROUND, BACKGROUND), alpha)
    # sign(a - true a) x sum over channels of |F - B|, over 3 pixels x 3 channels
    torch.testing.assert_close(slope, pixels(-1.5, 0.5, 0.0) / 9)


def test_charbonnier_is_taken_of_each_channel() -> None:
    loss = composition_loss(ALPHA, TRUE, FOREGROUND, BACKGROUND, config=CHARBONNIER)
    first, second = 0.5 + 0.3 + math.hypot(0.2, 0.3), 0.3 + math.hypot(0.25, 0.3) + 0.3
    assert loss.item() == pytest.approx((first + second + 3 * 0.3) / 9)


def test_over_the_unknown_region_it_is_the_mean_over_the_unknown_pixels() -> None:
    unknown = pixels(1, 0, 1).bool()
    loss = composition_loss(ALPHA, TRUE, FOREGROUND, BACKGROUND, unknown=unknown)
    assert loss.item() == pytest.approx(0.4 * 1.5 / 6)


def test_the_observed_image_stands_for_the_colours_where_there_are_none() -> None:
    alpha = ALPHA.clone().requires_grad_()
    loss = observed_composition_loss(alpha, TRUE, FOREGROUND)
    assert loss.item() == pytest.approx((0.4 * 1.5 + 0.5 * 0.9 + 0.3 * 2.1) / 9)
    (slope,) = torch.autograd.grad(loss, alpha)
    torch.testing.assert_close(slope, pixels(-1.5, 0.9, 2.1) / 9)
    inside = observed_composition_loss(ALPHA, TRUE, FOREGROUND, unknown=pixels(0, 1, 0).bool())
    assert inside.item() == pytest.approx(0.5 * 0.9 / 3)
    # the cut-outs of the first pixel differ by (0.4, 0.2, 0)
    rooted = observed_composition_loss(
        ALPHA, TRUE, FOREGROUND, unknown=pixels(1, 0, 0).bool(), config=CHARBONNIER
    )
    assert rooted.item() == pytest.approx((0.5 + math.hypot(0.2, 0.3) + 0.3) / 3)


def test_shapes_that_would_broadcast_are_refused() -> None:
    alpha, colour = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4)
    flat = alpha[:, 0]
    with pytest.raises(LossError, match="equal shapes"):
        composition_loss(alpha, alpha, colour, colour[:1])
    with pytest.raises(LossError, match="equal shapes"):
        composition_loss(alpha, flat, colour, colour)
    with pytest.raises(LossError, match="three channels and otherwise equal shapes"):
        composition_loss(flat, flat, colour, colour)
    with pytest.raises(LossError, match=r"colours of \(2, 1, 4, 4\)"):
        observed_composition_loss(alpha, alpha, alpha)
