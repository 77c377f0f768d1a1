"""What two papers print of the same errors, by hand."""

import numpy as np
import pytest

from shm.metrics import ALL_METRICS, score
from shm.metrics.convention import CONVENTIONS, PUBLISHED


@pytest.fixture
def figures() -> dict[str, dict[str, float]]:
    """Four pixels, two of them unknown: wrong by 0.5 and 0.1 there, by 0.2 and 0 elsewhere."""
    alpha = np.array([[0.5, 0.9], [0.2, 1.0]])
    truth = np.array([[1.0, 1.0], [0.0, 1.0]])
    trimap = np.array([[128, 128], [0, 255]], np.uint8)
    return score(alpha, truth, trimap, metrics=ALL_METRICS)


def test_deep_image_matting_sums_over_the_unknown_region_in_thousands(
    figures: dict[str, dict[str, float]],
) -> None:
    found = CONVENTIONS["dim"].of(figures, 2)
    assert found["sad"] == pytest.approx(0.6 / 1000)
    assert found["mse"] == pytest.approx((0.25 + 0.01) / 2)
    for name in ("grad", "conn"):
        assert found[name] == figures["unknown"][name]


def test_semantic_human_matting_divides_by_the_pixels_of_the_whole_image(
    figures: dict[str, dict[str, float]],
) -> None:
    found = CONVENTIONS["shm"].of(figures, 4)
    assert found["sad"] == pytest.approx(0.8 / 4)
    assert found["sad"] == pytest.approx(figures["whole"]["mad"])
    assert found["mse"] == pytest.approx((0.25 + 0.01 + 0.04) / 4)
    for name in ("grad", "conn"):
        assert found[name] == pytest.approx(1000 * figures["whole"][name] / 4)
    assert tuple(found) == PUBLISHED


def test_an_empty_region_has_no_figures() -> None:
    alpha = np.ones((2, 2))
    figures = score(alpha, alpha, np.full((2, 2), 255, np.uint8), metrics=ALL_METRICS)
    assert all(np.isnan(each) for each in CONVENTIONS["dim"].of(figures, 0).values())
