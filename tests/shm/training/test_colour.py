import numpy as np
import torch

from shm.pipeline.jitter import JitterConfig, colour_transform, draw_transform
from shm.training.colour import jittered

STRONG = JitterConfig(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1)


def pictures() -> list[torch.Tensor]:
    """Return an image in the middle of the range, its foreground, and its background."""
    random = torch.Generator().manual_seed(0)
    foreground, background = 0.45 + 0.1 * torch.rand(2, 2, 3, 8, 9, generator=random)
    alpha = torch.rand(2, 1, 8, 9, generator=random)
    return [foreground * alpha + background * (1 - alpha), foreground, background, alpha]


def test_an_image_stays_the_mixture_of_its_foreground_and_background() -> None:
    *before, alpha = pictures()
    drawn = draw_transform(STRONG, np.random.default_rng(1))
    assert drawn is not None
    image, foreground, background = jittered(before, [drawn.ravel().tolist(), None])
    torch.testing.assert_close(image, alpha * foreground + (1 - alpha) * background)
    assert not torch.allclose(image[0], before[0][0], atol=1e-3)


def test_each_sample_goes_through_its_own_map_and_one_without_stays_as_it_is() -> None:
    image = torch.rand(3, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    maps = [colour_transform(saturation=0.5, hue=0.1), None, colour_transform(contrast=0.2)]
    (found,) = jittered([image], [None if m is None else m.ravel().tolist() for m in maps])
    assert torch.equal(found[1], image[1])
    for index in (0, 2):
        mine = maps[index]
        assert mine is not None
        pixels = image[index].permute(1, 2, 0).numpy()
        expected = (pixels @ mine[:, :3].T + mine[:, 3]).clip(0, 1)
        np.testing.assert_allclose(found[index].permute(1, 2, 0), expected, atol=1e-6)


def test_colours_beyond_the_range_are_cut_off() -> None:
    bright = colour_transform(brightness=2.0).ravel().tolist()
    (found,) = jittered([torch.full((1, 3, 2, 2), 0.75)], [bright])
    assert torch.equal(found, torch.ones(1, 3, 2, 2))


def test_without_a_map_nothing_is_computed() -> None:
    image = torch.rand(2, 3, 4, 4)
    assert jittered([image], [None, None])[0] is image
