import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shm.pipeline.composite import blend
from shm.pipeline.refine import SOLVERS, Prior, RefineError
from shm.pipeline.refine.coarse_to_fine import Photo, solve_photo
from shm.pipeline.refine.window import OVERLAP, SIDE, overlapping_windows, window_of
from shm.pipeline.trimap import Reach, TrimapConfig, trimap_from_alpha
from tests.pipeline.scenes import scene, shaded, soft_disc

BAND = TrimapConfig(erode=Reach(value=4), dilate=Reach(value=4))


def large_photo() -> tuple[Photo, NDArray[np.float64]]:
    """A disc whose soft edge crosses the rims of four windows."""
    truth = soft_disc(SIDE + 121, 160, 12)
    sides = [
        shaded(colour, len(truth), n) for n, colour in enumerate([(200, 60, 40), (30, 80, 190)])
    ]
    photo = Photo(
        image=blend(sides[0], truth, sides[1]),
        trimap=trimap_from_alpha(truth, BAND),
        frame=truth.shape,
    )
    return photo, truth / 255


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 1500), width=st.integers(1, 1500))
def test_the_shares_of_all_windows_add_up_to_one(height: int, width: int) -> None:
    total = np.zeros((height, width), np.float32)
    for window, share in overlapping_windows((height, width)):
        assert window.top % 2 == window.left % 2 == 0
        assert max(share.shape) <= SIDE + 2 * OVERLAP
        total[window.slices] += share
    assert np.allclose(total, 1, atol=1e-6)


def test_the_window_of_a_small_figure_is_small() -> None:
    trimap = np.zeros((300, 400), np.uint8)
    trimap[100:140, 200:260], trimap[110:130, 210:250] = 128, 255
    window = window_of(trimap)
    assert window.slices == (slice(84, 156), slice(184, 276))


@pytest.mark.parametrize("method", ["closed-form", "hybrid"])
def test_coarse_to_fine_is_as_near_to_the_truth_as_one_solve(method: str) -> None:
    photo, truth = large_photo()
    whole = solve_photo(photo, SOLVERS[method])
    parts = solve_photo(photo, SOLVERS[method], limit=8_000)
    assert np.abs(parts - truth).mean() <= 1.1 * np.abs(whole - truth).mean() + 1e-4


def test_no_seam_shows_between_windows() -> None:
    """Steps across a window's rim are no larger than the whole solve's there, but for 2 / 255."""
    photo, _ = large_photo()
    whole = solve_photo(photo, SOLVERS["closed-form"])
    parts = solve_photo(photo, SOLVERS["closed-form"], limit=8_000)
    for rim in (SIDE, SIDE + OVERLAP):
        for axis in (0, 1):
            steps = [
                np.abs(np.diff(np.take(alpha, [rim - 1, rim], axis), axis=axis)).max()
                for alpha in (whole, parts)
            ]
            assert steps[1] <= steps[0] + 2 / 255


def test_windows_with_a_prior_agree_with_one_solve_with_it() -> None:
    photo, truth = large_photo()
    prior = Prior(
        alpha=truth.astype(np.float32),
        weight=np.full(truth.shape, 0.1, np.float32),
    )
    whole = solve_photo(photo, SOLVERS["closed-form"], prior)
    parts = solve_photo(photo, SOLVERS["closed-form"], prior, limit=8_000)
    assert np.abs(whole - parts).max() <= 2 / 255


def test_a_subject_too_thin_for_a_coarser_photo_is_refused() -> None:
    image, _, _, _ = scene(64)
    trimap = np.full((64, 64), 128, np.uint8)
    trimap[0], trimap[31, 5:40] = 0, 255
    with pytest.raises(RefineError, match="too thin"):
        solve_photo(
            Photo(image=image, trimap=trimap, frame=trimap.shape), SOLVERS["closed-form"], limit=500
        )
