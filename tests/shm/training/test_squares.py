import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from shm.pipeline.composite import blend
from shm.training import squares as module
from shm.training.squares import Place, Square, blended, nearest, squares
from tests.shm.training.raw_batches import Planes, Sample, packed, planes

COLOURS = ("image", "foreground", "background")
ALL = (*COLOURS, "alpha")


def placed(samples: list[Planes], flips: list[bool]) -> tuple[Tensor, list[Square]]:
    raw = packed([Sample(planes=each) for each in samples])
    crops = [
        Square(crop["side"], flip, {n: Place(at, crop["side"]) for n, at in crop["planes"].items()})
        for crop, flip in zip(raw["crops"], flips, strict=True)
    ]
    return raw["pixels"], crops


def one_by_one(plane: np.ndarray, flip: bool, size: int) -> Tensor:
    """Mirror, then resize one plane, (channels, size, size), as plainly as can be."""
    seen = torch.from_numpy(np.ascontiguousarray(plane[:, ::-1] if flip else plane))
    floats = seen.view(*seen.shape[:2], -1).permute(2, 0, 1)[None].float()
    if floats.shape[-1] == size:
        return floats[0]
    resized = F.interpolate(floats, (size, size), mode="bilinear", antialias=True)
    return resized[0].clamp(0, 255)


@pytest.fixture(params=[True, False], ids=["one by one", "together"])
def any_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handle crops as a processor does, or as an accelerator."""
    monkeypatch.setattr(module, "handles_one_by_one", lambda _: request.param)


@pytest.mark.usefixtures("any_way")
@pytest.mark.parametrize("sides", [[24], [24, 24, 24], [24, 40, 24, 31, 40]])
def test_crops_of_any_sides_become_what_each_would_by_itself(sides: list[int]) -> None:
    samples = [planes(side, seed) for seed, side in enumerate(sides)]
    flips = [seed % 2 == 1 for seed in range(len(sides))]
    found = squares(*placed(samples, flips), 24, ALL)
    for index, (sample, flip) in enumerate(zip(samples, flips, strict=True)):
        for name in ALL:
            expected = one_by_one(sample[name], flip, 24)
            torch.testing.assert_close(found[name][index], expected, atol=1e-4, rtol=0)
            if sides[index] == 24:
                assert torch.equal(found[name][index], expected)


@pytest.mark.usefixtures("any_way")
def test_an_image_that_is_missing_is_composited_before_it_is_resized() -> None:
    samples = [planes(side, side, "foreground background alpha") for side in (24, 37, 24)]
    samples.insert(1, planes(37, 5))
    flips = [False, True, True, True]
    found = squares(*placed(samples, flips), 24, ("image",))["image"]
    for index, (sample, flip) in enumerate(zip(samples, flips, strict=True)):
        image = sample.get("image")
        if image is None:
            image = blend(sample["foreground"], sample["alpha"], sample["background"])
        expected = one_by_one(image, flip, 24)
        torch.testing.assert_close(found[index], expected, atol=1e-4, rtol=0)
        if index in (0, 2):
            assert torch.equal(found[index], expected)


def test_every_blend_of_two_levels_is_the_pipeline_s() -> None:
    levels = np.arange(256, dtype=np.uint8)
    foreground = np.broadcast_to(levels[:, None, None], (256, 256, 3))
    background = np.broadcast_to(levels[None, :, None], (256, 256, 3))
    one, other = (
        torch.from_numpy(np.ascontiguousarray(each[..., :1])).permute(2, 0, 1)[None].float()
        for each in (foreground, background)
    )
    for alpha in range(256):
        veil = np.full((256, 256), alpha, np.uint8)
        expected = torch.from_numpy(blend(foreground, veil, background)[..., 0])
        found = blended(one, torch.full((1, 1, 256, 256), float(alpha)), other)
        assert torch.equal(found[0, 0], expected.float())


@given(
    sides=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    size=st.integers(1, 40),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_trimaps_are_resized_to_nearest_neighbours(
    sides: list[int], size: int, data: st.DataObject
) -> None:
    flips = [data.draw(st.booleans()) for _ in sides]
    samples = [planes(side, seed, "trimap") for seed, side in enumerate(sides)]
    found = nearest(*placed(samples, flips), size)
    for each, sample, flip in zip(found, samples, flips, strict=True):
        side = len(sample["trimap"])
        centres = [((2 * i + 1) * side) // (2 * size) for i in range(size)]
        seen = sample["trimap"][:, ::-1] if flip else sample["trimap"]
        assert np.array_equal(each.numpy(), seen[np.ix_(centres, centres)])


@pytest.mark.parametrize(("side", "size"), [(480, 320), (640, 320), (333, 320), (800, 400)])
def test_nearest_neighbours_are_pytorch_s(side: int, size: int) -> None:
    sample = planes(side, 0, "trimap")
    found = nearest(*placed([sample], [False]), size)
    whole = torch.from_numpy(sample["trimap"])[None, None]
    assert torch.equal(found[None], F.interpolate(whole, (size, size), mode="nearest-exact"))
