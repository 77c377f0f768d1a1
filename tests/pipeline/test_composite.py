import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shm.pipeline.composite import blend, centre_crop, choose_crop, cut_background
from shm.pipeline.size import size_within
from shm.pipeline.values import RgbImage

SIDES = st.integers(1, 300)


def picture(seed: int, size: tuple[int, int] = (17, 23)) -> RgbImage:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def test_alpha_1_is_the_foreground_and_alpha_0_the_background() -> None:
    foreground, background = picture(1), picture(2)
    assert np.array_equal(
        blend(foreground, np.full((17, 23), 255, np.uint8), background), foreground
    )
    assert np.array_equal(blend(foreground, np.zeros((17, 23), np.uint8), background), background)


def test_every_level_is_rounded_to_the_nearest() -> None:
    alpha = np.arange(256, dtype=np.uint8)[None].repeat(8, 0)
    foreground, background = picture(3, (8, 256)), picture(4, (8, 256))
    opacity = alpha[..., None] / 255.0
    exact = foreground * opacity + background * (1 - opacity)
    assert np.abs(blend(foreground, alpha, background) - exact).max() <= 0.5 + 1e-9


@given(background=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES), seed=st.integers(0, 99))
def test_a_crop_is_as_large_as_can_be_and_stays_inside(
    background: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    for crop in (
        choose_crop(background, size, np.random.default_rng(seed)),
        centre_crop(background, size),
    ):
        assert 0 <= crop.top <= background[0] - crop.height
        assert 0 <= crop.left <= background[1] - crop.width
        # none is larger, and none has the aspect more nearly
        assert crop.height == background[0] or crop.width == background[1]
        scale = min(background[0] / size[0], background[1] / size[1])
        assert abs(crop.height - size[0] * scale) <= 1
        assert abs(crop.width - size[1] * scale) <= 1


def test_a_long_thin_background_costs_no_more_than_its_crop() -> None:
    strip = np.zeros((30, 6000, 3), np.uint8)
    crop = choose_crop((30, 6000), (800, 600), np.random.default_rng(0))
    assert (crop.height, crop.width) == (30, 22)
    assert cut_background(strip, crop, (800, 600)).shape == (800, 600, 3)


def test_a_crop_of_the_same_size_is_the_background_itself() -> None:
    background = picture(5)
    crop = centre_crop((17, 23), (17, 23))
    assert np.array_equal(cut_background(background, crop, (17, 23)), background)


@given(size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)), longest=st.integers(1, 3000))
def test_a_size_never_grows_and_keeps_its_aspect(size: tuple[int, int], longest: int) -> None:
    height, width = size_within(size, longest)
    assert max(height, width) <= max(longest, 1)
    assert height <= size[0]
    assert width <= size[1]
    if max(size) <= longest:
        assert (height, width) == size
    scale = max(height, width) / max(size)
    assert abs(height - size[0] * scale) <= 1
    assert abs(width - size[1] * scale) <= 1
