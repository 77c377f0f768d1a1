import math

import pytest
import torch
from torch import Tensor

from shm.losses import (
    LossConfig,
    LossError,
    alpha_loss,
    composition_loss,
    trimap_loss,
)
from shm.pipeline.values import TrimapClass


def pixels(*values: float) -> Tensor:
    """Return a 1-channel image of one row."""
    return torch.tensor(values).view(1, 1, 1, -1)


def colours(*values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).T.reshape(1, 3, 1, -1)


def test_the_alpha_loss_is_the_mean_absolute_difference_over_the_whole_image() -> None:
    loss = alpha_loss(pixels(0.2, 1.0, 0.5, 0.0), pixels(0.6, 1.0, 0.0, 0.0))
    assert loss.item() == pytest.approx((0.4 + 0.5) / 4)


def test_the_composition_loss_compares_composites_of_the_true_colours() -> None:
    alpha, true = pixels(0.2, 0.9), pixels(0.6, 0.4)
    foreground = colours((1.0, 0.5, 0.0), (0.3, 0.3, 0.3))
    background = colours((0.0, 0.5, 0.5), (0.3, 0.8, 0.3))
    loss = composition_loss(alpha, true, foreground, background)
    made, truth = (a * foreground + (1 - a) * background for a in (alpha, true))
    assert loss.item() == pytest.approx((made - truth).abs().mean().item())
    # by hand: 0.4 x (1 + 0 + 0.5) and 0.5 x (0 + 0.5 + 0), over 2 pixels x 3 channels
    assert loss.item() == pytest.approx((0.4 * 1.5 + 0.5 * 0.5) / 6)


def test_the_gradient_of_the_composition_loss_is_the_contrast_of_the_colours() -> None:
    alpha = pixels(0.2, 0.9, 0.5).requires_grad_()
    true = pixels(0.6, 0.4, 0.2)
    foreground = colours((1.0, 0.5, 0.0), (0.3, 0.3, 0.3), (0.7, 0.7, 0.7))
    background = colours((0.0, 0.5, 0.5), (0.3, 0.8, 0.3), (0.7, 0.7, 0.7))
    composition_loss(alpha, true, foreground, background).backward()  # type: ignore[no-untyped-call]
    # sign(a - true a) x sum over channels of |F - B|, over 3 pixels x 3 channels
    expected = pixels(-1.5, 0.5, 0.0) / 9
    assert alpha.grad is not None
    torch.testing.assert_close(alpha.grad, expected)


def test_the_trimap_loss_is_the_cross_entropy_of_each_pixels_class() -> None:
    logits = torch.zeros(1, 3, 1, 2)
    logits[0, TrimapClass.FOREGROUND, 0, 0] = math.log(2)
    classes = torch.tensor([[[TrimapClass.FOREGROUND, TrimapClass.UNKNOWN]]])
    expected = (-math.log(2 / 4) - math.log(1 / 3)) / 2
    assert trimap_loss(logits, classes).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"gamma": -0.1},
        {"gamma": 1.1},
        {"gamma": math.nan},
        {"trimap_weight": -1.0},
        {"trimap_weight": math.inf},
        {"auxiliary_weight": math.nan},
    ],
)
def test_a_weight_out_of_bounds_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(LossError, match=next(iter(wrong))):
        LossConfig(**wrong)


def test_shapes_that_would_broadcast_are_refused() -> None:
    alpha, flat = torch.rand(2, 1, 4, 4), torch.rand(2, 4, 4)
    colour = torch.rand(2, 3, 4, 4)
    with pytest.raises(LossError, match="equal shapes"):
        alpha_loss(alpha, flat)
    with pytest.raises(LossError, match="equal shapes"):
        composition_loss(alpha, alpha, colour, colour[:1])
    with pytest.raises(LossError, match="equal shapes"):
        composition_loss(flat, flat, colour, colour)
    with pytest.raises(LossError, match="equal shapes"):
        trimap_loss(colour, torch.zeros(2, 4, 5, dtype=torch.int64))
