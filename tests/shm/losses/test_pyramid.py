import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from shm.losses import LossError, laplacian_loss
from shm.losses.pyramid import laplacian_pyramid

SIZES = [(17, 17), (32, 32), (33, 47), (64, 50)]


def blurred(image: NDArray[np.float64]) -> NDArray[np.float64]:
    for axis in (0, 1):
        image = correlate1d(image, np.array([1, 4, 6, 4, 1]) / 16, axis=axis, mode="mirror")
    return image


def slow_loss(error: NDArray[np.float64]) -> float:
    """Return the loss of one difference of alphas, by SciPy's filters."""
    total, image = 0.0, error
    for level in range(4):
        smaller = blurred(image)[::2, ::2]
        spread = np.zeros_like(image)
        spread[::2, ::2] = smaller
        total += 2**level * np.abs(image - 4 * blurred(spread)).sum()
        image = smaller
    return float((total + 16 * np.abs(image).sum()) / error.size)


@pytest.mark.parametrize("size", SIZES)
def test_it_adds_up_five_levels_of_burts_pyramid(size: tuple[int, int]) -> None:
    alpha, true = np.random.default_rng(1).random((2, *size))
    found = laplacian_loss(*(torch.from_numpy(each)[None, None] for each in (alpha, true)))
    assert found.item() == pytest.approx(slow_loss(alpha - true), rel=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_an_offset_is_seen_on_the_last_level_alone(size: tuple[int, int]) -> None:
    *fine, last = laplacian_pyramid(torch.full((1, 1, *size), 0.25))
    assert len(fine) == 4
    assert all(level.abs().max() < 1e-6 for level in fine)
    torch.testing.assert_close(last, torch.full_like(last, 0.25))
    loss = laplacian_loss(torch.full((1, 1, *size), 0.75), torch.full((1, 1, *size), 0.5))
    assert loss.item() == pytest.approx(16 * 0.25 * last.numel() / (size[0] * size[1]), rel=1e-4)


def test_over_the_unknown_region_it_is_divided_by_the_number_of_unknown_pixels() -> None:
    true = torch.rand(1, 1, 32, 32)
    alpha, unknown = true.clone(), torch.zeros_like(true).bool()
    alpha[..., 10:13, 7:9] += 0.5
    unknown[..., 10:13, 7:9] = True
    inside, whole = laplacian_loss(alpha, true, unknown=unknown), laplacian_loss(alpha, true)
    torch.testing.assert_close(inside, whole * 32 * 32 / 6)


def test_an_image_too_small_for_five_levels_is_refused() -> None:
    alpha = torch.rand(1, 1, 40, 16)
    with pytest.raises(LossError, match=r"40 × 16 pixels .* at least 17 a side"):
        laplacian_loss(alpha, alpha)
