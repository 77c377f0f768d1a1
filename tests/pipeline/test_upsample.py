import numpy as np
import pytest

from shm.pipeline.upsample import UpsampleError, upsample_alpha
from tests.pipeline.scenes import scene


def reduced(pixels: np.ndarray, by: int) -> np.ndarray:
    """Average squares."""
    height, width = pixels.shape[0] // by, pixels.shape[1] // by
    squares = pixels.reshape(height, by, width, by, -1).astype(np.float32)
    return np.asarray(squares.mean((1, 3)).squeeze(), np.float32)


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A photo of 256 pixels and its alpha, and both at a quarter of that."""
    image, alpha, _, _ = scene(256)
    small = reduced(image, 4).round().astype(np.uint8)
    return image, alpha / np.float32(255), small, reduced(alpha, 4) / np.float32(255)


def test_the_photo_brings_back_more_than_a_curve_through_the_pixels(
    pictures: tuple[np.ndarray, ...],
) -> None:
    image, alpha, small, small_alpha = pictures
    errors = {
        how: np.abs(upsample_alpha(small_alpha, small, image, how) - alpha).mean()
        for how in ("guided", "bicubic")
    }
    assert errors["guided"] < errors["bicubic"]


@pytest.mark.parametrize("how", ["guided", "bicubic"])
def test_what_is_certain_all_around_stays_so(pictures: tuple[np.ndarray, ...], how: str) -> None:
    image, _, small, _ = pictures
    for value in (0.0, 1.0):
        certain = np.full(small.shape[:2], value, np.float32)
        assert (upsample_alpha(certain, small, image, how) == value).all()  # type: ignore[arg-type]


def test_any_size_is_reached_and_stays_in_range() -> None:
    random = np.random.default_rng(0)
    for size, large in (((7, 9), (31, 1000)), ((40, 30), (513, 300)), ((1, 1), (20, 20))):
        small = random.integers(0, 256, (*size, 3), np.uint8)
        image = random.integers(0, 256, (*large, 3), np.uint8)
        alpha = random.random(size, np.float32)
        for how in ("guided", "bicubic"):
            found = upsample_alpha(alpha, small, image, how)
            assert found.shape == large
            assert found.dtype == np.float32
            assert 0 <= found.min() <= found.max() <= 1


def test_the_same_size_changes_nothing() -> None:
    image = np.zeros((5, 6, 3), np.uint8)
    alpha = np.random.default_rng(0).random((5, 6), np.float32)
    assert upsample_alpha(alpha, image, image) is alpha


def test_what_does_not_fit_together_is_refused() -> None:
    image, alpha = np.zeros((8, 8, 3), np.uint8), np.zeros((4, 4), np.float32)
    with pytest.raises(UpsampleError, match="an alpha of"):
        upsample_alpha(alpha, image, image)
    with pytest.raises(UpsampleError, match="guided or bicubic"):
        upsample_alpha(alpha, image[:4, :4], image, "nearest")  # type: ignore[arg-type]
