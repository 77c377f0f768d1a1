"""No harm that comes to a file goes unnoticed."""

from pathlib import Path
from typing import Any

import pytest
import zarr

from tests.datasets.stores import flip_a_byte, write_people, write_store
from tests.faults.damage import attack, found_by_verify
from tests.workflows.corpora import run


def test_whatever_happens_to_a_file_is_found_by_verify_and_by_who_reads_it(tmp_path: Path) -> None:
    counts, missed = attack(tmp_path, 24, seed=1)
    assert missed == []
    assert counts.total() >= 3 * 24


def metadata(store: Path, name: str) -> dict[str, Any]:
    array = zarr.open_group(store, mode="r")[name]
    return dict(array.metadata.to_dict())


def test_no_bit_of_metadata_can_flip_unnoticed(tmp_path: Path) -> None:
    store = tmp_path / "people.zarr"
    write_people(store, 3)
    for name in ("image", "digest"):
        file = store / name / "zarr.json"
        sound, meant = file.read_bytes(), metadata(store, name)
        for place in range(0, len(sound), 3):
            bent = bytearray(sound)
            bent[place] ^= 1 << place % 8
            file.write_bytes(bent)
            # What zarr takes for the same, as a misspelt default, does no harm.
            found = found_by_verify(store) or metadata(store, name) == meant
            assert found, f"byte {place} of {name}"
        file.write_bytes(sound)


@pytest.mark.parametrize("kind", ["flipped", "cut", "deleted"])
def test_training_stops_at_damage_and_names_shard_and_samples(tmp_path: Path, kind: str) -> None:
    store = write_store(tmp_path / "train.zarr", 6).path
    file = tmp_path / "train.zarr/foregrounds/alpha/c/0/0/0"
    if kind == "flipped":
        flip_a_byte(file, at=0.1)
    elif kind == "cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        file.unlink()
    limits = ("--steps", 40, "--batch", 2, "--crop", 64, "--workers", 0, "--phase", "tnet")
    refused = run("shm", "train", store, "--run", tmp_path / "run", *limits, code=1).stderr
    assert "shard 0 of alpha is" in refused
    assert "sample-00" in refused
    assert "verify --repair" in refused
