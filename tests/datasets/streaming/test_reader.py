"""Crops are the same however they are read, and nothing is read that they do not need."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from shm.datasets import group
from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.render import FIELDS
from shm.datasets.composites.store import CompositeStore, open_composites
from shm.datasets.opening import open_samples
from shm.datasets.storage.opening import open_storage
from shm.datasets.storage.storage import Storage
from shm.datasets.streaming.packing import CutSample, PackedBatch
from shm.datasets.streaming.reader import Draw
from shm.pipeline.composite import blend
from shm.pipeline.jitter import JitterConfig
from shm.pipeline.values import UNKNOWN
from shm.training.batch import Batch, RawBatch, to_device
from tests.datasets.stores import EVERY_OPTION, write_people, write_store
from tests.datasets.streaming.readers import (
    CANVAS,
    CROP,
    PEOPLE,
    assert_same,
    batch_of,
    cuts,
    reader_of,
)
from tests.shm.training.raw_batches import colours

PLAIN = RecipeConfig(per_foreground=2)
CONFIGS = {
    "plain": PLAIN,
    "two": replace(PLAIN, placement=("move", "scale", "flip"), people_per_composite=2),
    "every": EVERY_OPTION,
}
STRAIGHT = replace(CROP, flip=False)
DRAWS = tuple(Draw(0, epoch, slot) for slot in range(2 * PEOPLE) for epoch in (0, 3))


pytestmark = pytest.mark.usefixtures("small_chunks")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_chunks: None) -> Path:  # noqa: ARG001
    """Stores of every config in both forms, and one of people."""
    folder = tmp_path_factory.mktemp("stores")
    for name, config in CONFIGS.items():
        write_store(folder / f"{name}-lazy.zarr", PEOPLE, form="lazy", config=config, canvas=CANVAS)
        write_store(folder / f"{name}-materialised.zarr", PEOPLE, config=config, canvas=CANVAS)
    write_people(folder / "people.zarr", PEOPLE, canvas=CANVAS)
    return folder


# -------------------------------------------------------------------- the same crops


@pytest.mark.parametrize("form", ["lazy", "materialised"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_crop_is_that_window_of_the_sample_around_what_is_unknown(
    folder: Path, name: str, form: str
) -> None:
    path = folder / f"{name}-{form}.zarr"
    store = open_composites(path)
    for draw, cut in zip(DRAWS, cuts(reader_of(path, crop=STRAIGHT), DRAWS), strict=True):
        whole = store.read(draw.slot)
        assert cut.id == store.record(draw.slot)["id"]
        assert set(cut.arrays) == set(FIELDS)
        for each, array in cut.arrays.items():
            assert np.array_equal(array, whole[each][cut.crop.window])
        assert name != "plain" or (cut.arrays["trimap"] == UNKNOWN).any()


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("form", ["lazy", "materialised"])
def test_threads_batches_and_processes_give_the_same_crops(
    folder: Path, form: str, here: bool
) -> None:
    path = folder / f"two-{form}.zarr"
    alone = reader_of(path, threads=1, composite_here=here)
    together = reader_of(path, threads=4, composite_here=here)
    whole = batch_of(together, DRAWS)
    assert_same(batch_of(alone, DRAWS), whole)
    assert_same(batch_of(pickle.loads(pickle.dumps(together)), DRAWS), whole)  # noqa: S301
    again = [batch_of(alone, [draw]) for draw in reversed(DRAWS)][::-1]
    for at, one in enumerate(again):
        assert one["id"] == [whole["id"][at]]
        for key in ("side", "flip", "band", "jitter"):
            assert one["crops"][0][key] == whole["crops"][at][key]


@pytest.mark.parametrize("name", CONFIGS)
def test_lazy_and_materialised_composites_give_the_same_crops(folder: Path, name: str) -> None:
    jitter = JitterConfig(brightness=0.3, hue=0.1)
    for crop in (CROP, replace(CROP, band=(1, 4), jitter=jitter)):
        lazy, whole = (
            batch_of(reader_of(folder / f"{name}-{form}.zarr", crop=crop), DRAWS)
            for form in ("lazy", "materialised")
        )
        assert_same(lazy, whole)


def test_crops_that_are_made_here_are_mirrored_here(folder: Path) -> None:
    path = folder / "plain-lazy.zarr"
    straight, mirrored, left = (
        cuts(reader_of(path, crop=crop, composite_here=here), DRAWS)
        for crop, here in ((STRAIGHT, True), (CROP, True), (CROP, False))
    )
    assert not any(cut.crop.flip for cut in mirrored)
    assert {cut.crop.flip for cut in left} == {True, False}
    for plain, here, there in zip(straight, mirrored, left, strict=True):
        for name, array in plain.arrays.items():
            expected = array[:, ::-1] if there.crop.flip else array
            assert np.array_equal(here.arrays[name], expected)


def test_what_is_asked_for_does_not_move_the_crop(folder: Path) -> None:
    path = folder / "two-lazy.zarr"
    everything = cuts(reader_of(path), DRAWS)
    for names in (("image",), ("trimap",), ("background", "alpha")):
        for one, other in zip(cuts(reader_of(path, names=names), DRAWS), everything, strict=True):
            assert set(one.arrays) == set(names)
            assert one.crop.window == other.crop.window
            for name, array in one.arrays.items():
                assert np.array_equal(array, other.arrays[name])


def test_crops_vary_with_the_epoch_and_the_seed_and_come_back(folder: Path) -> None:
    path = folder / "plain-lazy.zarr"
    reader = reader_of(path)
    epochs = [batch_of(reader, [Draw(0, epoch, 0)]) for epoch in range(8)]
    assert len({batch["pixels"].numpy().tobytes() for batch in epochs}) == 8
    assert_same(batch_of(reader, [Draw(0, 5, 0)]), epochs[5])
    other = batch_of(reader_of(path, seed="other"), [Draw(0, 5, 0)])
    assert other["pixels"].numpy().tobytes() != epochs[5]["pixels"].numpy().tobytes()


def test_prepared_people_are_read_too(folder: Path) -> None:
    store = open_samples(folder / "people.zarr")
    for here in (True, False):
        reader = reader_of(folder / "people.zarr", crop=STRAIGHT, composite_here=here)
        for slot, cut in enumerate(cuts(reader, [Draw(0, 0, slot) for slot in range(PEOPLE)])):
            assert cut.id == f"sample-{slot:03d}"
            assert cut.uncut is None
            assert set(cut.arrays) == {"image", "alpha", "trimap", "foreground"}
            whole = store.read(slot, store.record(slot))
            for name, array in cut.arrays.items():
                assert np.array_equal(array, whole[name][cut.crop.window])
            assert (cut.arrays["trimap"] == UNKNOWN).any()


def test_a_crop_is_still_a_composite_of_its_parts(folder: Path) -> None:
    for name in ("plain", "two"):
        for cut in cuts(reader_of(folder / f"{name}-materialised.zarr"), DRAWS):
            parts = cut.arrays
            blended = blend(parts["foreground"], parts["alpha"], parts["background"])
            assert np.array_equal(blended, parts["image"])


# -------------------------------------------------------------------- on the device


def on_device(batch: PackedBatch, *, mattes: bool = True) -> Batch:
    raw = cast("RawBatch", batch)  # see test_packing.py
    return to_device(raw, torch.device("cpu"), CROP.size, mattes=mattes)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("side", [24, 40])
@pytest.mark.parametrize("band", [None, (1, 4)])
def test_what_the_device_composites_is_what_would_be_made_here(
    folder: Path, name: str, side: int, band: tuple[int, int] | None
) -> None:
    """Bit for bit, also where crops are resized, for that is done to the same whole numbers."""
    crop = replace(CROP, sides=(side,), band=band, jitter=JitterConfig(contrast=0.2))
    path = folder / f"{name}-lazy.zarr"
    here, there = (
        batch_of(reader_of(path, crop=crop, composite_here=each), DRAWS) for each in (True, False)
    )
    assert all("image" in each["planes"] and each["enlarge"] is None for each in here["crops"])
    left = [each["enlarge"] is not None for each in there["crops"]]
    assert all(left) if name != "every" else not any(left)
    one, other = on_device(here), on_device(there)
    assert one.ids == other.ids
    assert torch.equal(one.classes, other.classes)
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.true_alpha, other.true_alpha)
    for mine, its in zip(colours(one), colours(other), strict=True):
        assert torch.equal(mine, its)


def test_a_batch_of_both_forms_is_composited_where_it_has_to_be(folder: Path) -> None:
    paths = [folder / f"plain-{form}.zarr" for form in ("lazy", "materialised")]
    draws = [Draw(slot % 2, 1, slot) for slot in range(8)]
    for names in (("image", "trimap"), FIELDS):
        mattes = names == FIELDS
        readers = (reader_of(*paths, names=names, composite_here=each) for each in (True, False))
        here, there = (on_device(batch_of(each, draws), mattes=mattes) for each in readers)
        assert torch.equal(here.image, there.image)
        assert torch.equal(here.classes, there.classes)
        assert not mattes or torch.equal(colours(here)[1], colours(there)[1])


# -------------------------------------------------------------------- what is read


class Recording:
    """A storage that remembers which bytes of which array were asked for."""

    def __init__(self, storage: Storage, asked: list[tuple[str, list[tuple[int, int]]]]) -> None:
        self._storage, self._asked = storage, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes] | None:
        part = Path(self._storage.url).name
        self._asked.append((f"{part}/{key.partition('/')[0]}", list(ranges)))
        return self._storage.read_ranges(key, ranges)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[tuple[int, int]]]]:
    """What is asked of the storages of all stores that are opened from now on."""
    asked: list[tuple[str, list[tuple[int, int]]]] = []

    def recording(*arguments: Any, **options: Any) -> Recording:
        return Recording(open_storage(*arguments, **options), asked)

    monkeypatch.setattr(group, "open_storage", recording)
    return asked


LOOKED_UP = {"foregrounds/record", "foregrounds/unknown", "foregrounds/trimap"}
"""What is read to know where to cut, besides the recipe."""

NEEDED = [
    ("materialised", ("image", "trimap"), None, {"images/image", "foregrounds/trimap"}),
    ("materialised", ("image", "trimap"), (1, 4), {"images/image", "foregrounds/alpha"}),
    ("materialised", ("alpha",), None, {"foregrounds/alpha"}),
    ("materialised", ("background",), None, {"images/image", "images/difference"}),
    (
        "materialised",
        ("image", "alpha", "foreground", "background"),
        None,
        {"images/image", "images/difference", "foregrounds/alpha", "foregrounds/foreground"},
    ),
    ("lazy", ("trimap",), None, {"foregrounds/trimap"}),
    ("lazy", ("alpha",), (1, 4), {"foregrounds/alpha"}),
    ("lazy", ("background",), None, {"backgrounds/file", "backgrounds/record"}),
    (
        "lazy",
        ("image",),
        None,
        {
            "foregrounds/alpha",
            "foregrounds/foreground",
            "backgrounds/file",
            "backgrounds/record",
        },
    ),
]


@pytest.mark.parametrize(("form", "names", "band", "arrays"), NEEDED)
def test_only_the_arrays_that_are_asked_for_are_read(
    folder: Path,
    asked: list[tuple[str, list[tuple[int, int]]]],
    form: str,
    names: tuple[str, ...],
    band: tuple[int, int] | None,
    arrays: set[str],
) -> None:
    path = folder / f"plain-{form}.zarr"
    reader = reader_of(path, names=names, crop=replace(CROP, band=band))
    batch_of(reader, DRAWS)
    read = {array for array, _ in asked}
    assert read - LOOKED_UP - {f"{path.name}/recipe"} == arrays - LOOKED_UP
    assert "foregrounds/foreground" in arrays or "foregrounds/foreground" not in read


@pytest.mark.parametrize("form", ["lazy", "materialised"])
def test_of_pictures_only_the_chunks_that_a_crop_touches_are_read(
    folder: Path, asked: list[tuple[str, list[tuple[int, int]]]], form: str
) -> None:
    path = folder / f"plain-{form}.zarr"
    reader = reader_of(path, crop=replace(CROP, sides=(20,)), threads=1)
    store = open_composites(path)
    (first, *_) = cuts(reader, DRAWS[:1])
    fewer = 0
    for draw in DRAWS:
        asked.clear()
        cut = reader.read(draw)
        for name in ("alpha", "foreground", *(("image",) if form == "materialised" else ())):
            part = "images" if name == "image" else "foregrounds"
            ranges = [each for array, some in asked if array == f"{part}/{name}" for each in some]
            slot = draw.slot if name == "image" else store.recipe(draw.slot).foreground
            expected = chunks_of(store, part, name, slot, cut)
            assert sorted(ranges) == sorted(expected), (draw, name)
            fewer += len(expected) < 16
    assert first.crop.side == 20
    assert fewer > len(DRAWS)


def chunks_of(
    store: CompositeStore, part: str, name: str, slot: int, cut: CutSample
) -> list[tuple[int, int]]:
    """Return where the chunks of a crop lie in their shard, those of zeros left out."""
    array = store.parts[part]._arrays[name]
    shard, place = divmod(slot, array.layout.slots)
    step = array.layout.chunk[0]
    rows, columns = (
        range(each.start // step, (each.stop - 1) // step + 1) for each in cut.crop.window
    )
    index = array._index(shard)[place]
    spans = [index[row, column].ravel().tolist() for row in rows for column in columns]
    return [(start, start + length) for start, length in spans if start != 2**64 - 1]
