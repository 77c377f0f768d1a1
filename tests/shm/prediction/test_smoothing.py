import numpy as np
import pytest

from shm.metrics.flicker import dtssd
from shm.prediction.smoothing import Smoother, SmoothingError


def clip(count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return frames of a disc that moves over a texture, and its alphas."""
    random = np.random.default_rng(0)
    texture = np.repeat(random.integers(60, 120, (30, 40, 3)), 4, 0).repeat(4, 1)
    own = np.repeat(random.integers(150, 250, (30, 40, 3)), 4, 0).repeat(4, 1)
    rows, columns = np.mgrid[0:120, 0:160]
    images, alphas = [], []
    for index in range(count):
        distance = np.hypot(rows - 60, columns - 50 - 3 * index)
        alpha = np.clip((35 - distance) / 4, 0, 1)
        moved = np.roll(own, 3 * index, 1)
        image = moved * alpha[..., None] + texture * (1 - alpha[..., None])
        images.append(image.round().astype(np.uint8))
        alphas.append(alpha.astype(np.float32))
    return images, alphas


def flicker(found: list[np.ndarray], truth: list[np.ndarray]) -> float:
    steps = zip(found[1:], truth[1:], found, truth, strict=False)
    return float(np.mean([dtssd(*each) for each in steps]))


def test_a_matte_that_flickers_does_so_less_and_lags_nowhere() -> None:
    images, truth = clip(12)
    random = np.random.default_rng(1)
    trembling = [
        np.clip(alpha + random.normal(0, 0.1) * ((alpha > 0) & (alpha < 1)), 0, 1).astype(
            np.float32
        )
        for alpha in truth
    ]
    smoother = Smoother(0.7)
    smooth = [smoother(*each) for each in zip(images, trembling, strict=True)]
    assert flicker(smooth, truth) < 0.85 * flicker(trembling, truth)
    errors = [np.abs(one - two).mean() for one, two in zip(smooth, truth, strict=True)]
    before = [np.abs(one - two).mean() for one, two in zip(trembling, truth, strict=True)]
    assert np.mean(errors) < 1.1 * np.mean(before)
    assert np.mean(errors[6:]) < 1.5 * np.mean(errors[:6]) + 1e-3  # nothing adds up


def test_none_changes_nothing_and_a_cut_begins_anew() -> None:
    images, alphas = clip(2)
    assert Smoother(0)(images[0], alphas[0]) is alphas[0]
    smoother = Smoother(0.9)
    smoother(images[0], alphas[0])
    other = 255 - images[0]
    changed = np.abs(smoother(other, 1 - alphas[0]) - (1 - alphas[0]))
    assert changed.mean() < 0.05
    assert np.array_equal(smoother(images[0][:50], alphas[0][:50]), alphas[0][:50])


@pytest.mark.parametrize("strength", [-0.1, 0.96, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(SmoothingError, match=r"give 0 to 0\.95"):
        Smoother(strength)
