import numpy as np
import pytest

from shm.pipeline.refine import SOLVERS, Prior, RefineError, compile_solvers, refine_alpha
from shm.pipeline.trimap import Reach, TrimapConfig, trimap_from_alpha
from tests.pipeline.scenes import scene

NARROW = TrimapConfig(erode=Reach(value=3), dilate=Reach(value=3))
WIDE = TrimapConfig(erode=Reach(value=6), dilate=Reach(value=6))


@pytest.mark.parametrize("method", SOLVERS)
def test_the_refined_alpha_is_nearer_to_the_truth_than_the_mask(method: str) -> None:
    image, truth, _, _ = scene()
    mask = np.where(truth >= 128, np.uint8(255), np.uint8(0))
    alpha = refine_alpha(image, trimap_from_alpha(mask, WIDE), method)
    of_mask = np.abs(mask.astype(float) - truth).mean()
    of_alpha = np.abs(alpha.astype(float) - truth).mean()
    assert of_alpha < of_mask / 2


@pytest.mark.parametrize("method", SOLVERS)
def test_certain_pixels_keep_their_values(method: str) -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, NARROW)
    alpha = refine_alpha(image, trimap, method)
    assert np.all(alpha[trimap == 255] == 255)
    assert np.all(alpha[trimap == 0] == 0)


def test_a_small_figure_in_a_large_photo_is_solved_alone() -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, NARROW)
    large_image = np.pad(image, ((200, 40), (10, 300), (0, 0)), mode="edge")
    large_trimap = np.pad(trimap, ((200, 40), (10, 300)))
    alone = refine_alpha(image, trimap, "closed-form")
    inside = refine_alpha(large_image, large_trimap, "closed-form")[200:264, 10:74]
    assert np.abs(inside.astype(int) - alone).max() <= 3


@pytest.mark.parametrize("method", SOLVERS)
def test_the_same_photo_gives_the_same_alpha(method: str) -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, NARROW)
    first, again = (refine_alpha(image, trimap, method) for _ in range(2))
    assert np.array_equal(first, again)


def test_a_photo_of_certain_pixels_needs_no_solve() -> None:
    image, truth, _, _ = scene()
    trimap = np.where(truth >= 128, np.uint8(255), np.uint8(0))
    assert np.array_equal(refine_alpha(image, trimap, "hybrid"), trimap)


@pytest.mark.parametrize("method", SOLVERS)
def test_a_strong_prior_is_followed_and_one_of_no_weight_is_not(method: str) -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, NARROW)
    unknown = trimap == 128
    third = np.full(trimap.shape, 1 / 3, np.float32)
    weight = np.full(trimap.shape, 1e4, np.float32)
    strong = refine_alpha(image, trimap, method, Prior(alpha=third, weight=weight, spread=third))
    weak = refine_alpha(image, trimap, method, Prior(alpha=third, weight=weight * 0, spread=third))
    assert np.abs(strong[unknown].astype(int) - 85).max() <= 1
    assert np.abs(weak.astype(float) - truth)[unknown].mean() < 10


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    image, truth, _, _ = scene()
    with pytest.raises(RefineError, match="hybrid, closed-form, knn"):
        refine_alpha(image, trimap_from_alpha(truth, NARROW), "magic")


def test_arrays_of_other_sizes_are_refused() -> None:
    image, truth, _, _ = scene()
    trimap = trimap_from_alpha(truth, NARROW)
    small = np.zeros((8, 8), np.float32)
    with pytest.raises(RefineError, match="RGB photo"):
        refine_alpha(image[1:], trimap, "hybrid")
    with pytest.raises(RefineError, match="prior"):
        refine_alpha(image, trimap, "hybrid", Prior(alpha=small, weight=small, spread=small))


@pytest.mark.parametrize(("certain", "missing"), [(0, "foreground"), (255, "background")])
def test_a_trimap_that_is_certain_of_one_side_only_needs_a_prior(
    certain: int, missing: str
) -> None:
    image, truth, _, _ = scene()
    trimap = np.full(truth.shape, 128, np.uint8)
    trimap[:4] = certain
    with pytest.raises(RefineError, match=f"no certain {missing}"):
        refine_alpha(image, trimap, "hybrid")
    expected = (truth / 255).astype(np.float32)
    prior = Prior(alpha=expected, weight=np.ones_like(expected), spread=expected)
    alpha = refine_alpha(image, trimap, "hybrid", prior)
    assert np.abs(alpha.astype(float) - truth)[trimap == 128].mean() < 8


def test_a_photo_without_a_solution_is_refused_with_its_method_and_a_cure() -> None:
    image = np.zeros((2, 40, 3), np.uint8)  # no 3 × 3 window fits in: all rows are zero
    trimap = np.full((2, 40), 128, np.uint8)
    trimap[:, :5], trimap[:, 35:] = 0, 255
    with pytest.raises(RefineError, match=r"closed-form matting of 60 unknown pixels: .*narrower"):
        refine_alpha(image, trimap, "closed-form")


@pytest.mark.parametrize("method", SOLVERS)
def test_a_photo_of_one_colour_is_solved(method: str) -> None:
    image = np.full((32, 32, 3), 77, np.uint8)
    trimap = np.full((32, 32), 128, np.uint8)
    trimap[:, :8], trimap[:, 24:] = 0, 255
    alpha = refine_alpha(image, trimap, method)
    assert np.all(alpha[:, :8] == 0)
    assert np.all(alpha[:, 24:] == 255)


def test_every_solver_is_compiled_by_one_call() -> None:
    compile_solvers()
