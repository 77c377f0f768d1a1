import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from shm.losses import LossConfig, LossError, trimap_loss
from shm.pipeline.values import TrimapClass

DICE = LossConfig(trimap="dice")


def labels(*values: int) -> Tensor:
    """Return classes of one row."""
    return torch.tensor(values).view(1, 1, -1)


def certain(classes: Tensor) -> Tensor:
    """Return logits that leave no doubt."""
    return 50.0 * F.one_hot(classes, 3).movedim(-1, 1)


def test_the_trimap_loss_is_the_cross_entropy_of_each_pixels_class() -> None:
    logits = torch.zeros(1, 3, 1, 2)
    logits[0, TrimapClass.FOREGROUND, 0, 0] = math.log(2)
    classes = labels(TrimapClass.FOREGROUND, TrimapClass.UNKNOWN)
    expected = (-math.log(2 / 4) - math.log(1 / 3)) / 2
    assert trimap_loss(logits, classes).item() == pytest.approx(expected)


def test_each_pixel_weighs_what_its_true_class_does() -> None:
    logits = torch.zeros(1, 3, 1, 2)
    logits[0, TrimapClass.FOREGROUND, 0, 0] = math.log(2)
    classes = labels(TrimapClass.FOREGROUND, TrimapClass.UNKNOWN)
    loss = trimap_loss(logits, classes, LossConfig(class_weights=(1.0, 3.0, 2.0)))
    assert loss.item() == pytest.approx((2 * math.log(2) + 3 * math.log(3)) / 5)


def test_dice_by_hand() -> None:
    logits = torch.zeros(1, 3, 1, 2)  # each class has probability 1/3 on both pixels
    loss = trimap_loss(logits, labels(TrimapClass.BACKGROUND, TrimapClass.BACKGROUND), DICE)
    background = (2 * 2 / 3 + 1) / (2 / 3 + 2 + 1)
    others = 1 / (2 / 3 + 1)
    assert loss.item() == pytest.approx(1 - (background + 2 * others) / 3)


def test_dice_is_0_of_a_perfect_trimap_and_nearly_1_of_one_that_is_wrong_everywhere() -> None:
    classes = torch.arange(3).repeat(1000).view(1, 30, 100)
    assert trimap_loss(certain(classes), classes, DICE).item() == pytest.approx(0, abs=1e-6)
    wrong = trimap_loss(certain((classes + 1) % 3), classes, DICE)
    assert wrong.item() == pytest.approx(1, abs=1e-3)


def test_a_class_that_is_neither_seen_nor_there_costs_nothing_in_dice() -> None:
    classes = torch.full((1, 4, 4), TrimapClass.BACKGROUND)
    assert trimap_loss(certain(classes), classes, DICE).item() == pytest.approx(0, abs=1e-6)


def test_shapes_that_do_not_fit_are_refused() -> None:
    logits = torch.rand(2, 3, 4, 4)
    with pytest.raises(LossError, match="equal shapes"):
        trimap_loss(logits, torch.zeros(2, 4, 5, dtype=torch.int64))
    with pytest.raises(LossError, match="a channel for each class"):
        trimap_loss(logits[:, :2], torch.zeros(2, 4, 4, dtype=torch.int64))
