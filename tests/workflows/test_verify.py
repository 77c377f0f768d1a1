"""``verify`` finds what is damaged, leaking or altered, and ``--repair`` has it made again."""

import json
import shutil
from pathlib import Path

import numpy as np
import zarr

from shm.datasets.composites.store import open_composites
from shm.datasets.record import decode_record, encode_record
from tests.datasets.stores import all_files, flip_a_byte
from tests.faults.chain import COMPOSITE
from tests.workflows.corpora import Options, inspected, run


def test_a_sound_store_verifies_and_a_flipped_byte_does_not(
    chain: Path, tmp_path: Path, there: Options
) -> None:
    run("shm-data", "verify", chain / "people.zarr")
    store = tmp_path / "people.zarr"
    shutil.copytree(chain / "people.zarr", store)
    file = store / "foreground" / "c" / "1" / "0" / "0" / "0"
    flip_a_byte(file)
    told = run("shm-data", "verify", store, code=1)
    assert "shard 1 of foreground is damaged" in told.stderr
    found = json.loads(run("shm-data", "verify", store, "--repair", "--json", code=1).stdout)
    assert [(each["array"], each["shard"]) for each in found["damages"]] == [("foreground", 1)]
    run("shm-data", "prepare", chain / "raw", store, "--size", 64, *there)
    run("shm-data", "verify", store)
    assert all_files(store) == all_files(chain / "people.zarr")


def test_damage_of_any_part_of_composites_is_named_and_repaired(
    chain: Path, tmp_path: Path, there: Options
) -> None:
    store = tmp_path / "train.zarr"
    shutil.copytree(chain / "train.zarr", store)
    run("shm-data", "verify", store)
    with (store / "images" / "image" / "c" / "0" / "0" / "0" / "0").open("r+b") as file:
        file.truncate(20)
    flip_a_byte(store / "foregrounds" / "alpha" / "c" / "2" / "0" / "0")
    flip_a_byte(store / "recipe" / "c" / "0" / "0")
    (store / "backgrounds" / "file" / "c" / "0" / "0").unlink()
    told = json.loads(run("shm-data", "verify", store, "--repair", "--json", code=1).stdout)
    named = [("images/image", 0), ("foregrounds/alpha", 2), ("recipe", 0), ("backgrounds/file", 0)]
    assert sorted((each["array"], each["shard"]) for each in told["damages"]) == sorted(named)
    assert "not finished" in run("shm-data", "verify", store, code=1).stderr
    assert inspected(store)["complete"] is False
    run(*COMPOSITE.words(chain, store), *there)
    run("shm-data", "verify", store)
    assert all_files(store) == all_files(chain / "train.zarr")


def test_a_part_of_composites_is_not_taken_for_a_store(chain: Path) -> None:
    told = run("shm-data", "verify", chain / "train.zarr" / "images", "--repair", code=1)
    assert "part of the composites" in told.stderr


def test_a_person_moved_to_the_test_split_by_hand_is_found(chain: Path, tmp_path: Path) -> None:
    store = tmp_path / "lazy.zarr"
    shutil.copytree(chain / "lazy.zarr", store)
    slot, person = next(open_composites(store).foregrounds.samples("train"))
    array = zarr.open_group(store / "foregrounds", mode="r+")["record"]
    record = decode_record(np.asarray(array[slot]))  # type: ignore[index]
    assert record == person
    array[slot] = encode_record(record | {"split": "test"})  # type: ignore[index]
    told = run("shm-data", "verify", store, code=1).stderr
    assert f"leak: the person {person['id']} is in test, but pasted with" in told
    found = json.loads(run("shm-data", "verify", store, "--json", code=1).stdout)
    assert (found["sound"], found["damages"]) == (False, [])
    assert all(f"the person {person['id']} is in test" in leak for leak in found["leaks"])
    assert found["leaks"]


def test_altered_metadata_is_one_line(chain: Path, tmp_path: Path) -> None:
    for old, new in (('"slots": 140', '"slots": 12'), ('"kind": "prepared"', '"kind": "lazy"')):
        store = tmp_path / "store.zarr"
        shutil.copytree(chain / "people.zarr", store, dirs_exist_ok=True)
        text = (chain / "people.zarr" / "zarr.json").read_text()
        assert old in text
        (store / "zarr.json").write_text(text.replace(old, new))
        assert "metadata" in run("shm-data", "verify", store, code=1).stderr


def test_settings_edited_by_hand_are_noticed(chain: Path, tmp_path: Path) -> None:
    shutil.copytree(chain / "train.zarr", tmp_path / "train.zarr")
    about = tmp_path / "train.zarr" / "zarr.json"
    about.write_text(about.read_text().replace('"linear": false', '"linear": true'))
    told = run("shm-data", "verify", tmp_path / "train.zarr", code=1).stderr
    assert "shard 0 of zarr.json is not what was written" in told


def test_a_part_without_its_metadata_is_named_with_its_store(chain: Path, tmp_path: Path) -> None:
    store = tmp_path / "train.zarr"
    shutil.copytree(chain / "train.zarr", store)
    (store / "images" / "zarr.json").unlink()
    told = run("shm-data", "verify", store, code=1).stderr
    assert f"{store}: its part images is missing, or not whole: copy the store once more" in told
