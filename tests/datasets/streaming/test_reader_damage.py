"""What is damaged stops a reader, or is skipped, replaced and told."""

import pickle
import shutil
from pathlib import Path

import pytest

from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.store import open_composites
from shm.datasets.damage import DamageError
from shm.datasets.streaming.crop import CropConfig
from shm.datasets.streaming.reader import BatchDraws, BatchReader, Draw
from tests.datasets.stores import flip_a_byte, write_store
from tests.datasets.streaming.readers import (
    CANVAS,
    PEOPLE,
    assert_same,
    batch_of,
    reader_of,
)

pytestmark = pytest.mark.usefixtures("small_chunks")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_chunks: None) -> Path:  # noqa: ARG001
    """A store of composites in both forms."""
    folder = tmp_path_factory.mktemp("stores")
    config = RecipeConfig(per_foreground=2)
    write_store(folder / "plain-lazy.zarr", PEOPLE, form="lazy", config=config, canvas=CANVAS)
    write_store(folder / "plain-materialised.zarr", PEOPLE, config=config, canvas=CANVAS)
    return folder


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> tuple[Path, list[Draw], list[Draw]]:
    """A store of which some images are damaged, and the draws of these and of the others."""
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / "plain-materialised.zarr", path)
    (file,) = (each for each in (path / "images/image/c/0").rglob("*") if each.is_file())
    for at in (0.2, 0.5, 0.8):
        flip_a_byte(file, at=at)
    store = open_composites(path)
    bad = []
    for slot in range(store.slots):
        try:
            store.read(slot)
        except DamageError:
            bad.append(slot)
    assert len(bad) in (2, 3)
    good = [slot for slot in range(store.slots) if slot not in bad]
    return path, [Draw(0, 0, slot) for slot in bad], [Draw(0, 0, slot) for slot in good]


LARGE = CropConfig(sides=(500,), band=None)
"""As much of a sample as is a square."""


def reader_of_all(path: Path, on_damage: str, threads: int = 2) -> BatchReader:
    return reader_of(path, crop=LARGE, on_damage=on_damage, threads=threads)


@pytest.mark.parametrize("threads", [1, 3])
def test_damage_stops_by_default_and_says_where(
    damaged: tuple[Path, list[Draw], list[Draw]], threads: int
) -> None:
    path, bad, good = damaged
    found = reader_of_all(path, "stop", threads)[BatchDraws((good[0], bad[0], good[1]))]
    assert isinstance(found, DamageError)
    assert "shard 0 of image is damaged (samples: sample-000-000" in str(found)
    assert isinstance(pickle.loads(pickle.dumps(found)), DamageError)  # noqa: S301


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_skipped_is_replaced_in_its_place_and_told(
    damaged: tuple[Path, list[Draw], list[Draw]], threads: int
) -> None:
    path, bad, good = damaged
    reader = reader_of_all(path, "skip", threads)
    batch = batch_of(reader, [good[0], bad[0], good[1], bad[1]], good[2:6])
    assert_same({**batch, "skipped": []}, batch_of(reader, [good[0], good[2], good[1], good[3]]))
    assert len(batch["skipped"]) == 2
    assert all("shard 0 of image is damaged" in line for line in batch["skipped"])


def test_spares_that_are_damaged_too_are_skipped_and_told(
    damaged: tuple[Path, list[Draw], list[Draw]],
) -> None:
    path, bad, good = damaged
    reader = reader_of_all(path, "skip")
    batch = batch_of(reader, [bad[0], good[0]], [bad[1], bad[0], good[1], good[2]])
    assert_same({**batch, "skipped": []}, batch_of(reader, [good[1], good[0]]))
    assert len(batch["skipped"]) == 3


def test_sound_batches_touch_no_spare(damaged: tuple[Path, list[Draw], list[Draw]]) -> None:
    path, bad, good = damaged
    batch = batch_of(reader_of_all(path, "skip"), good[:3], bad)
    assert batch["skipped"] == []


@pytest.mark.parametrize("spares", [0, 1, 2])
def test_a_batch_of_which_all_spares_are_damaged_is_an_error(
    damaged: tuple[Path, list[Draw], list[Draw]], spares: int
) -> None:
    path, bad, good = damaged
    found = reader_of_all(path, "skip")[BatchDraws((good[0], bad[0]), tuple(bad[:spares]))]
    assert isinstance(found, DamageError)
    assert "--repair" in str(found)


def test_a_store_that_is_gone_is_returned_as_an_error(tmp_path: Path) -> None:
    found = reader_of(tmp_path / "none.zarr")[BatchDraws((Draw(0, 0, 0),))]
    assert isinstance(found, Exception)
    assert "no such store" in str(found)


def test_a_lost_record_is_skipped_with_all_that_it_is_needed_for(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / "plain-lazy.zarr", path)
    shutil.rmtree(path / "foregrounds/record/c")
    found = reader_of(path, on_damage="skip")[BatchDraws((Draw(0, 0, 0),), (Draw(0, 0, 1),))]
    assert isinstance(found, DamageError)
    assert "shard 0 of record is missing" in str(found)
