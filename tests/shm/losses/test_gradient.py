import pytest
import torch

from shm.losses import gradient_loss

TRUE = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]).view(1, 1, 2, 3)
ALPHA = torch.tensor([[0.0, 0.5, 1.0], [0.25, 0.5, 0.5]]).view(1, 1, 2, 3)


def test_the_gradient_loss_adds_up_steps_to_the_right_and_down() -> None:
    right, down = 0.5 + 0.5 + 0.25 + 0.0, 0.25 + 0.0 + 0.5
    assert gradient_loss(ALPHA, TRUE).item() == pytest.approx((right + down) / 6)


def test_it_sees_no_offset() -> None:
    assert gradient_loss(ALPHA + 0.25, ALPHA).item() == 0


def test_over_the_unknown_region_alpha_is_the_true_one_outside() -> None:
    unknown = torch.tensor([[0, 1, 0], [0, 1, 0]]).bool().view(1, 1, 2, 3)
    # 0 0.5 0 twice: two steps a row, none down, over two pixels
    assert gradient_loss(ALPHA, TRUE, unknown=unknown).item() == pytest.approx(4 * 0.5 / 2)
