"""A batch in one run of bytes: all that was cut lies in it, where the device looks for it."""

import os
import typing

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shm.datasets.streaming.crop import Crop
from shm.datasets.streaming.packing import (
    ALIGNED,
    CutSample,
    Enlargement,
    PackedBatch,
    PackedCrop,
    pack,
)
from shm.pipeline.composite import Uncut
from shm.pipeline.enlarge import Taps, interpolate, taps
from shm.training.enlargement import enlarged
from shm.training.raw import RawBatch, RawCrop, RawWindow

NAMES = ("image", "alpha", "trimap", "foreground", "background")


@st.composite
def cut_samples(draw: st.DrawFn) -> CutSample:
    side, random = draw(st.integers(1, 9)), np.random.default_rng(draw(st.integers(0, 999)))
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))

    def pixels(*shape: int) -> NDArray[np.uint8]:
        return random.integers(0, 256, shape, np.uint8)

    uncut = None
    if draw(st.booleans()):
        source = pixels(draw(st.integers(1, 9)), draw(st.integers(1, 9)), 3)
        rows, columns = (taps(length, side, slice(0, side)) for length in source.shape[:2])
        uncut = Uncut(source=source, rows=rows, columns=columns.mirrored())
    transform = random.random((3, 4), np.float32) if draw(st.booleans()) else None
    square = slice(3, 3 + side), slice(1, 1 + side)
    band = draw(st.none() | st.just((2, 7)))
    return CutSample(
        id=f"sample-{draw(st.integers(0, 9))}",
        crop=Crop(window=square, flip=draw(st.booleans()), band=band, transform=transform),
        arrays={
            name: pixels(side, side, *(() if name in ("alpha", "trimap") else (3,)))
            for name in names
        },
        uncut=uncut,
    )


def found_in(batch: PackedBatch, crop: PackedCrop, name: str) -> NDArray[np.uint8]:
    """Return a plane as the device reads it."""
    side, offset = crop["side"], crop["planes"][name]
    shape = (side, side) if name in ("alpha", "trimap") else (side, side, 3)
    return batch["pixels"].numpy()[offset : offset + int(np.prod(shape))].reshape(shape)


@given(samples=st.lists(cut_samples(), max_size=5))
@settings(max_examples=80, deadline=None)
def test_everything_that_was_cut_is_found_again(samples: list[CutSample]) -> None:
    samples = samples or [CutSample(id="one", crop=a_crop(1), arrays=a_plane(1))]
    if not any(sample.arrays or sample.uncut for sample in samples):
        samples.append(CutSample(id="one", crop=a_crop(1), arrays=a_plane(1)))
    batch = pack(samples, skipped=["a line"], pid=7)
    assert batch["id"] == [sample.id for sample in samples]
    assert (batch["skipped"], batch["pid"]) == (["a line"], 7)
    assert (batch["pixels"].dtype, batch["pixels"].dim()) == (torch.uint8, 1)
    for sample, crop in zip(samples, batch["crops"], strict=True):
        assert (crop["side"], crop["flip"]) == (sample.crop.side, sample.crop.flip)
        assert crop["band"] == sample.crop.band
        assert set(crop["planes"]) == set(sample.arrays)
        for name, array in sample.arrays.items():
            assert np.array_equal(found_in(batch, crop, name), array)
        assert_same_transform(crop, sample.crop)
        assert_same_background(batch, crop, sample.uncut)


def assert_same_transform(packed: PackedCrop, crop: Crop) -> None:
    if crop.transform is None:
        assert packed["jitter"] is None
    else:
        assert packed["jitter"] is not None
        assert np.array_equal(np.array(packed["jitter"], np.float32).reshape(3, 4), crop.transform)


def assert_same_background(batch: PackedBatch, crop: PackedCrop, uncut: Uncut | None) -> None:
    window = crop["enlarge"]
    if uncut is None:
        assert window is None
        return
    assert window is not None
    assert window["taps"] % ALIGNED == 0
    expected = interpolate(uncut.source, uncut.rows, uncut.columns)
    (found,) = enlarged(batch["pixels"], batch["pixels"], [window], [crop["side"]])
    assert np.array_equal(found[:, : crop["side"]].numpy(), expected)


def a_crop(side: int) -> Crop:
    return Crop(window=(slice(0, side), slice(0, side)), flip=False, band=None, transform=None)


def a_plane(side: int) -> dict[str, NDArray[np.uint8]]:
    return {"alpha": np.full((side, side), 9, np.uint8)}


def test_arrays_that_are_views_are_packed_as_they_look() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    sample = CutSample(id="one", crop=a_crop(4), arrays={"image": picture[::-1, ::-1]})
    batch = pack([sample], skipped=[], pid=os.getpid())
    found = found_in(batch, batch["crops"][0], "image")
    assert np.array_equal(found, picture[::-1, ::-1])


def test_a_batch_is_no_larger_than_what_was_cut() -> None:
    """Alpha and image of a side of 5: 25 and 75 bytes, and less than 4 before each."""
    arrays = a_plane(5) | {"image": np.zeros((5, 5, 3), np.uint8)}
    many = [CutSample(id="one", crop=a_crop(5), arrays=arrays)] * 10
    assert len(pack(many, skipped=[], pid=0)["pixels"]) <= 10 * (28 + 76)


def test_taps_are_found_whatever_lies_before_them() -> None:
    line = taps(3, 5, slice(0, 5))
    uncut = Uncut(source=np.zeros((3, 3, 3), np.uint8), rows=line, columns=line)
    assert isinstance(line, Taps)
    odd = CutSample(id="odd", crop=a_crop(1), arrays=a_plane(1))
    for before in range(6):
        samples = [*[odd] * before, CutSample(id="one", crop=a_crop(5), arrays={}, uncut=uncut)]
        batch = pack(samples, skipped=[], pid=0)
        window = batch["crops"][-1]["enlarge"]
        assert window is not None
        found = batch["pixels"].numpy()[window["taps"] :][: 2 * 3 * 5 * 4].view(np.int32)
        expected = [line.first, line.second, line.weight] * 2
        assert np.array_equal(found.reshape(6, 5), expected)


RAW_NAMES = {
    "list[": "collections.abc.Sequence[",
    "shm.datasets.streaming.packing.PackedCrop": "shm.training.raw.RawCrop",
    "shm.datasets.streaming.packing.Enlargement": "shm.training.raw.RawWindow",
}
"""What training calls what is packed; it takes any sequence."""


def alike(given_: object, wanted: object) -> bool:
    """Return whether a value of one type fits the other."""
    name = str(given_)
    for packed, raw in RAW_NAMES.items():
        name = name.replace(packed, raw)
    return name == str(wanted)


def test_what_is_packed_is_what_training_unpacks() -> None:
    """Neither may import the other: that they agree is said here alone."""
    for packed, raw in ((PackedBatch, RawBatch), (PackedCrop, RawCrop), (Enlargement, RawWindow)):
        given_, wanted = typing.get_type_hints(packed), typing.get_type_hints(raw)
        assert set(wanted) <= set(given_)
        assert all(alike(given_[name], wanted[name]) for name in wanted)
        assert set(given_) - set(wanted) <= {"skipped", "pid"}
