import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from shm.metrics import METRICS, MetricError, mad, mse, sad, score

ALPHA = np.array([[0.0, 0.5], [1.0, 0.25]])
TRUE = np.array([[0.0, 1.0], [0.9, 0.25]])
UNKNOWN = np.array([[False, True], [False, True]])
TRIMAP = np.where(UNKNOWN, 128, 255).astype(np.uint8)

alphas = hnp.arrays(np.uint8, (3, 4)).map(lambda alpha: alpha / 255)


def test_figures_of_two_by_two_pixels_by_hand() -> None:
    assert sad(ALPHA, TRUE) == pytest.approx((0.5 + 0.1) / 1000)
    assert mad(ALPHA, TRUE) == pytest.approx((0.5 + 0.1) / 4)
    assert mse(ALPHA, TRUE) == pytest.approx((0.25 + 0.01) / 4)


def test_a_region_leaves_the_other_pixels_out() -> None:
    assert sad(ALPHA, TRUE, UNKNOWN) == pytest.approx(0.5 / 1000)
    assert mad(ALPHA, TRUE, UNKNOWN) == pytest.approx(0.5 / 2)
    assert mse(ALPHA, TRUE, UNKNOWN) == pytest.approx(0.25 / 2)


def test_a_score_has_the_whole_image_and_the_unknown_region() -> None:
    assert score(ALPHA, TRUE, TRIMAP) == {
        "whole": {name: measure(ALPHA, TRUE) for name, measure in METRICS.items()},
        "unknown": {name: measure(ALPHA, TRUE, UNKNOWN) for name, measure in METRICS.items()},
    }
    assert list(METRICS) == ["sad", "mse", "mad"]


def test_an_image_without_unknown_pixels_has_no_figure_there() -> None:
    certain = np.full_like(TRIMAP, 255)
    found = score(ALPHA, TRUE, certain)
    assert all(math.isnan(value) for value in found["unknown"].values())
    assert found["whole"]["sad"] > 0


def test_bytes_of_a_float32_alpha_are_summed_exactly() -> None:
    alpha = np.full((2000, 1000), 0.1, np.float32)
    true = np.zeros_like(alpha)
    assert sad(alpha, true) == pytest.approx(2000 * float(np.float32(0.1)), rel=1e-12)


@given(alphas, alphas)
def test_figures_are_symmetric_and_zero_for_equals_alone(
    first: np.ndarray, second: np.ndarray
) -> None:
    for measure in (sad, mad):
        assert measure(first, second) == measure(second, first) >= 0
        assert (measure(first, second) == 0) == np.array_equal(first, second)
    assert mse(first, second) <= mad(first, second)
    assert sad(first, second) * 1000 == pytest.approx(mad(first, second) * first.size)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(MetricError, match=r"\(2, 2\) and \(1, 2\)"):
        sad(ALPHA, TRUE[:1])
    with pytest.raises(MetricError, match="alpha / 255"):
        sad((ALPHA * 255).astype(np.uint8), TRUE)
    with pytest.raises(MetricError, match=r"true alpha spans 0 to 255"):
        sad(ALPHA, TRUE * 255)
    with pytest.raises(MetricError, match=r"\[0, 1\]"):
        mse(ALPHA * math.nan, TRUE)
    with pytest.raises(MetricError, match="give bools"):
        mad(ALPHA, TRUE, TRIMAP)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="give bools"):
        score(ALPHA, TRUE, TRIMAP[:1])
