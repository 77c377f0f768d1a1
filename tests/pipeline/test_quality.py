import cv2
import numpy as np
import pytest

from shm.pipeline.composite import blend
from shm.pipeline.quality import (
    FAULTS,
    QualityError,
    measure_quality,
    require_quality,
    worst_figure,
)
from shm.pipeline.size import SizeError
from shm.pipeline.trimap import Reach, TrimapConfig, trimap_from_alpha
from shm.pipeline.values import Alpha, RgbImage
from tests.pipeline.scenes import plain, scene, shaded

SIZE = 256
BAND = TrimapConfig(mode="fixed", erode=Reach(value=4), dilate=Reach(value=4))


def person(shift: int = 0, *, hand: bool = True) -> Alpha:
    """A head, a body and an arm that ends in a hand."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    x = 110 + shift
    cv2.circle(mask, (x, 70), 30, 255, -1)
    cv2.rectangle(mask, (x - 40, 100), (x + 40, 230), 255, -1)
    cv2.line(mask, (x + 30, 130), (x + 70 if hand else x + 45, 100), 255, 16)
    return mask


def soft(mask: Alpha, sigma: float = 1) -> Alpha:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.uint8)


def photo() -> RgbImage:
    subject, wall = shaded((190, 110, 80), SIZE, 1), shaded((60, 90, 120), SIZE, 2)
    return blend(subject, soft(person()), wall)


def measured(alpha: Alpha) -> dict[str, float]:
    return measure_quality(photo(), alpha, trimap_from_alpha(alpha, BAND))


def blurry_rectangle() -> Alpha:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[40:230, 60:190] = 255
    return soft(mask, 8)


BROKEN = {
    "of another photo": np.ascontiguousarray(soft(person())[::-1, ::-1]),
    "shifted by 30 px": soft(person(30)),
    "without the hand": soft(person(hand=False)),
    "inverted": 255 - soft(person()),
    "a blurry rectangle": blurry_rectangle(),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_alpha_is_of_lower_quality_than_a_good_one(fault: str) -> None:
    good, broken = measured(soft(person())), measured(BROKEN[fault])
    assert broken["quality"] < good["quality"] - 0.02, (good, broken)


def test_the_figure_at_fault_is_named() -> None:
    named = {fault: worst_figure(measured(alpha)) for fault, alpha in BROKEN.items()}
    assert named.pop("without the hand") in ("unsupported", "softness")  # most of it is sound
    assert named == {
        "of another photo": "unsupported",
        "shifted by 30 px": "unsupported",
        "inverted": "framed",
        "a blurry rectangle": "unsupported",
    }
    assert worst_figure({}) == ""


def test_the_blurrier_the_alpha_the_lower_its_quality() -> None:
    figures = [measured(soft(person(), sigma)) for sigma in (1, 2, 4, 8)]
    for name, sign in (("quality", -1), ("softness", 1)):
        values = [sign * each[name] for each in figures]
        assert values == sorted(values), name


def test_quality_does_not_hang_on_the_size_of_the_photo() -> None:
    alpha, image = soft(person()), photo()
    small = measure_quality(image, alpha, trimap_from_alpha(alpha, BAND))
    size = (5 * SIZE, 5 * SIZE)
    large_alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    large_image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    wide = TrimapConfig(mode="fixed", erode=Reach(value=20), dilate=Reach(value=20))
    large = measure_quality(large_image, large_alpha, trimap_from_alpha(large_alpha, wide))
    assert large["quality"] == pytest.approx(small["quality"], abs=0.05)


def test_alpha_far_from_the_mask_counts_and_alpha_at_its_edge_does_not() -> None:
    mask, alpha = person(), soft(person())
    strange = alpha.copy()
    strange[10:40, 200:240] = 255
    trimap = trimap_from_alpha(alpha, BAND)
    at_edge, far = (measure_quality(photo(), a, trimap, mask=mask) for a in (alpha, strange))
    assert at_edge["off_mask"] == 0
    assert far["off_mask"] == pytest.approx(1200 / np.count_nonzero(mask), rel=0.01)
    assert far["quality"] < at_edge["quality"]


def test_figures_of_a_square_with_a_hole_and_an_island() -> None:
    alpha = np.zeros((20, 20), np.uint8)
    alpha[4:12, 4:12] = 255
    alpha[7:9, 7:9] = 0  # a hole of four pixels
    alpha[16, 16] = 255  # an island
    trimap = alpha.copy()
    trimap[4, 4:12] = 128
    alpha[4, 4:8] = 128
    mask = np.where(alpha >= 128, np.uint8(255), np.uint8(0))
    spread = np.full((20, 20), 0.5, np.float32)
    figures = measure_quality(plain((9, 9, 9), 20), alpha, trimap, mask=mask, spread=spread)
    area = 64 - 4 + 1 - 4 + 4 * 128 / 255
    assert figures["holes"] == 1
    assert figures["islands"] == 1
    assert figures["unknown"] == 8 / 400
    assert figures["undecided"] == 0.5
    assert figures["subject"] == round(area / 400, 6)
    assert figures["mask_difference"] == round(4 * 127 / 255 / 400, 6)
    assert figures["softness"] == pytest.approx(4 * 4 * 128 / 255 * 127 / 255 / 400, abs=1e-5)
    assert figures["spread"] == round(8 * 0.5 / area, 6)
    assert 0 <= figures["quality"] <= 1


def test_specks_are_no_islands_and_no_holes() -> None:
    alpha = np.zeros((300, 300), np.uint8)
    alpha[50:250, 50:250] = 255
    alpha[10, 10] = 255
    alpha[100, 100] = 0
    figures = measure_quality(plain((9, 9, 9), 300), alpha, alpha)
    assert (figures["islands"], figures["holes"]) == (0, 0)
    alpha[10:13, 10:13] = 255
    alpha[100:103, 100:103] = 0
    figures = measure_quality(plain((9, 9, 9), 300), alpha, alpha)
    assert (figures["islands"], figures["holes"]) == (1, 1)


def test_background_that_touches_the_frame_is_no_hole() -> None:
    alpha = np.full((12, 12), 255, np.uint8)
    alpha[:, :3] = 0
    alpha[0, 5] = 0
    assert measure_quality(plain((9, 9, 9), 12), alpha, alpha)["holes"] == 0


def test_every_figure_is_finite_whatever_the_alpha() -> None:
    for level in (0, 128, 255):
        alpha = np.full((40, 40), level, np.uint8)
        figures = measure_quality(plain((9, 9, 9), 40), alpha, alpha, mask=alpha)
        assert np.isfinite(list(figures.values())).all(), figures


def test_a_refusal_says_figure_bound_and_likeliest_cause() -> None:
    figures = measured(BROKEN["shifted by 30 px"])
    require_quality(figures, figures["quality"])
    with pytest.raises(QualityError) as refusal:
        require_quality(figures, 0.6)
    assert f"quality {figures['quality']:g} is below 0.6; unsupported 0." in str(refusal.value)
    assert FAULTS["unsupported"].cause in str(refusal.value)


def test_what_is_as_good_as_the_bound_is_taken() -> None:
    require_quality({"quality": 0.0}, 0.0)
    with pytest.raises(QualityError):
        require_quality(measured(BROKEN["shifted by 30 px"]) | {"quality": 0.499}, 0.5)


def test_an_outline_that_cannot_be_judged_speaks_against_a_matte() -> None:
    image = scene(96)[0]
    noise = np.where(np.random.default_rng(0).random((96, 96)) < 0.5, np.uint8(255), np.uint8(0))
    assert measure_quality(image, noise, noise)["quality"] < 0.1


def test_pictures_of_several_sizes_are_refused_by_name() -> None:
    image, alpha, _, _ = scene(96)
    with pytest.raises(SizeError, match=r"alpha \(96, 96\), trimap \(95, 96\)"):
        measure_quality(image, alpha, alpha[1:])
