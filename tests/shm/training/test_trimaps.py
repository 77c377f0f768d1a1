import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN
from shm.training.batch import BatchError
from shm.training.trimaps import classes_of, dilated, one_hot, random_trimaps


def by_pooling(region: Tensor, reach: int) -> Tensor:
    pooled = F.max_pool2d(region[None].float(), 2 * reach + 1, stride=1, padding=reach)
    return pooled[0] > 0


def drawn(height: int, width: int, seed: int, count: int = 3) -> Tensor:
    """Draw regions, most of them sparse."""
    random = torch.Generator().manual_seed(seed)
    share = torch.rand(count, 1, 1, generator=random) ** 4
    return torch.rand(count, height, width, generator=random) < share


@given(
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    reaches=st.lists(st.integers(0, 40), min_size=3, max_size=3),
    seed=st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_each_region_grows_by_its_own_reach_as_a_square_kernel_makes_it(
    size: tuple[int, int], reaches: list[int], seed: int
) -> None:
    regions = drawn(*size, seed)
    for found, region, reach in zip(dilated(regions, reaches), regions, reaches, strict=True):
        assert torch.equal(found, by_pooling(region[None], reach)[0])


@given(
    band=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    other=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_unknown_is_what_lies_within_the_band_of_a_soft_pixel(
    band: tuple[int, int], other: tuple[int, int], seed: int
) -> None:
    levels = torch.where(drawn(28, 33, seed, 2), 255.0, 0.0)
    levels[:, 10:12] = torch.linspace(0, 255, 33)
    alpha = levels + torch.where(levels > 100, -0.49, 0.49)  # still rounds to the same
    for found, level, (inwards, outwards) in zip(
        random_trimaps(alpha, [band, other]), levels.round(), (band, other), strict=True
    ):
        expected = torch.full(level.shape, UNKNOWN, dtype=torch.uint8)
        expected[~by_pooling((level > 0)[None], outwards)[0]] = BACKGROUND
        expected[~by_pooling((level < 255)[None], inwards)[0]] = FOREGROUND
        assert torch.equal(found, expected)


def test_certain_pixels_are_opaque_or_empty() -> None:
    alpha = torch.linspace(-0.4, 255.4, 50 * 50).view(1, 50, 50).clamp(0, 255)
    trimap = random_trimaps(alpha, [(2, 3)])
    assert (alpha[trimap == FOREGROUND].round() == 255).all()
    assert (alpha[trimap == BACKGROUND].round() == 0).all()
    assert (trimap == UNKNOWN).any()


def test_classes_are_the_trimap_s_and_one_hot_says_the_same() -> None:
    trimap = torch.tensor([0, 128, 255, 128], dtype=torch.uint8).view(1, 1, 2, 2)
    classes = classes_of(trimap)
    assert classes.tolist() == [[[0, 1], [2, 1]]]
    assert classes.dtype == torch.int64
    probabilities = one_hot(classes)
    assert torch.equal(probabilities, F.one_hot(classes, 3).movedim(-1, 1).float())
    assert torch.equal(probabilities.argmax(1), classes)


def test_a_trimap_with_another_value_is_refused_by_the_name_of_its_sample() -> None:
    trimap = torch.tensor([0, 128, 255, 200], dtype=torch.uint8).view(2, 1, 1, 2)
    with pytest.raises(BatchError, match="s1 holds 200"):
        classes_of(trimap, ["s0", "s1"])
    with pytest.raises(BatchError, match="number 1 of the batch holds 200"):
        classes_of(trimap)
