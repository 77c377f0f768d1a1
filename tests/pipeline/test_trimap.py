import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm.pipeline.trimap import Kernel, Reach, TrimapConfig, TrimapError, trimap_from_alpha
from shm.pipeline.values import Alpha


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
    alpha[5, 10:80] = 20  # far from the disc, far below one half
    trimap = trimap_from_alpha(alpha, band(0, 0))
    assert np.all(trimap[5, 10:80] == 128)


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


def test_a_reach_is_read_in_pixels_and_per_cent() -> None:
    assert Reach.parse("12px") == Reach.parse("12") == Reach(value=12)
    assert Reach.parse("1.5%") == Reach(value=0.015, relative=True)
    assert str(Reach.parse("1.5%")) == "1.5%"
    for wrong in ("", "wide", "-3px", "130%"):
        with pytest.raises(TrimapError):
            Reach.parse(wrong)
