"""Crops: inside the sample, around what is unknown, and decided by the random numbers alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.datasets.streaming.crop import Crop, CropConfig, draw_crop
from shm.pipeline.jitter import JitterConfig
from shm.pipeline.values import Size

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))
CONFIGS = st.builds(
    CropConfig,
    sides=st.lists(st.integers(1, 120), max_size=3).map(tuple),
    size=st.integers(1, 120),
    flip=st.booleans(),
    centred_on_unknown=st.booleans(),
    band=st.none() | st.just((2, 16)),
    jitter=st.sampled_from([JitterConfig(), JitterConfig(brightness=0.2, hue=0.1)]),
)


def drawn(
    config: CropConfig, size: Size, pixel: tuple[int, int] | None = None, seed: int = 0
) -> Crop:
    return draw_crop(config, size, lambda: pixel, np.random.default_rng(seed))


@given(config=CONFIGS, size=SIZES, seed=st.integers(0, 99), data=st.data())
@settings(max_examples=200)
def test_a_crop_is_a_square_inside_the_sample(
    config: CropConfig, size: Size, seed: int, data: st.DataObject
) -> None:
    inside = st.tuples(st.integers(0, size[0] - 1), st.integers(0, size[1] - 1))
    pixel = data.draw(st.none() | inside)
    crop = drawn(config, size, pixel, seed)
    rows, columns = crop.window
    assert rows.stop - rows.start == columns.stop - columns.start == crop.side
    assert 0 <= rows.start < rows.stop <= size[0]
    assert 0 <= columns.start < columns.stop <= size[1]
    if config.sides:
        assert crop.side in {min(side, *size) for side in config.sides}
    else:
        assert min(config.size, *size) <= crop.side <= min(size)
    if config.centred_on_unknown and pixel is not None:
        assert rows.start <= pixel[0] < rows.stop
        assert columns.start <= pixel[1] < columns.stop
    assert config.flip or not crop.flip
    assert (crop.band is None) == (config.band is None)
    assert (crop.transform is None) == (config.jitter == JitterConfig())


@given(row=st.integers(0, 79), column=st.integers(0, 59), side=st.integers(1, 60))
def test_the_pixel_is_in_the_middle_unless_the_sample_ends(
    row: int, column: int, side: int
) -> None:
    crop = drawn(CropConfig(sides=(side,)), (80, 60), (row, column))
    for at, part, length in zip((row, column), crop.window, (80, 60), strict=True):
        middle = part.start + side // 2
        before, after = part.start == 0 and at < middle, part.stop == length and at > middle
        assert at == middle or before or after


def test_where_nothing_is_unknown_or_it_does_not_matter_crops_lie_anywhere() -> None:
    def unwanted() -> tuple[int, int]:
        raise AssertionError("it is not asked for")

    anywhere = CropConfig(sides=(5,), centred_on_unknown=False)
    corners = set()
    for seed in range(300):
        crop = drawn(CropConfig(sides=(5,)), (8, 7), None, seed)
        corners.add(tuple(part.start for part in crop.window))
        draw_crop(anywhere, (8, 7), unwanted, np.random.default_rng(seed))
    assert corners == {(top, left) for top in range(4) for left in range(3)}


@given(config=CONFIGS, size=SIZES, seed=st.integers(0, 99))
def test_the_same_numbers_give_the_same_crop(config: CropConfig, size: Size, seed: int) -> None:
    one, other = (drawn(config, size, (0, 0), seed) for _ in range(2))
    assert (one.window, one.flip, one.band) == (other.window, other.flip, other.band)
    assert np.array_equal(one.transform, other.transform)  # type: ignore[arg-type]


@given(config=CONFIGS, size=SIZES, seed=st.integers(0, 99))
def test_whether_crops_are_mirrored_changes_nothing_else(
    config: CropConfig, size: Size, seed: int
) -> None:
    one, other = (drawn(replace(config, flip=flip), size, None, seed) for flip in (True, False))
    assert (one.window, one.band) == (other.window, other.band)


def test_sides_flips_and_bands_vary_within_their_bounds() -> None:
    config = CropConfig(sides=(8, 16), band=(2, 5))
    crops = [drawn(config, (40, 40), None, seed) for seed in range(200)]
    assert {crop.side for crop in crops} == {8, 16}
    assert 70 < sum(crop.flip for crop in crops) < 130
    reaches = {crop.band for crop in crops}
    assert reaches == {(inwards, outwards) for inwards in range(2, 6) for outwards in range(2, 6)}
    any_side = CropConfig(sides=(), size=30)
    assert {drawn(any_side, (40, 33), None, seed).side for seed in range(60)} == {30, 31, 32, 33}


@pytest.mark.parametrize("size", [(20, 50), (50, 20)])
def test_a_sample_that_is_too_small_is_cut_to_its_shorter_side(size: Size) -> None:
    assert drawn(CropConfig(sides=(32, 48)), size, (19, 19)).side == 20
    assert drawn(CropConfig(sides=(), size=32), size, (19, 19)).side == 20
