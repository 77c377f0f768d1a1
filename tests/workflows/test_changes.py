"""A corpus that changed after a store was made of it: what changed is made again, and only that."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shm.datasets.store import open_store
from shm.workflows.ledger import read_ledger
from tests.datasets.stores import all_files
from tests.faults.attacks import Moment, at
from tests.workflows.corpora import Options, run, write_people

PEOPLE = 70  # two shards


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, there: Options) -> Path:
    """A corpus with a photo that can't be read, and the store that was made of it."""
    folder = tmp_path_factory.mktemp("made")
    write_people(folder / "raw", PEOPLE, 32)
    (folder / "raw/images/p0069.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    run(*prepare(folder), "--max-rejects", 1, *there)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The corpus and the store, each test's own; the files keep their times."""
    return Path(shutil.copytree(made, tmp_path / "made"))


def prepare(folder: Path, out: str = "people.zarr") -> Options:
    return "shm-data", "prepare", folder / "raw", folder / out, "--size", 64


def darken(file: Path) -> None:
    """Change a photo, not its size in pixels."""
    pixels = np.asarray(Image.open(file))
    Image.fromarray(pixels // 2).save(file)


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in read_ledger(folder / "people.zarr") if line["event"] == kind]


def assert_as_new(folder: Path, there: Options, *more: object) -> None:
    """Compare the store with one that is made of the corpus as it is now."""
    run(*prepare(folder, "new.zarr"), *more, *there)
    assert all_files(folder / "people.zarr") == all_files(folder / "new.zarr")


@pytest.mark.parametrize("changed", ["images/p0003.png", "masks/p0066.png"])
def test_a_changed_file_is_prepared_again_and_only_it(
    folder: Path, there: Options, changed: str
) -> None:
    file = folder / "raw" / changed
    if "masks" in changed:
        shutil.copy(folder / "raw/masks/p0000.png", file)
        mask = np.asarray(Image.open(file)).copy()
        mask[: len(mask) // 3] = 0
        Image.fromarray(mask).save(file)
    else:
        darken(file)
    told = run(*prepare(folder), "--max-rejects", 1, *there).stderr
    photo = f"images/{Path(changed).name}"
    assert f"changed, marked or marked no more, made again: {photo}" in told
    assert set(events(folder, "shard")[-1]["files"]) == {photo, f"masks/{Path(changed).name}"}
    assert events(folder, "changed")[-1]["sources"] == [photo]
    assert_as_new(folder, there, "--max-rejects", 1)


def test_a_touched_file_is_looked_into_once_and_nothing_is_made(
    folder: Path, there: Options
) -> None:
    os.utime(folder / "raw/images/p0003.png")
    before = all_files(folder / "people.zarr")
    for _ in range(2):
        told = run(*prepare(folder), "--max-rejects", 1, *there).stderr
        assert "made again" not in told
    assert all_files(folder / "people.zarr") == before
    assert len(events(folder, "seen")) == 1


def test_a_rejected_photo_that_was_mended_is_accepted(folder: Path, there: Options) -> None:
    shutil.copy(folder / "raw/images/p0068.png", folder / "raw/images/p0069.png")
    darken(folder / "raw/images/p0069.png")
    told = run(*prepare(folder), *there).stderr
    assert "70 photos accepted, 0 rejected" in told
    assert_as_new(folder, there)


def test_without_its_history_a_mended_photo_is_accepted_all_the_same(
    folder: Path, there: Options
) -> None:
    (folder / "people.zarr/ledger.jsonl").write_text(
        '{"at": "now", "event": "x", "files": {"a": 5}}'
    )
    shutil.copy(folder / "raw/images/p0068.png", folder / "raw/images/p0069.png")
    darken(folder / "raw/images/p0069.png")
    assert "70 photos accepted, 0 rejected" in run(*prepare(folder), *there).stderr
    run("shm-data", "inspect", folder / "people.zarr")


def test_without_its_history_a_changed_photo_is_found_all_the_same(
    folder: Path, there: Options
) -> None:
    (folder / "people.zarr/ledger.jsonl").unlink()
    darken(folder / "raw/images/p0003.png")
    told = run(*prepare(folder), "--max-rejects", 1, *there).stderr
    assert "made again: images/p0003.png" in told
    assert_as_new(folder, there, "--max-rejects", 1)


def test_photos_that_are_new_or_gone_are_named(folder: Path) -> None:
    for kind in ("images", "masks"):
        shutil.copy(folder / f"raw/{kind}/p0001.png", folder / f"raw/{kind}/q.png")
        (folder / f"raw/{kind}/p0002.png").unlink()
    darken(folder / "raw/images/q.png")
    refused = run(*prepare(folder), code=1).stderr
    assert "new: images/q.png; gone: images/p0002.png" in refused
    assert "name another store, or add --overwrite to make it anew" in refused


def test_killed_while_a_changed_photo_is_made_again_it_carries_on(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    darken(folder / "raw/images/p0003.png")
    words = (*prepare(folder), "--max-rejects", 1)
    moment = Moment("os.rename", "/alpha/c/0/0/0$")
    came, _ = at(moment, (*words, "--workers", 1), tmp_path / "event")
    assert came
    assert not open_store(folder / "people.zarr", incomplete=True).attributes["complete"]
    run(*words, *there)
    assert_as_new(folder, there, "--max-rejects", 1)


def test_a_photo_put_back_after_its_change_was_half_made_is_made_again_too(
    folder: Path, there: Options
) -> None:
    """The worker had written the shard, and the command was killed before it told the ledger."""
    photo, ledger = folder / "raw/images/p0003.png", folder / "people.zarr/ledger.jsonl"
    before, made = shutil.copy2(photo, folder / "before.png"), all_files(folder / "people.zarr")
    darken(photo)
    run(*prepare(folder), "--max-rejects", 1, *there)
    lines = ledger.read_text().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if '"event": "changed"' in line)
    ledger.write_text("".join(lines[: last + 1]))
    shutil.copy2(before, photo)  # with its old time
    told = run(*prepare(folder), "--max-rejects", 1, *there).stderr
    assert "made again: images/p0003.png" in told
    assert all_files(folder / "people.zarr") == made


def test_a_photo_whose_mask_is_gone_is_named_with_that(folder: Path) -> None:
    (folder / "raw/masks/p0002.png").unlink()
    refused = run(*prepare(folder), code=1).stderr
    assert "rejected now: images/p0002.png (" in refused
    assert "taken otherwise" not in refused


def test_a_corpus_of_another_name_is_the_same_corpus(folder: Path, there: Options) -> None:
    before = all_files(folder / "people.zarr")
    (folder / "raw").rename(folder / "photos")
    words = ("shm-data", "prepare", folder / "photos", folder / "people.zarr", "--size", 64)
    run(*words, "--max-rejects", 1, *there)
    assert all_files(folder / "people.zarr") == before


def test_a_shard_that_lost_a_file_is_made_again(folder: Path, there: Options) -> None:
    before = all_files(folder / "people.zarr")
    (folder / "people.zarr/trimap/c/1/0/0").unlink()
    run(*prepare(folder), "--max-rejects", 1, *there)
    assert all_files(folder / "people.zarr") == before
