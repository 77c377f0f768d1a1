"""What people do in a notebook, each in a few lines."""

import html
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shm.notebook import batches, load_nets, matte, open_store
from shm.notebook.sample import Picture
from shm.pipeline.errors import ShmError
from tests.datasets.stores import write_people, write_store
from tests.pipeline.scenes import scene
from tests.workflows.corpora import write_people as write_corpus


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    write_people(folder / "people.zarr", 6, rejects=2)
    write_store(folder / "train.zarr", 6)
    write_corpus(folder / "raw", 1, 96)
    return folder


def test_a_store_is_a_sequence_of_samples(folder: Path) -> None:
    store = open_store(folder / "people.zarr")
    assert len(store) == len(list(store)) == 6
    first = store[0]
    assert store[first.id].id == first.id == next(iter(store)).id
    assert first.image.shape == (*first.alpha.shape, 3) == first.foreground.shape
    assert set(np.unique(first.trimap)) <= {0, 128, 255}
    assert [each.id for each in store[1:3]] == [store[1].id, store[2].id]
    assert first in store
    assert first.id in store
    assert "nobody" not in store
    with pytest.raises(KeyError):
        store["nobody"]
    with pytest.raises(IndexError):
        store[6]
    composite = open_store(folder / "train.zarr")[0]
    assert composite.background is not None
    blended = composite.over(composite.background).astype(int)
    assert np.abs(blended - composite.image).max() <= 1


@pytest.mark.parametrize("name", ["people.zarr", "train.zarr"])
def test_a_split_has_its_own_samples_alone(folder: Path, name: str) -> None:
    store = open_store(folder / name)
    parts = {split: store.split(split) for split in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == len(store)
    tested = parts["test"][0]
    assert tested.record["split"] == "test"
    assert tested in parts["test"]
    assert tested not in parts["train"]
    with pytest.raises(KeyError):
        parts["train"][tested.id]
    with pytest.raises(ShmError, match="no split is called 'tset': train, validation, test"):
        store.split("tset")
    assert "<td style='text-align:left'>test</td>" in parts["test"]._repr_html_()


def test_stores_and_samples_draw_themselves(folder: Path) -> None:
    store = open_store(folder / "people.zarr")
    shown = store._repr_html_()
    assert re.search(r">samples</th><td [^>]*>6</td>", shown)
    assert re.search(r">rejected</th><td [^>]*>2</td>", shown)
    assert shown.count("<img src='data:image/webp;base64,") == 6
    sample = store[0]._repr_html_()
    assert [sample.count(f">{name}<") for name in ("photo", "trimap", "alpha", "cut-out")] == [
        1
    ] * 4
    assert repr(store[0]).startswith("Sample('sample-000'")


def test_what_is_drawn_is_escaped(folder: Path) -> None:
    from dataclasses import replace

    markup = "<script>alert(1)</script>"
    shown = replace(open_store(folder / "people.zarr")[0], id=markup)._repr_html_()
    assert markup not in shown
    assert html.escape(markup) in shown


def test_a_photo_and_its_mask_become_a_matte(folder: Path) -> None:
    photo, mask = (folder / "raw" / kind / "p0000.png" for kind in ("images", "masks"))
    found = matte(photo, mask, refine="none")
    assert found.id == "p0000"
    assert found.cut_out().shape == (96, 96, 4)
    assert 0 < found.record["quality"]["quality"] <= 1
    values = np.asarray(Image.open(mask)) > 0
    same = matte(np.asarray(Image.open(photo)), values, refine="none")
    assert np.array_equal(same.alpha, found.alpha)
    black = found.over(np.zeros((50, 40, 3), np.uint8))
    assert black.shape == found.image.shape
    assert not black[found.alpha == 0].any()
    trimap = matte(photo, trimap=found.trimap, refine="closed-form")
    assert np.array_equal(trimap.trimap, found.trimap)


def test_nets_are_called_with_photos(folder: Path) -> None:
    nets = load_nets("untrained:light", device="cpu")
    found = nets(folder / "raw" / "images" / "p0000.png")
    image, *_ = scene(96)
    assert found.alpha.shape == found.trimap.shape == image.shape[:2]
    assert "PyTorch on the CPU" in repr(nets)
    assert "untrained:light" in nets._repr_html_()


def test_batches_are_what_training_sees(folder: Path) -> None:
    one, two = (list(islice(batches(folder / "train.zarr", batch=2, crop=32), 2)) for _ in "ab")
    assert one[0].image.shape == (2, 3, 32, 32)
    assert one[0].true_alpha.shape == (2, 1, 32, 32)
    for first, second in zip(one, two, strict=True):
        assert first.ids == second.ids
        assert torch.equal(first.image, second.image)


def test_what_is_missing_is_an_error_of_ours(folder: Path) -> None:
    with pytest.raises(ShmError, match="no such store"):
        open_store(folder / "none.zarr")
    with pytest.raises(ShmError, match="no such checkpoint"):
        load_nets(folder / "none")
    with pytest.raises(ShmError, match="without a mask"):
        matte(folder / "raw" / "images" / "p0000.png")


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((8, 8, 3)),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
    ],
    ids=["floats", "grey", "with alpha", "empty"],
)
def test_arrays_that_are_no_photo_are_refused_before_they_turn_black(photo: Picture) -> None:
    with pytest.raises(ShmError, match=r"give uint8 \(H, W, 3\), RGB from 0 to 255"):
        matte(photo, np.zeros((8, 8), np.uint8))
    with pytest.raises(ShmError, match="give uint8"):
        load_nets("untrained:light", device="cpu")(photo)


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (np.zeros((8, 8)), "give whole numbers or bool"),
        (np.zeros((0, 0), np.uint8), "give whole numbers or bool"),
        (np.full((8, 8), 2**40), "give 0 to 65535"),
        (np.full((8, 8), -1), "give 0 to 65535"),
    ],
    ids=["fractions", "empty", "huge", "negative"],
)
def test_arrays_that_are_no_mask_are_refused(mask: Picture, why: str) -> None:
    with pytest.raises(ShmError, match=why):
        matte(np.zeros((8, 8, 3), np.uint8), mask)
