"""The prior of a mask: strands where there is hair, the mask where the edge is hard."""

import numpy as np
import pytest

from shm.pipeline.composite import blend
from shm.pipeline.refine import prior
from shm.pipeline.refine.edge import signed_distance
from shm.pipeline.refine.prior import prior_from_mask
from shm.pipeline.refine.scale import SCALES, estimate_at_all_scales
from shm.pipeline.values import Alpha, RgbImage
from tests.pipeline.scenes import hairy_disc, plain, shaded, soft_disc


def mask_of(alpha: Alpha) -> Alpha:
    return np.where(alpha >= 128, np.uint8(255), np.uint8(0))


def photo_of(alpha: Alpha) -> RgbImage:
    size = alpha.shape[0]
    return blend(shaded((70, 45, 30), size, 1), alpha, shaded((170, 190, 210), size, 2))


def error(estimate: object, truth: Alpha) -> float:
    return float(np.abs(np.asarray(estimate, float) - truth / 255).mean())


def test_strands_of_hair_that_the_mask_lost_come_back() -> None:
    truth = hairy_disc()
    mask = mask_of(truth)
    found = prior_from_mask(photo_of(truth), mask)[0].alpha
    assert error(found, truth) < 0.6 * error(mask / 255, truth)
    lost = (mask == 0) & (truth > 60)
    assert lost.sum() > 300
    assert found[lost].mean() > 0.6 * (truth[lost] / 255).mean()


def test_a_hard_edge_on_a_busy_background_stays_where_the_mask_has_it() -> None:
    truth = soft_disc(200, 60, 1.4)
    busy = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    found = prior_from_mask(blend(plain((200, 60, 40), 200), truth, busy), mask_of(truth))[0].alpha
    assert error(found, truth) <= 1.1 * error(mask_of(truth) / 255, truth)
    away = np.abs(signed_distance(truth >= 128)) > 6
    assert np.abs(found - (truth >= 128))[away].max() < 0.02


def test_alpha_leaves_the_mask_near_its_edge_only() -> None:
    truth = hairy_disc()
    mask = mask_of(truth)
    found, spread = prior_from_mask(photo_of(truth), mask)
    reach = prior.REACH * (mask > 0).sum() ** 0.5
    far = np.abs(signed_distance(mask > 0)) > max(reach, prior.LEAST_REACH) + 1
    np.testing.assert_array_equal(found.alpha[far], (mask > 0)[far])
    assert not spread[far].any()


def test_hair_pulls_less_than_a_hard_edge() -> None:
    hair, hard = hairy_disc(), soft_disc(200, 60, 1.4)
    weights = []
    for truth in (hair, hard):
        mask = mask_of(truth)
        edge = np.abs(signed_distance(mask > 0)) < 4
        weights.append(np.median(prior_from_mask(photo_of(truth), mask)[0].weight[edge]))
    assert weights[0] < weights[1] / 3


def test_the_shares_of_the_scales_add_up_to_one() -> None:
    scale = np.linspace(-5, 12, 30, dtype=np.float32).reshape(5, 6)
    shares = SCALES.shares(scale)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
    assert (shares >= 0).all()
    assert shares[0, 0, 0] > 0.9
    assert shares[-1, -1, -1] > 0.9


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_photo_has_the_mirrored_prior(axis: int) -> None:
    truth = hairy_disc(120, 80)
    image, mask = photo_of(truth), mask_of(truth)
    straight, _ = prior_from_mask(image, mask)
    mirrored, _ = prior_from_mask(np.flip(image, axis).copy(), np.flip(mask, axis).copy())
    np.testing.assert_allclose(np.flip(mirrored.alpha, axis), straight.alpha, atol=5e-3)


def test_strips_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = hairy_disc(240)
    image, mask = photo_of(truth), mask_of(truth)
    monkeypatch.setattr(prior, "WORKING_SIDE", 100)
    whole, _ = prior_from_mask(image, mask)
    monkeypatch.setattr(prior, "STRIP", 7)
    in_strips, _ = prior_from_mask(image, mask)
    np.testing.assert_array_equal(whole.alpha, in_strips.alpha)
    np.testing.assert_array_equal(whole.weight, in_strips.weight)


def test_fits_of_a_reduced_copy_serve_the_large_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = hairy_disc(240)
    image, mask = photo_of(truth), mask_of(truth)
    monkeypatch.setattr(prior, "WORKING_SIDE", 120)
    assert error(prior_from_mask(image, mask)[0].alpha, truth) < 0.75 * error(mask / 255, truth)


def test_estimates_are_finite_on_a_photo_of_one_colour() -> None:
    mask = (soft_disc(64) >= 128).astype(np.float32)
    estimates = estimate_at_all_scales(np.full((64, 64, 3), 0.4, np.float32), mask)
    for plane in (*estimates.planes, *estimates.cues.values()):
        assert np.isfinite(plane).all()
        assert plane.dtype == np.float32
