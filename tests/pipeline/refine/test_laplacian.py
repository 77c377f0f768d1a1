"""Our systems against PyMatting's, where the definition is the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shm.pipeline.refine.laplacian import KnnGraph
from shm.pipeline.refine.method import Method, solve_region
from shm.pipeline.refine.region import Region
from shm.pipeline.values import RgbImage, Trimap

TOLERANCE = 0.5 / 255
"""For closed-form matting: half an 8-bit step."""

KNN_TOLERANCE = 4 / 255
"""PyMatting holds the certain pixels of KNN matting by a weight of 100; here they are fixed."""


def photo(seed: int, height: int, width: int) -> tuple[RgbImage, Trimap]:
    """Two noisy colours, and unknown pixels in a band and in spots."""
    generator = np.random.default_rng(seed)
    across = np.linspace(-1, 1, width)[None, :, None] + np.zeros((height, 1, 1))
    share = np.clip(across * 2 + generator.normal(0, 0.05, (height, width, 1)) + 0.5, 0, 1)
    colours = generator.uniform(40, 215, (2, 3))
    noise = generator.normal(0, 8, (height, width, 3))
    image = np.clip(share * colours[0] + (1 - share) * colours[1] + noise, 0, 255)
    trimap = np.where(across[..., 0] > 0, np.uint8(255), np.uint8(0))
    trimap[np.abs(across[..., 0]) < 0.6] = 128
    trimap[generator.random((height, width)) < 0.02] = 128
    return image.astype(np.uint8), trimap


def whole(image: RgbImage, trimap: Trimap) -> Region:
    return Region(image=image, trimap=trimap, size=(trimap.shape[0], trimap.shape[1]))


def known(trimap: Trimap) -> NDArray[np.float64]:
    return np.select([trimap == 0, trimap == 255], [0.0, 1.0], 0.5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), height=st.integers(12, 150), width=st.integers(24, 150))
def test_closed_form_matting_is_pymatting_s(seed: int, height: int, width: int) -> None:
    from pymatting import estimate_alpha_cf

    image, trimap = photo(seed, height, width)
    region = whole(image, trimap)
    ours = solve_region(region, Method(closed_form=1))
    theirs = estimate_alpha_cf(image / 255.0, known(trimap))[region.unknown]
    assert np.abs(ours - theirs).max() <= TOLERANCE


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), height=st.integers(12, 60), width=st.integers(24, 60))
def test_knn_matting_is_pymatting_s_where_the_ring_is_the_photo(
    seed: int, height: int, width: int
) -> None:
    from pymatting import estimate_alpha_knn

    image, trimap = photo(seed, height, width)
    region = whole(image, trimap)
    ours = solve_region(region, Method(knn=1, graph=KnnGraph(ring=60)))
    theirs = estimate_alpha_knn(
        image / 255.0, known(trimap), cg_kwargs={"rtol": 1e-7, "maxiter": 10_000}
    )[region.unknown]
    assert np.abs(ours - theirs).max() <= KNN_TOLERANCE


def test_a_narrower_ring_changes_knn_matting_little() -> None:
    image, trimap = photo(4, 60, 120)
    region = whole(image, trimap)
    narrow, wide = (
        solve_region(region, Method(knn=1, graph=KnnGraph(ring=ring))) for ring in (10, 120)
    )
    assert np.abs(narrow - wide).mean() < 0.02


@pytest.mark.parametrize("method", [Method(closed_form=1), Method(knn=1)])
def test_certain_colours_beyond_the_ring_do_not_matter(method: Method) -> None:
    image, trimap = photo(4, 60, 120)
    trimap[:, :50], trimap[:, 70:] = 0, 255
    other = image.copy()
    other[:, :30], other[:, 90:] = 7, 99
    first, second = (solve_region(whole(picture, trimap), method) for picture in (image, other))
    assert np.abs(first - second).max() < 1e-4
