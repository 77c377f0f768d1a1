import numpy as np
import torch
from torch import Tensor

from shm.pipeline.values import TrimapClass
from shm.training.augment import Window, draw_window, matte_crops, rotate, rotation_angles
from shm.training.batch import Batch, one_hot


def disc(side: int) -> Tensor:
    """Return classes with a disc of foreground and a ring of unknown, (side, side)."""
    grid = torch.arange(side) - side / 2 + 0.5
    distance = torch.hypot(grid[:, None], grid[None, :])
    classes = torch.full((side, side), int(TrimapClass.BACKGROUND))
    classes[distance < side * 0.4] = TrimapClass.UNKNOWN
    classes[distance < side * 0.25] = TrimapClass.FOREGROUND
    return classes


def batch_of(count: int, side: int) -> Batch:
    classes = disc(side).expand(count, side, side)
    pixels = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))
    return Batch(
        image=pixels,
        alpha=pixels[:, :1],
        classes=classes,
        trimap=one_hot(classes),
        foreground=pixels,
        background=1 - pixels,
        ids=tuple(f"s{i}" for i in range(count)),
    )


def test_a_quarter_turn_is_exact_for_image_and_trimap_alike() -> None:
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    classes = (image[:, 0] * 3).long()
    turned, labels = rotate(image, classes, [90.0])
    assert torch.allclose(turned, torch.rot90(image, 1, (-2, -1)), atol=1e-5)
    assert torch.equal(labels, torch.rot90(classes, 1, (-2, -1)))


def test_a_rotated_trimap_holds_classes_only_and_no_turn_changes_nothing() -> None:
    image, classes = batch_of(2, 32).image, batch_of(2, 32).classes
    _, labels = rotate(image, classes, [7.0, -31.0])
    assert set(labels.flatten().tolist()) <= {0, 1, 2}
    still, same = rotate(image, classes, [0.0, 0.0])
    assert torch.allclose(still, image, atol=1e-5)
    assert torch.equal(same, classes)


def test_angles_depend_on_seed_step_and_sample_alone() -> None:
    first = rotation_angles(["a", "b"], 10, seed=1, step=5)
    assert rotation_angles(["b", "a"], 10, seed=1, step=5) == first[::-1]
    assert rotation_angles(["a", "b"], 10, seed=1, step=6) != first
    assert rotation_angles(["a", "b"], 10, seed=2, step=5) != first
    assert all(abs(angle) <= 10 for angle in first)


def test_windows_lie_inside_and_hold_unknown_pixels() -> None:
    classes = disc(64)
    for draw in range(50):
        window = draw_window(classes, (16, 24, 64), np.random.default_rng(draw))
        assert 0 <= window.top <= 64 - window.side
        assert 0 <= window.left <= 64 - window.side
        cut = classes[window.top :, window.left :][: window.side, : window.side]
        assert (cut == TrimapClass.UNKNOWN).any()


def test_a_crop_without_unknown_pixels_still_gives_a_window() -> None:
    blank = torch.zeros(40, 40, dtype=torch.int64)
    corners = {draw_window(blank, (16,), np.random.default_rng(n)).top for n in range(20)}
    assert len(corners) > 5


def test_a_window_of_its_own_side_is_cut_to_the_pixel() -> None:
    pixels = torch.arange(2 * 6 * 6.0).view(2, 6, 6)
    plain = Window(top=1, left=2, side=4, mirrored=False).of(pixels, 4)
    assert torch.equal(plain, pixels[:, 1:5, 2:6])
    mirrored = Window(top=1, left=2, side=4, mirrored=True).of(pixels, 4)
    assert torch.equal(mirrored, pixels[:, 1:5, 2:6].flip(-1))


def test_matte_crops_keep_all_of_a_sample_aligned_and_let_gradients_through() -> None:
    batch = batch_of(3, 64)
    probabilities = batch.trimap.clone().requires_grad_()
    cropped, seen = matte_crops(batch, probabilities, side=32, sides=(32, 48), seed=0, step=7)
    assert cropped.image.shape == (3, 3, 32, 32)
    assert seen.shape == (3, 3, 32, 32)
    assert cropped.foreground is not None
    assert cropped.background is not None
    assert torch.allclose(cropped.image[:, :1], cropped.true_alpha)
    assert torch.allclose(cropped.foreground + cropped.background, torch.tensor(1.0), atol=1e-5)
    assert cropped.classes.shape == (3, 32, 32)
    assert (one_hot(cropped.classes) - seen).abs().mean() < 0.05
    assert torch.allclose(seen.sum(1), torch.tensor(1.0), atol=1e-5)
    seen.sum().backward()  # type: ignore[no-untyped-call]
    assert probabilities.grad is not None
    assert (probabilities.grad != 0).flatten(1).any(1).all()


def test_matte_crops_depend_on_seed_step_and_sample_alone() -> None:
    batch = batch_of(3, 64)

    def crops(seed: int, step: int) -> Tensor:
        return matte_crops(batch, batch.trimap, side=32, sides=(32,), seed=seed, step=step)[0].image

    assert torch.equal(crops(1, 5), crops(1, 5))
    assert not torch.equal(crops(1, 5), crops(1, 6))
    assert not torch.equal(crops(1, 5), crops(2, 5))
