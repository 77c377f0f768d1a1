import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.pipeline.composite import blend
from shm.pipeline.foreground import (
    MARGIN,
    ForegroundError,
    estimate_foreground,
    limit_to_subject,
)
from shm.pipeline.values import Alpha, Mask, RgbImage
from tests.pipeline.scenes import plain, scene, shaded, soft_disc


def fractional(alpha: Alpha) -> Mask:
    return np.asarray((alpha > 0) & (alpha < 255))


def near(alpha: Alpha) -> Mask:
    """What lies within MARGIN of the subject, looked up shift by shift."""
    height, width = alpha.shape
    padded = np.pad(alpha > 0, MARGIN)
    shifts = range(2 * MARGIN + 1)
    views = [padded[y : y + height, x : x + width] for y in shifts for x in shifts]
    return np.asarray(np.logical_or.reduce(views))


def wisps(size: int = 160, seed: int = 0) -> tuple[RgbImage, Alpha, RgbImage, RgbImage]:
    """A disc with hundreds of thin strands around it, in two colours, on a checked ground."""
    random = np.random.default_rng(seed)
    cover = np.zeros((size * 4, size * 4), np.float32)
    rows, columns = np.mgrid[: size * 4, : size * 4] / 4 - size / 2
    cover[np.hypot(rows, columns) < size * 0.25] = 1
    for angle in random.uniform(0, 2 * np.pi, 220):
        steps = np.linspace(0.2, random.uniform(0.3, 0.46), 900) * size
        bent = angle + (steps / size) ** 2 * random.normal(0, 2)
        y, x = (steps * np.sin(bent) + size / 2) * 4, (steps * np.cos(bent) + size / 2) * 4
        cover[y.astype(int), x.astype(int)] = 1
        cover[y.astype(int) + 1, x.astype(int)] = 1
    shares = cover.reshape(size, 4, size, 4).mean(axis=(1, 3))
    alpha = np.rint(shares * 255).astype(np.uint8)
    foreground = shaded((120, 70, 30), size, 1)
    foreground[:, size // 2 :] = shaded((170, 140, 60), size, 2)[:, size // 2 :]
    background = shaded((60, 130, 200), size, 3)
    checks = (np.indices((size, size)) // 40).sum(axis=0) % 2 == 1
    background[checks] = shaded((90, 190, 120), size, 4)[checks]
    return blend(foreground, alpha, background), alpha, foreground, background


def test_the_photo_is_kept_where_the_subject_is_opaque() -> None:
    image, alpha, _, _ = wisps()
    colours = estimate_foreground(image, alpha)
    assert np.array_equal(colours[alpha == 255], image[alpha == 255])


def test_colours_are_zero_beyond_the_margin_and_there_up_to_it() -> None:
    image, alpha, _, _ = scene(96)
    colours = estimate_foreground(image, alpha)
    assert not colours[~near(alpha)].any()
    assert colours[near(alpha)].any(axis=-1).all()
    assert np.array_equal(limit_to_subject(image, alpha)[near(alpha)], image[near(alpha)])
    assert not limit_to_subject(image, alpha)[~near(alpha)].any()


def test_the_margin_continues_the_subject_not_the_background() -> None:
    image, alpha, foreground, background = scene(96)
    ring = near(alpha) & (alpha == 0)
    colours = estimate_foreground(image, alpha)[ring].astype(float)
    from_subject = np.abs(colours - foreground[ring]).mean()
    assert from_subject < np.abs(colours - background[ring]).mean() / 4


def test_on_the_old_background_the_composite_is_the_photo_again() -> None:
    image, alpha, _, background = wisps()
    again = blend(estimate_foreground(image, alpha), alpha, background).astype(int)
    assert np.abs(again - image)[fractional(alpha)].mean() < 1


def test_estimated_colours_leave_a_tenth_of_the_error_of_the_photo_s_own() -> None:
    image, alpha, foreground, _ = wisps()
    black = plain((0, 0, 0), len(alpha))
    truth = blend(foreground, alpha, black).astype(int)

    def error(colours: RgbImage) -> float:
        return float(np.abs(blend(colours, alpha, black) - truth)[fractional(alpha)].mean())

    assert error(estimate_foreground(image, alpha)) < error(image) / 10


def test_less_than_a_tenth_of_the_old_background_is_left() -> None:
    image, alpha, foreground, background = wisps()
    opacity = alpha[..., None] / 255.0
    old = opacity * (1 - opacity) * (background.astype(float) - foreground)

    def halo(colours: RgbImage) -> float:
        error = opacity * (colours.astype(float) - foreground)
        return float((error * old).sum() / (old * old).sum())

    assert halo(image) == pytest.approx(1, abs=0.02)
    assert abs(halo(estimate_foreground(image, alpha))) < 0.1


@pytest.mark.parametrize("tile", [1, 33, 64, 4096])
def test_the_borders_of_tiles_change_not_a_bit(tile: int) -> None:
    image, alpha, _, _ = wisps(size=80 if tile == 1 else 160)
    whole = estimate_foreground(image, alpha, tile=10_000)
    assert np.array_equal(estimate_foreground(image, alpha, tile=tile), whole)


def test_memory_follows_the_soft_edge_not_the_photo() -> None:
    image, alpha, _, _ = scene(1200)
    tracemalloc.start()
    estimate_foreground(image, alpha, tile=64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * alpha.size  # one photo of 64-bit floats has 24 bytes a pixel


def test_a_figure_has_the_same_colours_in_a_larger_photo() -> None:
    image, alpha, _, _ = scene(96)
    surroundings = ((200, 72), (16, 300))
    large = np.pad(image, (*surroundings, (0, 0)), mode="edge")
    inside = estimate_foreground(large, np.pad(alpha, surroundings))[200:296, 16:112]
    alone = estimate_foreground(image, alpha)
    assert np.abs(inside.astype(int) - alone)[fractional(alpha)].max() <= 8
    assert np.abs(inside.astype(int) - alone)[fractional(alpha)].mean() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 40), (37, 1), (2, 3), (33, 31)])
@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_a_flat_alpha_at_any_size_gives_colours(size: tuple[int, int], level: int) -> None:
    image = np.random.default_rng(0).integers(1, 256, (*size, 3), np.uint8)
    colours = estimate_foreground(image, np.full(size, level, np.uint8))
    assert colours.shape == image.shape
    assert colours.dtype == np.uint8
    if level == 255:
        assert np.array_equal(colours, image)
    assert colours.any() == (level > 0)


def test_an_empty_photo_has_no_colours() -> None:
    nothing = estimate_foreground(np.zeros((0, 5, 3), np.uint8), np.zeros((0, 5), np.uint8))
    assert nothing.shape == (0, 5, 3)


def test_a_veil_over_the_whole_photo_changes_it_little() -> None:
    image = shaded((150, 90, 60))
    colours = estimate_foreground(image, np.full((64, 64), 200, np.uint8))
    assert np.abs(colours.astype(int) - image).mean() < 8


def test_a_hard_mask_keeps_the_photo_and_gets_a_margin() -> None:
    image, soft, _, _ = scene()
    mask = np.where(soft >= 128, np.uint8(255), np.uint8(0))
    colours = estimate_foreground(image, mask)
    assert np.array_equal(colours[mask == 255], image[mask == 255])
    assert colours[near(mask)].any(axis=-1).all()


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 99),
    flip=st.booleans(),
)
def test_any_alpha_keeps_the_laws(height: int, width: int, seed: int, flip: bool) -> None:
    random = np.random.default_rng(seed)
    levels = random.choice(np.array([0, 0, 0, 1, 100, 254, 255], np.uint8), (height, width))
    image = random.integers(0, 256, (height, width, 3), np.uint8)
    image.flags.writeable = levels.flags.writeable = False
    if flip:
        image, levels = image[::-1, ::-1], levels[::-1, ::-1]
    colours = estimate_foreground(image, levels)
    assert np.array_equal(colours, estimate_foreground(image, levels, tile=7))
    assert np.array_equal(colours[levels == 255], image[levels == 255])
    assert not colours[~near(levels)].any()


def test_photo_and_alpha_must_be_of_one_size() -> None:
    image, alpha = plain((1, 2, 3), 20), soft_disc(21, 5, 2)
    with pytest.raises(ForegroundError, match=r"\(20, 20, 3\).*\(21, 21\)"):
        estimate_foreground(image, alpha)


def test_tiles_must_have_a_size() -> None:
    with pytest.raises(ForegroundError, match="tile 0"):
        estimate_foreground(plain((1, 2, 3)), soft_disc(), tile=0)
