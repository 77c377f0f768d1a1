import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shm.metrics import MetricError, connectivity_error
from shm.pipeline.seed import generator

# Few values, so that alphas often reach a level together and regions are often of one size.
alphas = hnp.arrays(np.uint8, (4, 6), elements=st.sampled_from([0, 26, 60, 128, 230, 255]))


def chain(*alpha: float) -> np.ndarray:
    """Return an alpha one pixel high."""
    return np.array([alpha], float)


def slow_regions(pixels: set[tuple[int, int]]) -> list[set[tuple[int, int]]]:
    """Return the 4-connected regions, found by walking."""
    regions, left = [], set(pixels)
    while left:
        region, edge = set[tuple[int, int]](), [left.pop()]
        while edge:
            y, x = edge.pop()
            region.add((y, x))
            near = {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)} & left
            left -= near
            edge.extend(near)
        regions.append(region)
    return regions


def slow_errors(alpha: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the error at each pixel of 8-bit alphas, in whole numbers: 1 is 2550."""
    inside = set(np.ndindex(alpha.shape))
    last = np.full(alpha.shape, 10)
    for level in range(1, 11):
        reach = {
            at
            for at in np.ndindex(alpha.shape)
            if 10 * min(int(alpha[at]), int(true[at])) >= 255 * level
        }
        regions = slow_regions(reach)
        most = max(map(len, regions), default=0)
        source = {at for region in regions if len(region) == most for at in region}
        for at in inside - source:
            last[at] = level - 1
        inside &= source

    def phi(each: np.ndarray, at: tuple[int, ...]) -> int:
        beyond = 10 * int(each[at]) - 255 * int(last[at])
        return 2550 - beyond * (20 * beyond >= 3 * 2550)

    errors = np.empty(alpha.shape)
    for at in np.ndindex(alpha.shape):
        errors[at] = abs(phi(alpha, at) - phi(true, at)) / 2550
    return errors


def test_a_chain_that_is_cut_at_a_known_level() -> None:
    # At 0.5 the link breaks, and the two pixels beyond it leave at 0.4 with it. The link itself has
    # 0.05 beyond that level, which is not minded, where it ought to have 0.6; the two pixels have
    # as much as they ought to have.
    found = connectivity_error(chain(1, 1, 1, 1, 0.45, 1, 1), np.ones((1, 7)))
    assert found == pytest.approx(0.6 / 1000)
    # Beyond the link, 0.8 instead of 1 is 0.4 instead of 0.6.
    found = connectivity_error(chain(1, 1, 1, 1, 0.45, 0.8, 1), np.ones((1, 7)))
    assert found == pytest.approx((0.6 + 0.2) / 1000)


def test_an_island_that_is_not_there_counts_whole() -> None:
    found = connectivity_error(chain(1, 1, 1, 1, 0, 1, 1), chain(1, 1, 1, 1, 0, 0, 0))
    assert found == pytest.approx(2 / 1000)


def test_a_small_loss_of_opacity_is_pardoned_and_a_large_one_is_not() -> None:
    assert connectivity_error(chain(1, 1, 1, 0.9, 0.9), np.ones((1, 5))) == 0
    found = connectivity_error(chain(1, 1, 1, 0.8, 0.8), np.ones((1, 5)))
    assert found == pytest.approx(2 * 0.2 / 1000)
    pardoned = connectivity_error(chain(1, 1, 1, 0.8, 0.8), np.ones((1, 5)), threshold=0.25)
    assert pardoned == 0


def test_a_pixel_that_never_leaves_has_no_error() -> None:
    # Opaque in both, it is connected up to 1, and has nothing beyond that.
    alpha, true = chain(1, 1, 1, 0), np.ones((1, 4))
    assert connectivity_error(alpha, true) == pytest.approx(1 / 1000)
    assert connectivity_error(alpha, true, alpha == 1) == 0


def test_corners_that_touch_are_not_connected() -> None:
    true = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    alpha = true.copy()
    alpha[2, 2] = 0.1  # across a corner it would be connected up to 0.1, and the error be 0.9
    assert connectivity_error(alpha, true) == pytest.approx(1 / 1000)


def test_the_background_is_never_the_source_however_large() -> None:
    alpha, true = np.zeros((2, 1, 99))
    true[0, :2] = 1
    alpha[0, :2] = (1, 0.1)  # were nothing connected, the error would be 1
    assert connectivity_error(alpha, true) == pytest.approx(0.9 / 1000)


def test_a_pixel_that_left_does_not_come_back() -> None:
    # Two pixels leave at 0, the source being the other three, and are the largest region from 0.2.
    true, alpha = chain(0.1, 0.1, 0.1, 0, 1, 1), chain(0.1, 0.1, 0.1, 0, 1, 0.9)
    assert connectivity_error(alpha, true) == pytest.approx(0.1 / 1000)


def test_regions_of_one_size_are_the_source_together() -> None:
    true, alpha = chain(1, 1, 0, 1, 1), chain(1, 0.9, 0, 1, 1)
    for step in (1, -1):
        assert connectivity_error(alpha[:, ::step], true[:, ::step]) == 0


def test_all_leave_where_no_pixel_reaches_a_level() -> None:
    assert connectivity_error(np.zeros((3, 4)), np.ones((3, 4))) == pytest.approx(12 / 1000)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_level_that_rounding_missed_is_reached(dtype: type[np.floating]) -> None:
    true = np.ones((1, 4), dtype)
    for level in range(2, 9):
        alpha = chain(1, 1, 1, level / 10).astype(dtype)
        found = connectivity_error(alpha, true)
        assert found == pytest.approx((1 - level / 10) / 1000, rel=1e-6)
    # 0.35 is 0.15 beyond 0.2, and so is minded.
    alpha, true = (chain(1, 1, 1, last).astype(dtype) for last in (0.2, 0.35))
    assert connectivity_error(alpha, true) == pytest.approx(0.15 / 1000, rel=1e-6)


def test_a_finer_step_finds_the_level_more_closely() -> None:
    alpha, true = chain(1, 1, 1, 0.55), np.ones((1, 4))
    assert connectivity_error(alpha, true, step=0.5) == pytest.approx(0.5 / 1000)
    assert connectivity_error(alpha, true, step=0.05) == pytest.approx(0.45 / 1000)


@pytest.mark.parametrize("coarse", [1, 2, 6])
def test_figures_are_those_of_a_slow_plain_walk(coarse: int) -> None:
    random = generator(coarse, "connectivity")
    true = np.kron(
        random.integers(0, 256, (24 // coarse, 24 // coarse)), np.ones((coarse, coarse), int)
    )
    true = np.where(random.random((24, 24)) < 0.4, 255, true)
    alpha = np.clip(true + random.integers(-40, 41, true.shape), 0, 255)
    region = random.random((24, 24)) < 0.4
    errors = slow_errors(alpha, true)
    assert errors.sum() > 1
    found = connectivity_error(alpha / 255, true / 255)
    assert found == pytest.approx(errors.sum() / 1000, rel=1e-9)
    found = connectivity_error(alpha / 255, true / 255, region)
    assert found == pytest.approx(errors[region].sum() / 1000, rel=1e-9)


@given(alphas, alphas)
def test_figures_of_a_few_levels_are_those_of_the_walk(alpha: np.ndarray, true: np.ndarray) -> None:
    found = connectivity_error(alpha / 255, true / 255)
    assert found == pytest.approx(slow_errors(alpha, true).sum() / 1000)


@given(alphas.map(lambda alpha: alpha / 255), alphas.map(lambda alpha: alpha / 255))
def test_figures_are_zero_for_equals_and_the_same_for_a_mirrored_pair(
    first: np.ndarray, second: np.ndarray
) -> None:
    assert connectivity_error(first, first) == 0
    found = connectivity_error(first, second)
    assert found == connectivity_error(second, first) >= 0
    for mirror in (np.flipud, np.fliplr, np.transpose):
        assert connectivity_error(mirror(first), mirror(second)) == pytest.approx(found)


@pytest.mark.parametrize("step", [0, -0.1, 0.3, 1.5, math.nan])
def test_a_step_that_does_not_divide_1_is_refused(step: float) -> None:
    with pytest.raises(MetricError, match="divides 1"):
        connectivity_error(np.zeros((3, 3)), np.zeros((3, 3)), step=step)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(MetricError, match=r"lie in \[0, 1\]"):
        connectivity_error(np.zeros((3, 3)), np.zeros((3, 3)), threshold=threshold)
