import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from shm.pipeline.refine import SOLVERS, Prior, RefineError, RefineMethod, refine_alpha
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
def test_what_is_unknown_far_away_changes_little(method: str) -> None:
    image, truth, _, _ = scene()
    photo = np.pad(image, ((100, 100), (100, 100), (0, 0)), mode="edge")
    trimap = np.pad(trimap_from_alpha(truth, NARROW), 100)
    alone = refine_alpha(photo, trimap, method)
    trimap[2:5, 2:5] = trimap[-5:-2, -5:-2] = 128
    beside = refine_alpha(photo, trimap, method)
    difference = np.abs(beside.astype(int) - alone)[100:-100, 100:-100]
    assert difference.max() <= 12
    assert difference.mean() < 0.2


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
    strong = refine_alpha(image, trimap, method, Prior(alpha=third, weight=weight))
    weak = refine_alpha(image, trimap, method, Prior(alpha=third, weight=weight * 0))
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
    with pytest.raises(RefineError, match="its own trimap"):
        refine_alpha(image[1:], trimap, "hybrid")
    with pytest.raises(RefineError, match="prior"):
        refine_alpha(image, trimap, "hybrid", Prior(alpha=small, weight=small))


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
    prior = Prior(alpha=expected, weight=np.ones_like(expected))
    alpha = refine_alpha(image, trimap, "hybrid", prior)
    assert np.abs(alpha.astype(float) - truth)[trimap == 128].mean() < 8


def test_a_photo_without_a_solution_is_refused_with_its_method_and_a_cure() -> None:
    image = np.zeros((2, 40, 3), np.uint8)  # no 3 × 3 window fits in: all rows are zero
    trimap = np.full((2, 40), 128, np.uint8)
    trimap[:, :5], trimap[:, 35:] = 0, 255
    with pytest.raises(
        RefineError, match=r"closed-form matting of 60 unknown pixels: .*another method"
    ):
        refine_alpha(image, trimap, "closed-form")


@pytest.mark.parametrize("method", SOLVERS)
def test_a_photo_of_one_colour_is_solved(method: str) -> None:
    image = np.full((32, 32, 3), 77, np.uint8)
    trimap = np.full((32, 32), 128, np.uint8)
    trimap[:, :8], trimap[:, 24:] = 0, 255
    alpha = refine_alpha(image, trimap, method)
    columns = alpha.astype(int).mean(axis=0)
    assert (np.diff(columns) >= -1).all()  # nothing but the certain pixels decides: it rises
    assert columns[8] < 128 < columns[23]


def test_every_solver_is_compiled_by_one_call() -> None:
    code = """
import sys
from shm.pipeline.refine import SOLVERS, compile_solvers, refine_alpha
from tests.pipeline.refine.test_refine import NARROW
from shm.pipeline.trimap import trimap_from_alpha
from tests.pipeline.scenes import scene
assert "pymatting" not in sys.modules  # PyMatting's kernels are compiled as they are imported
compile_solvers()
loaded = set(sys.modules)
image, truth, _, _ = scene()
for method in SOLVERS:
    refine_alpha(image, trimap_from_alpha(truth, NARROW), method)
assert not {name for name in set(sys.modules) - loaded if name.startswith("pymatting")}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_each_method_has_a_name_on_the_command_line() -> None:
    assert set(get_args(RefineMethod)) == {"auto", "none", *SOLVERS}
