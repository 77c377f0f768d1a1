import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from shm.metrics import (
    ALL_METRICS,
    METRICS,
    Metric,
    MetricError,
    connectivity_error,
    gradient_error,
    mad,
    mse,
    sad,
    score,
)

ALPHA = np.array([[0.0, 0.5], [1.0, 0.25]])
TRUE = np.array([[0.0, 1.0], [0.9, 0.25]])
UNKNOWN = np.array([[False, True], [False, True]])
TRIMAP = np.where(UNKNOWN, 128, 255).astype(np.uint8)

Measure = Callable[..., float]
FUNCTIONS: dict[str, Measure] = {
    "sad": sad,
    "mse": mse,
    "mad": mad,
    "grad": gradient_error,
    "conn": connectivity_error,
}

alphas = hnp.arrays(np.uint8, (3, 4)).map(lambda alpha: alpha / 255)


def test_figures_of_two_by_two_pixels_by_hand() -> None:
    assert sad(ALPHA, TRUE) == pytest.approx((0.5 + 0.1) / 1000)
    assert mad(ALPHA, TRUE) == pytest.approx((0.5 + 0.1) / 4)
    assert mse(ALPHA, TRUE) == pytest.approx((0.25 + 0.01) / 4)


def test_a_region_leaves_the_other_pixels_out() -> None:
    assert sad(ALPHA, TRUE, UNKNOWN) == pytest.approx(0.5 / 1000)
    assert mad(ALPHA, TRUE, UNKNOWN) == pytest.approx(0.5 / 2)
    assert mse(ALPHA, TRUE, UNKNOWN) == pytest.approx(0.25 / 2)


@pytest.mark.parametrize("metrics", [METRICS, ALL_METRICS])
def test_a_score_has_the_whole_image_and_the_unknown_region(metrics: dict[str, Metric]) -> None:
    assert score(ALPHA, TRUE, TRIMAP, metrics=metrics) == {
        "whole": {name: FUNCTIONS[name](ALPHA, TRUE) for name in metrics},
        "unknown": {name: FUNCTIONS[name](ALPHA, TRUE, UNKNOWN) for name in metrics},
    }


def test_the_slow_metrics_are_left_out_unless_asked_for() -> None:
    assert list(score(ALPHA, TRUE, TRIMAP)["whole"]) == list(METRICS) == ["sad", "mse", "mad"]
    assert list(ALL_METRICS) == list(FUNCTIONS)


def test_training_scores_without_scipy() -> None:
    code = (
        "import sys\n"
        "sys.modules['scipy'] = None\n"
        "import numpy as np\n"
        "from shm.metrics import score\n"
        "alpha = np.ones((2, 2))\n"
        "print(score(alpha, 0 * alpha, np.full((2, 2), 128, np.uint8))['unknown']['mad'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(done.stdout) == 1


def test_an_image_without_unknown_pixels_has_no_figure_there() -> None:
    certain = np.full_like(TRIMAP, 255)
    found = score(ALPHA, TRUE, certain, metrics=ALL_METRICS)
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


@pytest.mark.parametrize("measure", FUNCTIONS.values())
def test_an_image_without_pixels_has_no_figure(measure: Measure) -> None:
    for shape in ((0, 0), (0, 3), (3, 0)):
        assert math.isnan(measure(np.zeros(shape), np.zeros(shape)))


@pytest.mark.parametrize("measure", FUNCTIONS.values())
def test_every_metric_refuses_what_cannot_be_compared(measure: Measure) -> None:
    with pytest.raises(MetricError, match=r"\(2, 2\) and \(1, 2\)"):
        measure(ALPHA, TRUE[:1])
    with pytest.raises(MetricError, match="alpha / 255"):
        measure((ALPHA * 255).astype(np.uint8), TRUE)
    with pytest.raises(MetricError, match="give bools"):
        measure(ALPHA, TRUE, UNKNOWN[:1])


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
