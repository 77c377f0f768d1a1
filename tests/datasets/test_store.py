import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from shm.datasets import fields
from shm.datasets.damage import DamageError, StoreError
from shm.datasets.fields import shard_slots
from shm.datasets.record import RECORD_BYTES, decode_record, encode_record
from shm.datasets.store import create_store, open_store
from tests.datasets.stores import all_files, flip_a_byte, random_sample, write_people


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "TARGET_SHARD_BYTES", 5 * (8 * 64**2 + 25))  # five samples


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    store = write_people(tmp_path / "s.zarr", 12, rejects=2)
    samples = dict(store.samples())
    assert sorted(samples) == list(range(12))
    for slot, record in samples.items():
        arrays = store.read(slot, record)
        for name, expected in random_sample(slot, 64).items():
            assert np.array_equal(arrays[name], expected)


def test_inputs_are_accepted_or_rejected_with_a_reason(tmp_path: Path) -> None:
    store = write_people(tmp_path / "s.zarr", 7, rejects=3)
    records = dict(store.records())
    assert len(records) == 10
    assert [records[slot]["rejected"] for slot in (7, 8, 9)] == ["the file is empty"] * 3


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    write_people(tmp_path / "a.zarr", 12)
    write_people(tmp_path / "b.zarr", 12)
    assert all_files(tmp_path / "a.zarr") == all_files(tmp_path / "b.zarr")


def test_any_zarr_reader_can_read_it(tmp_path: Path) -> None:
    write_people(tmp_path / "s.zarr", 6)
    group = zarr.open_group(tmp_path / "s.zarr", mode="r")
    expected = random_sample(3, 64)["image"]
    height, width = expected.shape[:2]
    assert np.array_equal(np.asarray(group["image"][3])[:height, :width], expected)  # type: ignore[index]
    row = np.asarray(group["record"][3])  # type: ignore[index]
    assert json.loads(row.tobytes().rstrip(b"\0"))["id"] == "sample-003"


def test_padding_costs_next_to_nothing(tmp_path: Path) -> None:
    tight = write_people(tmp_path / "tight.zarr", 5, canvas=64)
    sample = random_sample(0, 64)
    wide = create_store(tmp_path / "wide.zarr", kind="prepared", slots=1, canvas=512, attributes={})
    record = {"id": "a", "split": "train", "size": (64, 64)}
    wide.write_shard(0, [sample], [record])
    sizes = [store.bytes_on_disk() or 0 for store in (tight, wide)]
    assert 0 < sizes[1] < sizes[0] / 5 + 9_000  # metadata, indices


@pytest.mark.parametrize("name", ["image", "alpha", "trimap", "foreground"])
def test_a_flipped_byte_is_noticed_and_named(tmp_path: Path, name: str) -> None:
    write_people(tmp_path / "s.zarr", 12)
    (file,) = filter(Path.is_file, (tmp_path / "s.zarr" / name / "c" / "1").rglob("*"))
    flip_a_byte(file)
    store = open_store(tmp_path / "s.zarr")
    (damage,) = store.damages_of(1)
    assert (damage.shard, damage.array, damage.what) == (1, name, "is damaged")
    assert damage.samples == tuple(f"sample-{n:03d}" for n in range(5, 10))
    reasons = []
    for slot, record in zip(store.slots_of(1), store.records_of(1), strict=True):
        try:
            store.read(slot, record)
        except DamageError as error:
            reasons.append(str(error))
    assert reasons
    assert all(f"shard 1 of {name} is damaged" in reason for reason in reasons)
    assert all("sample-005" in reason for reason in reasons)


def test_a_missing_shard_is_noticed_and_not_read_as_zeros(tmp_path: Path) -> None:
    write_people(tmp_path / "s.zarr", 12)
    shutil.rmtree(tmp_path / "s.zarr" / "alpha" / "c" / "0")
    store = open_store(tmp_path / "s.zarr")
    assert [damage.what for damage in store.damages_of(0)] == ["is missing"]
    with pytest.raises(DamageError, match=r"shard 0 of alpha is missing.*sample-000"):
        store.read(0, store.records_of(0)[0])


def test_a_missing_record_is_noticed(tmp_path: Path) -> None:
    write_people(tmp_path / "s.zarr", 12)
    shutil.rmtree(tmp_path / "s.zarr" / "record" / "c" / "2")
    store = open_store(tmp_path / "s.zarr")
    assert [damage.array for damage in store.damages_of(2)] == ["record"]
    with pytest.raises(DamageError, match="shard 2 of record"):
        list(store.samples())


def test_every_one_of_100_flipped_bytes_is_found(tmp_path: Path) -> None:
    write_people(tmp_path / "s.zarr", 5)
    file = tmp_path / "s.zarr" / "image" / "c" / "0" / "0" / "0" / "0"
    sound = file.read_bytes()
    store = open_store(tmp_path / "s.zarr")
    for place in np.random.default_rng(0).integers(0, len(sound), 100):
        damaged = bytearray(sound)
        damaged[place] ^= 0x40
        file.write_bytes(damaged)
        assert [damage.array for damage in store.damages_of(0)] == ["image"]
    file.write_bytes(sound)
    assert not list(store.damages_of(0))


def test_records_survive_any_text() -> None:
    record = {"source": 'naïve "quotes" \n\t 照片 \udcff', "size": [3, 4]}
    assert decode_record(encode_record(record))["size"] == [3, 4]
    with pytest.raises(StoreError, match=str(RECORD_BYTES)):
        encode_record({"source": "x" * 5000})


def test_what_is_no_store_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such store"):
        open_store(tmp_path / "nothing.zarr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="not a zarr v3 group"):
        open_store(tmp_path / "folder")
    zarr.open_group(tmp_path / "other.zarr", mode="w", zarr_format=3)
    with pytest.raises(StoreError, match="not one that shm wrote"):
        open_store(tmp_path / "other.zarr")


def test_another_format_and_an_unfinished_store_are_refused(tmp_path: Path) -> None:
    store = write_people(tmp_path / "s.zarr", 2)
    store = open_store(store.path, writable=True)
    store.mark(complete=False)
    with pytest.raises(StoreError, match="not finished"):
        open_store(store.path)
    store.attributes["format"] = 99
    store.mark(complete=True)
    with pytest.raises(StoreError, match="store format 99"):
        open_store(store.path)


def test_a_shard_holds_about_64_mib_and_at_least_one_sample() -> None:
    assert shard_slots("prepared", 6000) == 1
    assert shard_slots("images", 16) == 64


def test_a_shard_lost_with_its_digest_is_noticed(tmp_path: Path) -> None:
    store = write_people(tmp_path / "s.zarr", 3)
    for name in ("alpha", "digest"):
        shutil.rmtree(tmp_path / "s.zarr" / name / "c")
    store = open_store(tmp_path / "s.zarr")
    assert ("alpha", "is missing") in {(each.array, each.what) for each in store.damages_of(0)}
    slot, record = next(store.samples())
    with pytest.raises(DamageError, match="alpha is missing"):
        store.read(slot, record)
