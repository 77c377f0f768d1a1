import math

import pytest
import torch
from torch import Tensor

from shm.losses import LossConfig, LossError, alpha_loss

CHARBONNIER = LossConfig(distance="charbonnier", epsilon=0.3)


def pixels(*values: float) -> Tensor:
    """Return a 1-channel image of one row."""
    return torch.tensor(values).view(1, 1, 1, -1)


def test_the_alpha_loss_is_the_mean_absolute_difference_over_the_whole_image() -> None:
    loss = alpha_loss(pixels(0.2, 1.0, 0.5, 0.0), pixels(0.6, 1.0, 0.0, 0.0))
    assert loss.item() == pytest.approx((0.4 + 0.5) / 4)


def test_charbonnier_is_the_root_of_both_squares() -> None:
    loss = alpha_loss(pixels(0.2, 0.7), pixels(0.6, 0.7), config=CHARBONNIER)
    assert loss.item() == pytest.approx((0.5 + 0.3) / 2)  # 0.4, 0.3 and 0.5 make a right angle


def test_over_the_unknown_region_it_is_the_mean_over_the_unknown_pixels() -> None:
    alpha, true = pixels(0.2, 1.0, 0.5, 0.0), pixels(0.6, 1.0, 0.0, 1.0)
    unknown = pixels(1, 1, 1, 0).bool()
    assert alpha_loss(alpha, true, unknown=unknown).item() == pytest.approx(0.9 / 3)
    loss = alpha_loss(alpha, true, unknown=pixels(1, 0, 0, 0).bool(), config=CHARBONNIER)
    assert loss.item() == pytest.approx(0.5)


@pytest.mark.parametrize("epsilon", [1e-12, 1e-6, 1e-3])
def test_charbonnier_has_a_slope_of_0_where_the_alphas_are_equal(epsilon: float) -> None:
    config = LossConfig(distance="charbonnier", epsilon=epsilon)
    alpha = pixels(0.25, 0.75).requires_grad_()
    (slope,) = torch.autograd.grad(alpha_loss(alpha, pixels(0.25, 0.5), config=config), alpha)
    expected = 0.25 / math.hypot(0.25, epsilon) / 2
    torch.testing.assert_close(slope, pixels(0.0, expected))


def test_shapes_that_would_broadcast_are_refused() -> None:
    alpha = torch.rand(2, 1, 4, 4)
    with pytest.raises(LossError, match=r"\(2, 1, 4, 4\) and \(2, 4, 4\): give equal shapes"):
        alpha_loss(alpha, alpha[:, 0])
    with pytest.raises(LossError, match="equal shapes"):
        alpha_loss(alpha, alpha, unknown=alpha[:1] > 0)
    with pytest.raises(LossError, match=r"unknown region is torch\.float32: give booleans"):
        alpha_loss(alpha, alpha, unknown=alpha)
