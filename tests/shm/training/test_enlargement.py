import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.training import enlargement
from shm.training.enlargement import enlarged
from tests.shm.training.raw_batches import Sample, far_background, packed, planes


def check(sides: list[int], seed: int) -> None:
    backgrounds = [far_background(side, seed + at) for at, side in enumerate(sides)]
    veils = [planes(side, names="alpha") for side in sides]
    pairs = zip(veils, backgrounds, strict=True)
    raw = packed([Sample(planes=veil, uncut=uncut) for veil, (_, uncut) in pairs])
    windows = [crop["enlarge"] for crop in raw["crops"] if crop["enlarge"] is not None]
    found = enlarged(raw["pixels"], raw["pixels"], windows, sides)
    for each, side, (expected, _) in zip(found, sides, backgrounds, strict=True):
        assert torch.equal(each[:, :side], torch.from_numpy(expected))


@given(side=st.integers(1, 50), seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_background_is_enlarged_to_the_bytes_of_the_pipeline(side: int, seed: int) -> None:
    check([side], seed)


@given(sides=st.lists(st.integers(1, 40), min_size=2, max_size=5), seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_many_of_any_sides_are_enlarged_together_to_the_same_bytes(
    sides: list[int], seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enlargement, "at_once", lambda _: 3)
        check(sides, seed)


def test_photos_of_the_usual_sizes_are_enlarged_to_the_same_bytes() -> None:
    check([320, 480], 3)


def test_no_window_is_nothing_to_do() -> None:
    assert enlarged(torch.zeros(3, dtype=torch.uint8), torch.zeros(3), [], []) == []
