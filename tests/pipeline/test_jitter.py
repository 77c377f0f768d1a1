"""Colour jitter: each change keeps what it should keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shm.pipeline.jitter import JitterConfig, JitterError, colour_transform, draw_transform

LUMA = np.array([0.299, 0.587, 0.114])
FACTORS = st.floats(0, 2)
TURNS = st.floats(-0.5, 0.5)
COLOURS = np.random.default_rng(0).uniform(0, 1, (50, 3))


def changed(colours: NDArray[np.float64], transform: NDArray[np.float32]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = colours @ transform[:, :3].T + transform[:, 3]
    return found


def test_no_change_is_the_identity() -> None:
    np.testing.assert_allclose(colour_transform(), np.eye(3, 4), atol=1e-7)


@given(factor=FACTORS)
def test_brightness_multiplies(factor: float) -> None:
    found = changed(COLOURS, colour_transform(brightness=factor))
    np.testing.assert_allclose(found, factor * COLOURS, atol=1e-6)


@given(factor=FACTORS)
def test_contrast_leaves_mid_grey_alone(factor: float) -> None:
    found = changed(COLOURS, colour_transform(contrast=factor))
    np.testing.assert_allclose(found - 0.5, factor * (COLOURS - 0.5), atol=1e-6)


@given(factor=FACTORS, turns=TURNS)
def test_saturation_and_hue_leave_luma_and_greys_alone(factor: float, turns: float) -> None:
    transform = colour_transform(saturation=factor, hue=turns)
    np.testing.assert_allclose(changed(COLOURS, transform) @ LUMA, COLOURS @ LUMA, atol=1e-5)
    greys = np.full((5, 3), 1.0) * np.linspace(0, 1, 5)[:, None]
    np.testing.assert_allclose(changed(greys, transform), greys, atol=1e-5)


def test_without_saturation_all_is_grey() -> None:
    found = changed(COLOURS, colour_transform(saturation=0.0))
    np.testing.assert_allclose(found, np.repeat((COLOURS @ LUMA)[:, None], 3, 1), atol=1e-5)


@given(first=TURNS, second=TURNS)
def test_turns_of_hue_add_up(first: float, second: float) -> None:
    twice = changed(changed(COLOURS, colour_transform(hue=first)), colour_transform(hue=second))
    np.testing.assert_allclose(
        twice, changed(COLOURS, colour_transform(hue=first + second)), atol=1e-5
    )


def test_changes_come_in_their_order() -> None:
    found = changed(
        COLOURS, colour_transform(brightness=0.7, contrast=1.3, saturation=0.6, hue=0.2)
    )
    expected = COLOURS
    for change in ({"brightness": 0.7}, {"contrast": 1.3}, {"saturation": 0.6}, {"hue": 0.2}):
        expected = changed(expected, colour_transform(**change))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_zero_strengths_draw_nothing() -> None:
    random = np.random.default_rng(3)
    assert draw_transform(JitterConfig(), random) is None
    assert random.random() == np.random.default_rng(3).random()


def test_draws_are_within_their_strengths_and_of_the_generator_alone() -> None:
    config = JitterConfig(brightness=0.2)
    factors = set()
    for seed in range(50):
        drawn = draw_transform(config, np.random.default_rng(seed))
        again = draw_transform(config, np.random.default_rng(seed))
        assert drawn is not None
        assert again is not None
        assert np.array_equal(drawn, again)
        np.testing.assert_allclose(drawn, drawn[0, 0] * np.eye(3, 4), atol=1e-6)
        factors.add(float(drawn[0, 0]))
    assert 0.8 <= min(factors) < 0.85
    assert 1.15 < max(factors) <= 1.2


@pytest.mark.parametrize(
    "wrong", [{"brightness": 1.5}, {"contrast": -0.1}, {"saturation": float("nan")}, {"hue": 0.6}]
)
def test_a_strength_out_of_bounds_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(JitterError, match=f"{next(iter(wrong))} is "):
        JitterConfig(**wrong)
