"""Stores, checkpoints and folders of photos from anybody: refused in a line, or taken safely."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shm.checkpoint import CheckpointError, load_model
from shm.datasets.damage import DamageError, StoreError
from shm.datasets.group import seal
from shm.datasets.record import RECORD_BYTES, Record, encode_record
from shm.datasets.store import open_store
from shm.pipeline.errors import ShmError
from shm.workflows.datasheet import datasheet
from shm.workflows.export import export_store
from shm.workflows.inspect import inspect_store
from shm.workflows.verify import verify_store
from tests.datasets.stores import write_people, write_store
from tests.faults.hostile import (
    ESCAPE,
    FORGED,
    assert_plain,
    bomb,
    png,
)
from tests.shm.checkpoint.checkpoints import write as write_checkpoint
from tests.workflows.corpora import run


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write_people(folder / "prepared.zarr", 5)
    return folder / "prepared.zarr"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A photo outside of all that is given to a command."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.png").write_bytes(png(90))
    return tmp_path / "outside" / "secret.png"


IDS = ("../../x", "/etc/x", "a/b", "..", "nul\0", "NUL", "x" * 240, FORGED, 5, None)

RECORDS: dict[str, Callable[[Record], object]] = {
    "no size": lambda record: record | {"size": None},
    "a size beyond the canvas": lambda record: record | {"size": [10**9, 10**9]},
    "a negative size": lambda record: record | {"size": [-5, 3]},
    "a size of letters": lambda record: record | {"size": ["a", "b"]},
    "no id": lambda record: {name: each for name, each in record.items() if name != "id"},
    "a group that is none": lambda record: record | {"group": [1]},
    "a split that is none": lambda record: record | {"split": {}},
    "qualities that are none": lambda record: record | {"quality": [ESCAPE]},
    "no object": lambda _: b"5",
    "brackets": lambda _: b"[" * 4000,
    "no text": lambda _: b"\xff",
    "a long number": lambda _: b"1" * RECORD_BYTES,
}


def edited(
    people: Path, target: Path, change: Callable[[Record], object], **attributes: object
) -> Path:
    """Copy a store, with other records under checksums that are right."""
    shutil.copytree(people, target)
    store = open_store(target, writable=True)
    for shard in range(store.shards):
        rows = []
        for record in store.records_of(shard):
            new = change(record)
            if isinstance(new, bytes):
                rows.append(np.frombuffer(new.ljust(RECORD_BYTES, b"\0"), np.uint8))
            else:
                assert isinstance(new, dict)
                rows.append(encode_record(new))
        store._files.put("record", shard, store._arrays["record"].encode(rows))
    store.attributes |= attributes
    store.attributes["seal"] = seal(store.attributes)
    store._group.attrs["shm"] = store.attributes
    return target


@pytest.mark.parametrize("given", IDS, ids=lambda given: ascii(given)[:20])
def test_an_id_that_is_no_name_is_never_exported(
    given: object, people: Path, tmp_path: Path
) -> None:
    store = edited(people, tmp_path / "store.zarr", lambda record: record | {"id": given})
    with pytest.raises(ShmError, match="record is damaged"):
        export_store(store, tmp_path / "a" / "b")
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("change", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_of_another_form_is_damage(
    change: Callable[[Record], object], people: Path, tmp_path: Path
) -> None:
    store = edited(people, tmp_path / "store.zarr", change)
    with pytest.raises(DamageError, match="record is damaged"):
        inspect_store(store)
    with pytest.raises(DamageError, match="record is damaged"):
        export_store(store, tmp_path / "out")
    (damage,) = verify_store(store).damages
    assert damage.array == "record"


def test_a_store_that_attacks_is_a_line_of_each_command(people: Path, tmp_path: Path) -> None:
    path = edited(people, tmp_path / "path.zarr", lambda record: record | {"id": f"../../{FORGED}"})
    told = run("shm-data", "export", path, tmp_path / "out", code=1).stderr
    assert "record is damaged" in told
    assert_plain(told)
    damaged = edited(people, tmp_path / "damaged.zarr", RECORDS["brackets"])
    for words in (("inspect", damaged), ("verify", damaged), ("export", damaged, tmp_path / "no")):
        assert "damaged" in run("shm-data", *words, code=1).stderr


def test_nothing_that_a_store_says_reaches_the_terminal(people: Path, tmp_path: Path) -> None:
    said = {"source": FORGED, "group": FORGED, "steps": {FORGED: FORGED}}
    store = edited(
        people,
        tmp_path / "store.zarr",
        lambda record: {**record, **said, "quality": {**record["quality"], FORGED: 0.5}},
        config={FORGED: FORGED},
        software={FORGED: FORGED},
        corpus={"name": FORGED, "layout": FORGED},
        left_alone=[FORGED],
    )
    sample = ("--sample", open_store(people).record(0)["id"])
    for options in ((), ("--json",), ("--datasheet",), sample):
        assert_plain(run("shm-data", "inspect", store, *options).stdout)
    done = run("shm-data", "verify", store, code=1)  # the group is in two splits
    assert_plain(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "attributes", [{"config": 5}, {"left_alone": {}}, {"corpus": 5}, {"software": None}], ids=str
)
def test_a_store_that_says_something_else_of_itself_is_refused(
    attributes: dict[str, Any], people: Path, tmp_path: Path
) -> None:
    store = edited(people, tmp_path / "store.zarr", lambda record: record, **attributes)
    with pytest.raises(StoreError, match=f"its {next(iter(attributes))} is not what shm writes"):
        datasheet(store)


@pytest.mark.parametrize(
    "metadata", ["[" * 100_000, f'{{"{ESCAPE}', ""], ids=lambda t: ascii(t[:9])
)
def test_metadata_that_is_none_is_refused_in_a_line(
    metadata: str, people: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(people, tmp_path / "store.zarr"))
    (store / "zarr.json").write_text(metadata)
    with pytest.raises(StoreError, match=r"zarr\.json is damaged"):
        inspect_store(store)


def test_composites_of_a_person_with_a_path_for_an_id_are_not_exported(tmp_path: Path) -> None:
    store = tmp_path / "train.zarr"
    write_store(store, 3, form="lazy")
    edited(store / "foregrounds", tmp_path / "new", lambda record: record | {"id": "../../../x"})
    shutil.rmtree(store / "foregrounds")
    (tmp_path / "new").rename(store / "foregrounds")
    done = run("shm-data", "export", store, tmp_path / "a" / "b", code=1)
    assert "record is damaged" in done.stderr


def test_predict_takes_what_is_in_the_folder_and_follows_no_link_in_a_circle(
    secret: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    names = ["-rf.png", f"deep/{ESCAPE}.png", "new\nline.png"]
    for name in names:
        (photos / name).write_bytes(png())
    for place in ("one", "two", "deep/three"):
        (photos / place).symlink_to(photos)
    (photos / "out.png").symlink_to(secret)
    (photos / "away").symlink_to(secret.parent)
    os.mkfifo(photos / "pipe.png")
    (photos / "bomb.png").write_bytes(bomb(60_000, 60_000))
    (photos / f"cut{ESCAPE}.png").write_bytes(png()[:300])
    words = ("shm", "predict", "untrained:light")
    done = run(*words, photos, f"{photos}/**/*rf.png", "-o", tmp_path / "out", "--json", code=1)
    said = json.loads(done.stdout)
    assert sorted(said["written"]) == sorted(str(tmp_path / "out" / name) for name in names)
    failed = {Path(each["source"]).name: each["reason"] for each in said["failed"]}
    assert failed.keys() == {"away", "out.png", "pipe.png", "bomb.png", f"cut{ESCAPE}.png"}
    assert_plain(done.stdout + done.stderr)
    pipe = photos / "pipe.png"
    told = run(*words, photos / "-rf.png", "-o", tmp_path, "--background", pipe, code=1).stderr
    assert "pipe.png: not a regular file" in told


POINTERS = {
    "../../x.safetensors": "a file outside its folder",
    "/etc/passwd": "a file outside its folder",
    "..": "a file outside its folder",
    "x/y": "a file outside its folder",
    "": "a file outside its folder",
    "C:\\x": "no such checkpoint",
    "nul\0": "a file outside its folder",
    "\ud800": "a file outside its folder",
    FORGED.replace("/", ""): "a file outside its folder",
    5: "damaged",
}


@pytest.mark.parametrize("named", POINTERS, ids=lambda named: ascii(named)[:20])
def test_a_checkpoint_that_names_a_file_outside_is_refused(named: object, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "best")
    pointer = json.loads((tmp_path / "best.json").read_text())
    (tmp_path / "best.json").write_text(json.dumps(pointer | {"weights": named}))
    with pytest.raises(CheckpointError, match=POINTERS[named]):
        load_model(tmp_path)
