import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from shm.metrics import MetricError, gradient_error
from shm.pipeline.seed import generator

alphas = hnp.arrays(np.uint8, (5, 6)).map(lambda alpha: alpha / 255)


def edge(height: int, width: int, column: int) -> np.ndarray:
    """Return an alpha that is 1 from a column on."""
    return np.broadcast_to(np.arange(width) >= column, (height, width)).astype(float)


def slow_magnitude(alpha: np.ndarray) -> np.ndarray:
    """Return the gradient magnitude for sigma 1.4, from whole two-dimensional filters."""
    offsets = np.arange(-4.0, 5.0)
    y, x = np.meshgrid(offsets, offsets, indexing="ij")
    across = x * np.exp(-(x**2 + y**2) / (2 * 1.4**2))
    across = across / math.sqrt((across**2).sum())
    padded = np.pad(alpha, 4, mode="edge")
    magnitude = np.empty_like(alpha)
    for row, column in np.ndindex(alpha.shape):
        seen = padded[row : row + 9, column : column + 9]
        magnitude[row, column] = math.hypot((seen * across).sum(), (seen * across.T).sum())
    return magnitude


def test_a_missing_edge_by_hand() -> None:
    # For sigma 0.3 the filters are (-1, 0, 1) / √2 across and (g, 1, g) / √(1 + 2 g²) down: only
    # the pixels on either side of the edge respond, each by 1 / √2 times the sum of the latter.
    g = math.exp(-1 / (2 * 0.3**2))
    of_a_row = (1 + 2 * g) ** 2 / (1 + 2 * g**2)
    found = gradient_error(np.zeros((4, 9)), edge(4, 9, 5), sigma=0.3)
    assert found == pytest.approx(4 * of_a_row / 1000, rel=1e-12)


@pytest.mark.parametrize("sigma", [1.0, 1.4, 2.0])
def test_a_missing_edge_costs_what_the_continuous_filters_give(sigma: float) -> None:
    # Per pixel of its length ∫ (S g)² = 4 √π σ³, where g is the Gaussian over the norm of its
    # derivative, and S the sum of a Gaussian over its norm.
    missing = gradient_error(np.zeros((10, 60)), edge(10, 60, 30), sigma=sigma)
    assert missing == pytest.approx(10 * 4 * math.sqrt(math.pi) * sigma**3 / 1000, rel=0.06)


def test_an_edge_out_of_place_costs_less_than_none_where_filters_overlap() -> None:
    true = edge(10, 40, 20)
    costs = [gradient_error(edge(10, 40, column), true) for column in (20, 21, 22, 23)]
    assert costs == sorted(costs)
    assert costs[0] == 0
    assert costs[1] < gradient_error(np.zeros_like(true), true)


def test_the_border_is_no_edge() -> None:
    assert gradient_error(np.ones((7, 8)), np.zeros((7, 8))) == pytest.approx(0, abs=1e-25)
    whole = gradient_error(np.zeros((10, 30)), edge(10, 30, 15))
    for rows in (slice(0, 1), slice(4, 5), slice(9, 10)):
        region = np.zeros((10, 30), bool)
        region[rows] = True
        part = gradient_error(np.zeros((10, 30)), edge(10, 30, 15), region)
        assert part == pytest.approx(whole / 10)


def test_an_image_smaller_than_the_filters_has_a_figure() -> None:
    assert gradient_error(np.zeros((1, 2)), np.array([[0.0, 1.0]])) > 0


def test_filters_see_what_lies_outside_the_region() -> None:
    right = np.zeros((5, 20), bool)
    right[:, 10:] = True
    assert gradient_error(np.zeros((5, 20)), edge(5, 20, 9), right) > 0


def test_a_matte_that_is_too_faint_is_wrong() -> None:
    true = edge(5, 20, 10)
    missing = gradient_error(np.zeros_like(true), true)
    assert gradient_error(true * 0.5, true) == pytest.approx(missing / 4)


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_slow_plain_filters(seed: int) -> None:
    random = generator(seed, "gradient")
    alpha, true = random.random((2, 24, 24))
    region = random.random((24, 24)) < 0.4
    errors = (slow_magnitude(alpha) - slow_magnitude(true)) ** 2
    assert gradient_error(alpha, true) == pytest.approx(errors.sum() / 1000, rel=1e-9)
    assert gradient_error(alpha, true, region) == pytest.approx(
        errors[region].sum() / 1000, rel=1e-9
    )


@given(alphas, alphas)
def test_figures_are_zero_for_equals_and_the_same_for_a_mirrored_pair(
    first: np.ndarray, second: np.ndarray
) -> None:
    assert gradient_error(first, first) == 0
    found = gradient_error(first, second)
    assert found == gradient_error(second, first) >= 0
    for mirror in (np.flipud, np.fliplr, np.transpose):
        assert gradient_error(mirror(first), mirror(second)) == pytest.approx(found, abs=1e-12)
    # What an alpha hides is what its inverse shows: the same edges.
    assert gradient_error(1 - first, 1 - second) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("sigma", [0, -1, 0.05, 11, math.nan, math.inf])
def test_a_sigma_out_of_range_is_refused(sigma: float) -> None:
    with pytest.raises(MetricError, match=r"0\.1 to 10 pixels"):
        gradient_error(np.zeros((3, 3)), np.zeros((3, 3)), sigma=sigma)


@pytest.mark.parametrize("sigma", [0.1, 10])
def test_a_sigma_at_the_end_of_its_range_gives_a_figure(sigma: float) -> None:
    assert gradient_error(np.zeros((9, 9)), edge(9, 9, 4), sigma=sigma) > 0
