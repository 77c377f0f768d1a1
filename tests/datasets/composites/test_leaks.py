"""Nobody is in two splits: neither by group, nor by photo, nor by what is pasted with whom."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from shm.datasets.composites.leaks import leaks_among, leaks_of_composites
from shm.datasets.composites.store import open_composites
from shm.datasets.record import decode_record, encode_record
from tests.datasets.stores import EVERY_OPTION, write_store


def person(name: str, split: str, group: str, photo: str = "") -> dict[str, Any]:
    pixels = hashlib.sha256((photo or name).encode()).hexdigest()
    return {"id": name, "split": split, "group": group, "pixels": pixels}


def rewrite(part: Path, slot: int, **changes: object) -> None:
    """Change what a part of a store says of one slot, as one does by hand."""
    array = zarr.open_group(part, mode="r+")["record"]
    record = decode_record(np.asarray(array[slot])) | changes  # type: ignore[index]
    array[slot] = encode_record(record)  # type: ignore[index]


def test_groups_and_photos_in_one_split_are_no_leak() -> None:
    people = [
        person("a", "train", "anna"),
        person("b", "train", "anna"),
        person("c", "test", "carl"),
        person("d", "test", "dora", "c"),
    ]
    assert list(leaks_among(people)) == []
    assert list(leaks_among({"split": s, "id": s, "group": s} for s in ("train", "test"))) == []


def test_a_group_in_two_splits_is_named_with_its_members() -> None:
    people = [person("a", "train", "anna"), person("b", "test", "anna")]
    assert list(leaks_among(people)) == ["the group anna is in two splits: a (train), b (test)"]


def test_a_photo_in_two_splits_is_named_with_its_copies() -> None:
    people = [person("a", "train", "anna"), person("b", "test", "bob", "a")]
    (leak,) = leaks_among(people)
    assert leak.startswith("the photo ")
    assert leak.endswith(" is in two splits: a (train), b (test)")


def test_a_line_names_a_few_of_many() -> None:
    people = [person(str(n), "train" if n else "test", "crowd") for n in range(1000)]
    (leak,) = leaks_among(people)
    assert leak.endswith("3 (train), 4 (train) …")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.zarr"
    write_store(path, 10, form="lazy", config=EVERY_OPTION)
    assert list(leaks_of_composites(open_composites(path))) == []
    return path


def leaks(path: Path) -> list[str]:
    return list(leaks_of_composites(open_composites(path)))


def test_a_person_moved_to_another_split_is_named_with_what_was_pasted_with_them(
    store: Path,
) -> None:
    rewrite(store / "foregrounds", 0, split="test")
    found = leaks(store)
    assert "the person sample-000 is in test, but pasted with" in found[0]
    assert "backgrounds of another split: scene-" in found[0]
    assert any("sample-000 is in test" in leak and "people of another" in leak for leak in found)


def test_a_second_person_of_another_split_is_a_leak(store: Path) -> None:
    behind = open_composites(store).record(0)["second"]
    rewrite(store / "foregrounds", behind["slot"], split="validation")
    assert any(
        "the person sample-000 is in train, but pasted with" in leak
        and f"people of another split: {behind['id']} (validation)" in leak
        for leak in leaks(store)
    )


def test_a_background_moved_to_another_split_is_a_leak(store: Path) -> None:
    behind = open_composites(store).record(0)["background"]
    rewrite(store / "backgrounds", behind["slot"], split="test")
    assert any(
        f"backgrounds of another split: {behind['id']} (test)" in leak for leak in leaks(store)
    )


def test_a_picture_behind_people_of_two_splits_is_a_leak(store: Path) -> None:
    opened = open_composites(store)
    one, other = (next(opened.samples(split))[1]["background"] for split in ("train", "test"))
    rewrite(store / "backgrounds", one["slot"], pixels=opened.scenes()[other["slot"]]["pixels"])
    (leak,) = leaks(store)
    named = {f"{one['id']} (train)", f"{other['id']} (test)"}
    assert leak.startswith("the picture ")
    assert "is in two splits: " in leak
    assert set(leak.partition(": ")[2].split(", ")) == named


def test_the_photo_of_a_person_behind_others_is_a_leak(store: Path) -> None:
    opened = open_composites(store)
    behind = next(opened.samples("train"))[1]["background"]
    rewrite(store / "foregrounds", 4, pixels=opened.scenes()[behind["slot"]]["pixels"])
    assert leaks(store) == [
        f"the background {behind['id']} is the photo of the person sample-004 (test)"
    ]


def test_people_of_one_group_in_two_splits_are_a_leak(store: Path) -> None:
    rewrite(store / "foregrounds", 4, group="person-0")
    assert leaks(store) == [
        "the group person-0 is in two splits: sample-000 (train), sample-004 (test)"
    ]


def test_a_background_that_nobody_stands_on_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    store = write_store(path, 5, form="lazy", backgrounds=6)
    used = store.column("background").tolist()
    spare = next(slot for slot, scene in store.scenes().items()
                 if slot not in used and scene["split"] == "train")  # fmt: skip
    other = next(slot for slot in used if store.scenes()[slot]["split"] == "test")
    rewrite(path / "backgrounds", spare, pixels=store.scenes()[other]["pixels"])
    assert leaks(path) == []
