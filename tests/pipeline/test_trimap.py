import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm.pipeline.seed import generator
from shm.pipeline.trimap import (
    LEAST_SHARE,
    MARGIN,
    Kernel,
    Reach,
    TrimapConfig,
    TrimapError,
    middle_line,
    trimap_from_alpha,
    trimap_from_prior,
    trimap_statistics,
)
from shm.pipeline.values import FOREGROUND, UNKNOWN, Alpha


def disc(size: int = 96, radius: int = 30) -> Alpha:
    rows, columns = np.mgrid[:size, :size] - size // 2
    return np.where(rows**2 + columns**2 <= radius**2, np.uint8(255), np.uint8(0))


def band(erode: float, dilate: float, kernel: Kernel = "ellipse", times: int = 1) -> TrimapConfig:
    return TrimapConfig(
        kernel=kernel, erode=Reach(value=erode), dilate=Reach(value=dilate), iterations=times
    )


@given(
    erode=st.integers(0, 12),
    dilate=st.integers(0, 12),
    kernel=st.sampled_from(["ellipse", "rectangle", "cross"]),
)
def test_erosion_lies_in_the_mask_and_the_mask_in_the_dilation(
    erode: int, dilate: int, kernel: Kernel
) -> None:
    mask = disc()
    trimap = trimap_from_alpha(mask, band(erode, dilate, kernel))
    assert np.all(mask[trimap == 255] == 255)
    assert np.all(mask[trimap == 0] == 0)
    wider = trimap_from_alpha(mask, band(erode + 1, dilate + 1, kernel))
    assert np.all(wider[trimap == 128] == 128)


def test_the_band_reaches_as_far_as_it_says() -> None:
    square = np.zeros((96, 96), np.uint8)
    square[18:79, 18:79] = 255
    middle = trimap_from_alpha(square, band(5, 7))[48]
    assert np.flatnonzero(middle == 255).tolist() == list(range(18 + 5, 79 - 5))
    assert np.flatnonzero(middle != 0).tolist() == list(range(18 - 7, 79 + 7))


def test_iterations_repeat_the_reach() -> None:
    twice = trimap_from_alpha(disc(), band(3, 3, "rectangle", 2))
    assert np.array_equal(twice, trimap_from_alpha(disc(), band(6, 6, "rectangle")))


def test_a_faint_strand_stays_unknown() -> None:
    alpha = disc()
    alpha[5, 10:80] = 25  # alpha 0.1: far from the disc, far below one half
    alpha[90, 10:80] = 3  # as faint as a strand can be
    alpha[48, 40:56] = 252  # and a parting in the disc, as faint
    trimap = trimap_from_alpha(alpha, band(0, 0))
    assert np.all(trimap[[5, 90], 10:80] == 128)
    assert np.all(trimap[48, 40:56] == 128)


@given(noise=st.integers(0, 2), seed=st.integers(0, 9))
def test_noise_within_the_tolerance_changes_nothing(noise: int, seed: int) -> None:
    clean = disc()
    steps = np.random.default_rng(seed).integers(-noise, noise + 1, clean.shape)
    noisy = np.clip(clean + steps, 0, 255).astype(np.uint8)
    assert np.array_equal(
        trimap_from_alpha(noisy, band(3, 3)), trimap_from_alpha(clean, band(3, 3))
    )


def test_without_tolerance_every_step_counts() -> None:
    alpha = disc()
    alpha[5, 10:80] = 1
    exact = TrimapConfig(erode=Reach(value=0), dilate=Reach(value=0), tolerance=0)
    assert np.all(trimap_from_alpha(alpha, exact)[5, 10:80] == 128)
    with pytest.raises(TrimapError, match="tolerance 26"):
        TrimapConfig(tolerance=26)


def test_a_relative_band_grows_with_the_subject() -> None:
    one_tenth = TrimapConfig(
        erode=Reach(value=0.1, relative=True), dilate=Reach(value=0.1, relative=True)
    )
    small = trimap_from_alpha(disc(256, 50), one_tenth)
    large = trimap_from_alpha(disc(512, 100), one_tenth)
    width = [np.count_nonzero(trimap[trimap.shape[0] // 2] == 128) for trimap in (small, large)]
    assert width[1] == pytest.approx(2 * width[0], abs=4)


def test_the_frame_is_no_edge_of_the_subject() -> None:
    alpha = np.zeros((40, 40), np.uint8)
    alpha[20:, :] = 255  # cut off by the lower frame
    trimap = trimap_from_alpha(alpha, band(4, 4))
    assert np.all(trimap[-1] == 255)


@pytest.mark.parametrize(
    ("alpha", "reason"),
    [(disc(64, 3), "no certain foreground"), (255 - disc(64, 3), "no certain background")],
)
def test_a_band_that_leaves_nothing_certain_is_refused(alpha: Alpha, reason: str) -> None:
    with pytest.raises(TrimapError, match=reason):
        trimap_from_alpha(alpha, band(8, 8))


def test_a_random_band_depends_on_its_generator_alone_and_stays_in_its_bounds() -> None:
    config = TrimapConfig(mode="random", erode=Reach(value=20), dilate=Reach(value=40))
    drawn = [config.drawn(generator(0, "trimap", f"sample {n}")) for n in range(200)]
    assert drawn[7] == config.drawn(generator(0, "trimap", "sample 7"))
    assert drawn[7] != config.drawn(generator(1, "trimap", "sample 7"))
    for reaches, most in (([d.erode for d in drawn], 20), ([d.dilate for d in drawn], 40)):
        values = [reach.value for reach in reaches]
        assert LEAST_SHARE * most <= min(values) < 0.2 * most
        assert 0.9 * most < max(values) <= most
    assert TrimapConfig().drawn(generator(0)) == TrimapConfig()


def test_a_prior_in_doubt_is_unknown_and_so_is_one_at_odds_with_the_mask() -> None:
    mask = disc()
    prior = (mask / 255).astype(np.float32)
    prior[5, 10:80] = 0.1  # a strand that the mask does not have
    prior[44:52, 44:52] = 0  # the mask's, but surely not the subject's
    trimap = trimap_from_prior(prior, mask)
    assert np.all(trimap[5 - MARGIN : 6 + MARGIN, 10:80] == 128)
    assert np.all(trimap[44:52, 44:52] == 128)
    assert trimap[48, 30] == 255
    assert trimap[80, 48] == 0


def test_a_certain_prior_leaves_nothing_unknown() -> None:
    mask = disc()
    assert np.array_equal(trimap_from_prior((mask / 255).astype(np.float32), mask), mask)


@pytest.mark.parametrize(
    ("level", "reason"), [(0.5, "foreground"), (0.0, "foreground"), (1.0, "background")]
)
def test_a_prior_without_certain_pixels_is_refused(level: float, reason: str) -> None:
    with pytest.raises(TrimapError, match=f"no certain {reason}"):
        trimap_from_prior(np.full((96, 96), level, np.float32), disc())


def test_statistics_of_a_band_of_known_width() -> None:
    trimap = np.zeros((200, 100), np.uint8)
    trimap[60:] = 128
    trimap[80:] = 255
    trimap[10:12, 10:12] = 128
    figures = trimap_statistics(trimap)
    assert figures["background"] == pytest.approx(0.3 - 4 / 20_000)
    assert figures["unknown"] == pytest.approx(0.1 + 4 / 20_000)
    assert figures["foreground"] == pytest.approx(0.6)
    assert figures["band_mean"] == pytest.approx(10, abs=0.2)
    assert figures["band_max"] == pytest.approx(10, abs=0.5)
    assert figures["bands"] == 2


def test_statistics_of_trimaps_without_a_band_or_with_nothing_else() -> None:
    assert trimap_statistics(disc())["band_max"] == trimap_statistics(disc())["bands"] == 0
    whole = trimap_statistics(np.full((30, 40), 128, np.uint8))
    assert (whole["unknown"], whole["bands"], whole["band_max"]) == (1, 1, 40)


def test_a_reach_is_read_in_pixels_and_per_cent() -> None:
    assert Reach.parse("12px") == Reach.parse("12") == Reach(value=12)
    assert Reach.parse("1.5%") == Reach(value=0.015, relative=True)
    assert str(Reach.parse("1.5%")) == "1.5%"
    for wrong in ("", "wide", "-3px", "130%"):
        with pytest.raises(TrimapError):
            Reach.parse(wrong)


def test_a_prior_that_is_no_number_is_unknown() -> None:
    mask = disc()
    prior = (mask / 255).astype(np.float32)
    prior[4:8, 4:8] = np.nan
    assert (trimap_from_prior(prior, mask)[4:8, 4:8] == 128).all()


def test_a_share_of_a_small_subject_is_a_pixel_at_least() -> None:
    assert Reach.parse("1%").pixels(30**2) == 1
    assert Reach.parse("0%").pixels(30**2) == 0
    assert Reach.parse("0px").pixels(30**2) == 0


@pytest.mark.parametrize("text", ["5%px", "1_0", "１２", "-1px", "px", ""])
def test_a_reach_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(TrimapError, match=r"write 12px or 1\.5%"):
        Reach.parse(text)


def test_a_matte_that_is_nowhere_opaque_says_its_largest_value() -> None:
    with pytest.raises(TrimapError, match="largest alpha is 204"):
        trimap_from_alpha(np.minimum(disc(), 204).astype(np.uint8), TrimapConfig())


def test_a_reach_beyond_the_picture_costs_no_more_than_one_across_it() -> None:
    config = TrimapConfig(mode="fixed", erode=Reach(value=0), dilate=Reach(value=10_000))
    with pytest.raises(TrimapError, match="no certain background"):
        trimap_from_alpha(disc(), config)


def test_the_middle_line_halves_the_unknown_region() -> None:
    trimap = np.zeros((9, 21), np.uint8)
    trimap[:, 5:15], trimap[:, 15:] = UNKNOWN, FOREGROUND
    mask = middle_line(trimap)
    assert not mask[:, :10].any()
    assert mask[:, 10:].all()
    assert not middle_line(np.zeros((4, 5), np.uint8)).any()
    assert middle_line(np.full((4, 5), FOREGROUND, np.uint8)).all()
