"""Pasting in whole numbers gives what the formula gives in real ones, to the nearest level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shm.pipeline.composite import (
    Subject,
    blend,
    blend_linear,
    centre_crop,
    choose_crop,
    cover_size,
    cut_background,
    join,
    uncut_background,
    weigh,
)
from shm.pipeline.enlarge import interpolate
from shm.pipeline.resize import enlarge_with_opencv
from shm.pipeline.size import size_within
from shm.pipeline.values import Alpha, RgbImage, Trimap

SIDES = st.integers(1, 300)
FEW_SIDES = st.integers(1, 40)


def picture(seed: int, size: tuple[int, int] = (17, 23)) -> RgbImage:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def random_subject(seed: int, size: tuple[int, int] = (17, 23)) -> Subject:
    random = np.random.default_rng(seed)
    alpha = random.choice(np.array([0, 1, 60, 128, 200, 254, 255], np.uint8), size)
    return Subject(foreground=picture(seed, size), alpha=alpha, trimap=trimap_of(alpha))


def trimap_of(alpha: Alpha) -> Trimap:
    return np.where(alpha == 0, np.uint8(0), np.where(alpha == 255, np.uint8(255), np.uint8(128)))


def to_light(levels: NDArray[np.floating]) -> NDArray[np.floating]:
    """Linear light of sRGB, both 0..1 (IEC 61966-2-1)."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def to_srgb(light: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def test_alpha_1_is_the_foreground_and_alpha_0_the_background() -> None:
    foreground, background = picture(1), picture(2)
    for mix in (blend, blend_linear):
        opaque, absent = np.full((17, 23), 255, np.uint8), np.zeros((17, 23), np.uint8)
        assert np.array_equal(mix(foreground, opaque, background), foreground)
        assert np.array_equal(mix(foreground, absent, background), background)


def test_every_level_is_rounded_to_the_nearest() -> None:
    levels = np.arange(256, dtype=np.uint8)
    background = np.broadcast_to(levels[:, None, None], (256, 256, 3)).copy()
    foreground = np.broadcast_to(levels[None, :, None], (256, 256, 3)).copy()
    for opacity in [*range(0, 256, 5), 1, 127, 128, 254]:  # 255 is odd: nothing is half-way
        alpha = np.full((256, 256), opacity, np.uint8)
        real = opacity / 255
        exact = foreground * real + background * (1 - real)
        assert np.array_equal(blend(foreground, alpha, background), np.rint(exact))


def test_a_weighted_foreground_can_be_put_on_many_backgrounds() -> None:
    subject = random_subject(1)
    subject.alpha[:5] = 0
    subject.alpha[-3:] = 0
    weighted = weigh(subject.foreground, subject.alpha)
    assert weighted.rows == slice(5, 14)
    for seed in (2, 3):
        background = picture(seed)
        before = background.copy()
        expected = blend(subject.foreground, subject.alpha, background)
        assert np.array_equal(weighted.over(background), expected)
        assert np.array_equal(background, before)


def test_linear_light_is_mixed_as_a_lens_does() -> None:
    alpha = np.arange(256, dtype=np.uint8)[None].repeat(64, 0)
    foreground, background = picture(3, (64, 256)), picture(4, (64, 256))
    opacity = alpha[..., None] / 255
    light = to_light(foreground / 255) * opacity + to_light(background / 255) * (1 - opacity)
    exact = to_srgb(light) * 255
    found = blend_linear(foreground, alpha, background)
    # Levels are told apart half-way in light, which is up to a tenth off half-way in sRGB.
    assert np.abs(found - exact).max() <= 0.75
    assert (found == np.rint(exact)).mean() > 0.97


@given(background=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES))
def test_a_background_is_enlarged_just_enough_and_never_reduced(
    background: tuple[int, int], size: tuple[int, int]
) -> None:
    scaled = cover_size(background, size)
    assert scaled[0] >= size[0]
    assert scaled[1] >= size[1]
    if background[0] >= size[0] and background[1] >= size[1]:
        assert scaled == background
    else:
        ratio = max(size[0] / background[0], size[1] / background[1])
        assert scaled == (int(background[0] * ratio + 1), int(background[1] * ratio + 1))
        assert scaled[0] - size[0] <= 1 or scaled[1] - size[1] <= 1


@given(background=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES), seed=st.integers(0, 99))
def test_a_crop_stays_inside_the_background(
    background: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    for crop in (
        choose_crop(background, size, np.random.default_rng(seed)),
        centre_crop(background, size),
    ):
        assert crop.scaled == cover_size(background, size)
        assert 0 <= crop.top <= crop.scaled[0] - size[0]
        assert 0 <= crop.left <= crop.scaled[1] - size[1]


def test_crops_lie_anywhere_and_are_mirrored_half_of_the_time() -> None:
    crops = [choose_crop((60, 90), (50, 50), np.random.default_rng(seed)) for seed in range(200)]
    assert {crop.top for crop in crops} == set(range(11))
    assert {crop.left for crop in crops} == set(range(41))
    assert 70 < sum(crop.flip for crop in crops) < 130


@given(
    background=st.tuples(FEW_SIDES, FEW_SIDES),
    size=st.tuples(FEW_SIDES, FEW_SIDES),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_a_cut_is_the_enlarged_background_s_part_whoever_enlarges(
    background: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    photo = picture(seed, background)
    crop = choose_crop(background, size, np.random.default_rng(seed))
    cut = cut_background(photo, crop, size)
    assert cut.shape == (*size, 3)
    assert np.array_equal(cut, cut_background(photo, crop, size, by=enlarge_with_opencv))
    if crop.scaled == background:
        part = photo[crop.top : crop.top + size[0], crop.left : crop.left + size[1]]
        assert np.array_equal(cut, part[:, ::-1] if crop.flip else part)


@given(
    data=st.data(),
    background=st.tuples(FEW_SIDES, FEW_SIDES),
    size=st.tuples(FEW_SIDES, FEW_SIDES),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_any_window_of_a_cut_is_interpolated_from_what_is_uncut(
    data: st.DataObject, background: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    photo = picture(seed, background)
    crop = choose_crop(background, size, np.random.default_rng(seed))
    starts = [data.draw(st.integers(0, side - 1)) for side in size]
    rows, columns = (
        slice(start, data.draw(st.integers(start + 1, side)))
        for start, side in zip(starts, size, strict=True)
    )
    part = cut_background(photo, crop, size)[rows, columns]
    uncut = uncut_background(photo.__getitem__, background, crop, size, (rows, columns))
    assert np.array_equal(uncut.cut(), part)
    assert np.array_equal(interpolate(uncut.source, uncut.rows, uncut.columns), part)
    # Enlarged, a window needs at most one pixel more of the photo than its own.
    for axis in (0, 1):
        own = (part.shape[axis] - 1) * background[axis] / crop.scaled[axis]
        assert uncut.source.shape[axis] <= np.ceil(own) + 2


def test_a_long_thin_background_costs_no_more_than_its_crop() -> None:
    strip = np.zeros((30, 6000, 3), np.uint8)
    crop = choose_crop((30, 6000), (800, 600), np.random.default_rng(0))
    assert crop.scaled[0] == 801
    assert cut_background(strip, crop, (800, 600)).shape == (800, 600, 3)


def test_a_crop_of_the_same_size_is_the_background_itself() -> None:
    background = picture(5)
    crop = centre_crop((17, 23), (17, 23))
    assert np.array_equal(cut_background(background, crop, (17, 23)), background)


@given(seed=st.integers(0, 999))
@settings(deadline=None)
def test_two_joined_look_as_if_pasted_one_after_the_other(seed: int) -> None:
    front, behind, background = random_subject(seed), random_subject(seed + 1), picture(seed + 2)
    both = join(front, behind)
    one, two = front.alpha / 255.0, behind.alpha / 255.0
    exact = 1 - (1 - one) * (1 - two)
    assert np.abs(both.alpha - 255 * exact).max() <= 0.5 + 1e-9
    first = behind.foreground * two[..., None] + background * (1 - two[..., None])
    both_exact = front.foreground * one[..., None] + first * (1 - one[..., None])
    image = blend(both.foreground, both.alpha, background)
    assert np.abs(image - both_exact).max() <= 2
    pasted = blend(behind.foreground, behind.alpha, background)
    pasted = blend(front.foreground, front.alpha, pasted)
    assert np.abs(image.astype(int) - pasted).max() <= 2


@given(seed=st.integers(0, 99))
def test_the_trimap_of_two_never_contradicts_their_alpha(seed: int) -> None:
    both = join(random_subject(seed), random_subject(seed + 1))
    assert np.all(both.alpha[both.trimap == 255] == 255)
    assert np.all(both.alpha[both.trimap == 0] == 0)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_what_is_unknown_of_one_stays_so_unless_the_other_is_surely_there(level: int) -> None:
    size = (4, 4)

    def subject(trimap: int) -> Subject:
        alpha = np.full(size, {0: 0, 128: 90, 255: 255}[trimap], np.uint8)
        return Subject(
            foreground=picture(trimap, size), alpha=alpha, trimap=np.full(size, trimap, np.uint8)
        )

    expected = 255 if level == 255 else 128
    assert np.all(join(subject(level), subject(128)).trimap == expected)
    assert np.all(join(subject(128), subject(level)).trimap == expected)
    assert np.all(join(subject(level), subject(level)).trimap == level)


def test_joined_with_nobody_one_stays_as_one_was() -> None:
    front = random_subject(1)
    nobody = Subject(
        foreground=picture(2),
        alpha=np.zeros((17, 23), np.uint8),
        trimap=np.zeros((17, 23), np.uint8),
    )
    for both in (join(front, nobody), join(nobody, front)):
        assert np.array_equal(both.alpha, front.alpha)
        assert np.array_equal(both.trimap, front.trimap)
        seen = front.alpha > 0
        assert np.array_equal(both.foreground[seen], front.foreground[seen])


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
