"""Fits of colour: exact where alpha depends on colour alone, equal to plain least squares."""

import numpy as np
import pytest
from numpy.typing import NDArray

from shm.pipeline.refine.guided import fit_colours


def noise(size: int = 40, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((size, size, 3), np.float32)


@pytest.mark.parametrize("radius", [1, 4, 16])
def test_a_linear_function_of_colour_is_found_again(radius: int) -> None:
    image = noise()
    target = (image @ np.array([0.5, -0.3, 0.2], np.float32) + 0.3).astype(np.float32)
    fit = fit_colours(image, target, radius, epsilon=1e-7)
    np.testing.assert_allclose(fit.predict(image), target, atol=2e-4)


def test_the_fits_are_ridge_regressions_of_each_window_averaged() -> None:
    image, radius, epsilon, size = noise(9), 1, 1e-3, 9
    target = np.random.default_rng(1).random((size, size), np.float32)
    slopes, offsets = np.zeros((size, size, 3)), np.zeros((size, size))
    for row in range(1, size - 1):
        for column in range(1, size - 1):
            window = (slice(row - 1, row + 2), slice(column - 1, column + 2))
            colours, values = image[window].reshape(-1, 3).astype(float), target[window].ravel()
            centred = colours - colours.mean(axis=0)
            covariance = centred.T @ centred / 9 + epsilon * np.eye(3)
            slope = np.linalg.solve(covariance, centred.T @ (values - values.mean()) / 9)
            slopes[row, column] = slope
            offsets[row, column] = values.mean() - slope @ colours.mean(axis=0)
    fit = fit_colours(image, target, radius, epsilon)
    for row in range(2, size - 2):
        for column in range(2, size - 2):
            window = (slice(row - 1, row + 2), slice(column - 1, column + 2))
            mean_slope = slopes[window].reshape(-1, 3).mean(axis=0)
            np.testing.assert_allclose(fit.slope[row, column], mean_slope, rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(fit.offset[row, column], offsets[window].mean(), atol=1e-3)


def test_one_colour_everywhere_gives_the_windows_mean() -> None:
    target = np.zeros((20, 20), np.float32)
    target[:, 10:] = 1
    image = np.full((20, 20, 3), 0.5, np.float32)
    alpha = fit_colours(image, target, 2).predict(image)
    assert np.isfinite(alpha).all()
    np.testing.assert_allclose(alpha[:, 9], np.full(20, alpha[0, 9]), atol=1e-5)
    assert alpha[0, 9] < 0.5 < alpha[0, 10]


@pytest.mark.parametrize("radius", [1, 4])
def test_a_grey_photo_is_fitted_as_exactly_as_a_coloured_one(radius: int) -> None:
    grey = np.where(np.arange(40) < 20, 0.05, 0.95)[None, :, None] + noise() * 0.01
    image = np.repeat(grey[..., :1], 3, axis=2).astype(np.float32)
    target = (image[..., 0] > 0.5).astype(np.float32)
    fit = fit_colours(image, target, radius)
    mean, window = image[..., 0].astype(float), 2 * radius + 1
    view = np.lib.stride_tricks.sliding_window_view
    colour, wanted = view(mean, (window, window)), view(target.astype(float), (window, window))
    centre, level = colour.mean(axis=(2, 3)), wanted.mean(axis=(2, 3))
    # Of three equal channels each has a third of the slope: its ridge counts a third as much.
    variance = (colour**2).mean(axis=(2, 3)) - centre**2 + 1e-4 / 3
    slope = ((colour * wanted).mean(axis=(2, 3)) - centre * level) / variance
    slopes, offsets = view(slope, (window, window)), view(level - slope * centre, (window, window))
    inner = slice(2 * radius, -2 * radius)
    expected = slopes.mean(axis=(2, 3)) * mean[inner, inner] + offsets.mean(axis=(2, 3))
    np.testing.assert_allclose(fit.predict(image)[inner, inner], expected, atol=2e-3)
