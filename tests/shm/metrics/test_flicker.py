import numpy as np
import pytest

from shm.metrics import MetricError
from shm.metrics.flicker import dtssd


def test_it_is_the_root_mean_square_of_the_difference_between_changes() -> None:
    before, now = np.array([[0.0, 0.5]]), np.array([[0.4, 0.5]])
    true_before, true_now = np.array([[0.0, 0.5]]), np.array([[0.1, 0.5]])
    assert dtssd(now, true_now, before, true_before) == pytest.approx(np.sqrt(0.3**2 / 2))
    region = np.array([[True, False]])
    assert dtssd(now, true_now, before, true_before, region) == pytest.approx(0.3)


def test_a_constant_error_does_not_flicker() -> None:
    random = np.random.default_rng(0)
    true_before, true_now = random.random((2, 5, 6)) / 2
    assert dtssd(true_now + 0.25, true_now, true_before + 0.25, true_before) == pytest.approx(0)


def test_an_empty_region_has_no_figure_and_sizes_must_agree() -> None:
    alpha = np.zeros((2, 3))
    assert np.isnan(dtssd(alpha, alpha, alpha, alpha, np.zeros((2, 3), bool)))
    with pytest.raises(MetricError, match="of one size"):
        dtssd(alpha, alpha, alpha[:, :2], alpha[:, :2])
