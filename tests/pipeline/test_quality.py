import numpy as np

from shm.pipeline.quality import measure_quality


def test_figures_of_a_square_with_a_hole_and_an_island() -> None:
    alpha = np.zeros((20, 20), np.uint8)
    alpha[4:12, 4:12] = 255
    alpha[7:9, 7:9] = 0  # a hole of four pixels
    alpha[16, 16] = 255  # an island
    trimap = alpha.copy()
    trimap[4, 4:12] = 128
    alpha[4, 4:8] = 128
    mask = np.where(alpha >= 128, np.uint8(255), np.uint8(0))
    figures = measure_quality(alpha, trimap, mask)
    assert figures["holes"] == 1
    assert figures["islands"] == 1
    assert figures["unknown"] == 8 / 400
    assert figures["undecided"] == 0.5
    assert figures["subject"] == round((64 - 4 + 1 - 4 + 4 * 128 / 255) / 400, 6)
    assert figures["mask_difference"] == round(4 * 127 / 255 / 400, 6)


def test_background_that_touches_the_frame_is_no_hole() -> None:
    alpha = np.full((12, 12), 255, np.uint8)
    alpha[:, :3] = 0
    alpha[0, 5] = 0
    assert measure_quality(alpha, alpha)["holes"] == 0
