import numpy as np
import pytest

from shm.pipeline.composite import blend
from shm.pipeline.foreground import MARGIN, estimate_foreground
from shm.pipeline.refine import SOLVERS, RefineError, refine_alpha, window_of
from shm.pipeline.trimap import Reach, TrimapConfig, trimap_from_alpha
from shm.pipeline.values import RgbImage
from tests.pipeline.scenes import plain, scene

BAND = TrimapConfig(erode=Reach(value=3), dilate=Reach(value=3))


@pytest.mark.parametrize("method", SOLVERS)
def test_the_refined_alpha_is_nearer_to_the_truth_than_the_mask(method: str) -> None:
    image, truth, _, _ = scene()
    mask = np.where(truth >= 128, np.uint8(255), np.uint8(0))
    band = TrimapConfig(erode=Reach(value=6), dilate=Reach(value=6))
    alpha = refine_alpha(image, trimap_from_alpha(mask, band), method)
    of_mask = np.abs(mask.astype(float) - truth).mean()
    of_alpha = np.abs(alpha.astype(float) - truth).mean()
    assert of_alpha < of_mask / 2


@pytest.mark.parametrize("method", SOLVERS)
def test_certain_pixels_keep_their_values(method: str) -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, BAND)
    alpha = refine_alpha(image, trimap, method)
    assert np.all(alpha[trimap == 255] == 255)
    assert np.all(alpha[trimap == 0] == 0)


def test_only_the_window_around_the_unknown_is_solved() -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, BAND)
    large_image = np.pad(image, ((200, 40), (10, 300), (0, 0)), mode="edge")
    large_trimap = np.pad(trimap, ((200, 40), (10, 300)))
    window = window_of(large_trimap)
    assert window.bottom - window.top < 100
    alone = refine_alpha(image, trimap, "closed-form")
    inside = refine_alpha(large_image, large_trimap, "closed-form")[200:264, 10:74]
    assert np.abs(inside.astype(int) - alone).max() <= 3


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    image, truth, _, _ = scene()
    with pytest.raises(RefineError, match="closed-form, knn"):
        refine_alpha(image, trimap_from_alpha(truth, BAND), "magic")


def test_estimated_colours_leave_no_halo_on_a_new_background() -> None:
    image, alpha, foreground, _ = scene()
    black = plain((0, 0, 0))
    true_composite = blend(foreground, alpha, black).astype(float)
    soft = (alpha > 0) & (alpha < 255)

    def error(colours: RgbImage) -> float:
        return float(np.abs(blend(colours, alpha, black) - true_composite)[soft].mean())

    assert error(estimate_foreground(image, alpha)) < error(image) / 3


def test_colours_far_from_the_subject_are_zero_and_inside_the_photo_s_own() -> None:
    image, alpha, _, _ = scene()
    colours = estimate_foreground(image, alpha)
    assert np.array_equal(colours[alpha == 255], image[alpha == 255])
    assert not colours[:2, :2].any()
    assert colours[32, 32 - 24 - MARGIN + 2].any()
