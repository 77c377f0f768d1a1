"""What makes a composite look like a photograph does what it says, and nothing where it is off."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm.pipeline.ranges import RangeError, parse_range
from shm.pipeline.realism import add_noise, blur, match_colours
from shm.pipeline.values import RgbImage
from tests.pipeline.scenes import plain, shaded, soft_disc


def picture(seed: int = 0, size: tuple[int, int] = (40, 50)) -> RgbImage:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def test_what_is_off_changes_nothing() -> None:
    image, alpha = picture(), np.full((40, 50), 255, np.uint8)
    assert match_colours(image, alpha, picture(1), 0) is image
    assert blur(image, 0) is image
    assert add_noise(image, 0, np.random.default_rng(0)) is image


def test_matched_colours_have_the_background_s_mean_and_spread() -> None:
    alpha = soft_disc(64, 25, 4)
    foreground, background = shaded((200, 60, 40), seed=1), shaded((90, 110, 150), seed=2)
    matched = match_colours(foreground, alpha, background, 1)
    weights = alpha / alpha.sum()
    for channel in range(3):
        mean = (matched[..., channel] * weights).sum()
        spread = np.sqrt(((matched[..., channel] - mean) ** 2 * weights).sum())
        assert mean == pytest.approx(background[..., channel].mean(), abs=1)
        assert spread == pytest.approx(background[..., channel].std(), abs=2)


@given(strength=st.floats(0, 1))
def test_a_weaker_match_lies_between(strength: float) -> None:
    alpha = soft_disc()
    foreground, background = shaded((200, 60, 40), seed=1), shaded((90, 110, 150), seed=2)
    whole = match_colours(foreground, alpha, background, 1).astype(float)
    between = match_colours(foreground, alpha, background, strength)
    expected = foreground + strength * (whole - foreground)
    seen = alpha > 0
    assert np.abs(between - expected)[seen].max() <= 1


def test_only_who_is_seen_counts_and_a_plain_colour_is_no_trouble() -> None:
    alpha = soft_disc()
    plain_person = plain((200, 60, 40))
    hidden = np.where(alpha[..., None] > 0, plain_person, picture(3, (64, 64)))
    background = shaded((90, 110, 150))
    one = match_colours(plain_person, alpha, background, 1)
    assert np.array_equal(one, match_colours(hidden.astype(np.uint8), alpha, background, 1))
    nobody = np.zeros((64, 64), np.uint8)
    assert np.array_equal(match_colours(plain_person, nobody, background, 1), plain_person)


@pytest.mark.parametrize("sigma", [0.3, 1, 2.5, 20])
def test_a_blur_is_gaussian_and_mirrored_at_the_borders(sigma: float) -> None:
    image = picture(4)
    side = 2 * int(np.ceil(3 * sigma)) + 1
    floats = image.astype(np.float64)
    if side // 2 > min(image.shape[:2]):  # OpenCV mirrors once only
        floats = np.pad(floats, [(side, side), (side, side), (0, 0)], mode="symmetric")
    expected = cv2.GaussianBlur(floats, (side, side), sigma, borderType=cv2.BORDER_REFLECT)
    if floats.shape != image.shape:
        expected = expected[side:-side, side:-side]
    assert np.abs(blur(image, sigma) - expected).max() <= 0.51


@given(level=st.integers(0, 255), sigma=st.floats(0.01, 20))
def test_a_plain_picture_stays_plain_however_blurred(level: int, sigma: float) -> None:
    assert np.all(blur(np.full((9, 12, 3), level, np.uint8), sigma) == level)


def test_noise_has_its_sigma_and_depends_on_the_seed_alone() -> None:
    grey = np.full((100, 100, 3), 128, np.uint8)
    noisy = add_noise(grey, 5, np.random.default_rng(0))
    assert (noisy.astype(float) - 128).std() == pytest.approx(5, rel=0.05)
    assert abs(noisy.astype(float).mean() - 128) < 0.2
    assert np.array_equal(noisy, add_noise(grey, 5, np.random.default_rng(0)))
    assert not np.array_equal(noisy, add_noise(grey, 5, np.random.default_rng(1)))


@pytest.mark.parametrize("level", [0, 255])
def test_noise_never_wraps_around(level: int) -> None:
    noisy = add_noise(np.full((50, 50, 3), level, np.uint8), 50, np.random.default_rng(0))
    assert (np.abs(noisy.astype(int) - level) < 250).all()
    assert (noisy == level).mean() > 0.4


def test_ranges_are_read_from_text() -> None:
    assert parse_range("2") == (2, 2)
    assert parse_range("0.5,2") == (0.5, 2)
    for text in ("", "a", "2,1", "-1", "1,2,3", "nan", "0,inf", "1,"):
        with pytest.raises(RangeError):
            parse_range(text)
