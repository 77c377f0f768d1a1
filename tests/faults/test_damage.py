"""No harm that comes to a file goes unnoticed."""

from pathlib import Path

import pytest

from tests.datasets.stores import flip_a_byte, write_store
from tests.faults.damage import attack
from tests.workflows.corpora import run


def test_whatever_happens_to_a_file_is_found_by_verify_and_by_who_reads_it(tmp_path: Path) -> None:
    counts, missed = attack(tmp_path, 24, seed=1)
    assert missed == []
    assert counts.total() >= 3 * 24


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
