"""What work takes is said before it starts, and what there is no room for is refused."""

from pathlib import Path

import pytest

from shm.workflows.limits import (
    LITTLE,
    Need,
    NoRoomError,
    available_memory,
    free_bytes,
    need_of,
    require_room,
)
from tests.datasets.stores import all_files
from tests.faults.disks import small_disk
from tests.workflows.corpora import run, write_people

NEED = Need(what="35000 photos", disk=0, seconds=0, worker_memory=0, memory=0)


def told_of(need: Need, target: Path, workers: int | None = 2) -> list[str]:
    told: list[str] = []
    require_room(need, target, workers, told.append)
    return told


def test_little_work_is_not_worth_a_line(tmp_path: Path) -> None:
    assert told_of(NEED, tmp_path / "s.zarr") == []


def test_much_work_is_said_with_what_is_free(tmp_path: Path) -> None:
    need = need_of(20_000, 100, what="photos", seconds=2.0, worker_memory=1e6)
    (line,) = told_of(need, tmp_path / "s.zarr")
    assert line.startswith("20000 photos: about 600 MB of ")
    assert line.endswith(" free, 5 h 33 min on 2 workers")
    (line,) = told_of(need, tmp_path / "s.zarr", None)
    assert "worker" not in line  # nobody knows how many there are elsewhere


def test_what_will_not_fit_is_refused_with_both_numbers(tmp_path: Path) -> None:
    free = free_bytes(tmp_path / "deep" / "s.zarr")
    assert free is not None
    need = Need(**{**vars(NEED), "disk": free * 2.5 + LITTLE})
    with pytest.raises(NoRoomError, match=r"35000 photos: about .* of .* free.*no room for it"):
        told_of(need, tmp_path / "s.zarr")


def test_what_may_not_fit_is_warned_of(tmp_path: Path) -> None:
    free = free_bytes(tmp_path)
    assert free is not None
    need = Need(**{**vars(NEED), "disk": free * 1.5 + LITTLE})
    assert "may become full" in told_of(need, tmp_path / "s.zarr")[-1]


def test_too_many_workers_for_the_memory_are_refused(tmp_path: Path) -> None:
    memory = available_memory()
    assert memory is not None
    need = Need(**{**vars(NEED), "worker_memory": memory})
    with pytest.raises(NoRoomError, match="fewer --workers or a smaller --size"):
        told_of(need, tmp_path / "s.zarr", 3)
    told_of(need, tmp_path / "s.zarr", None)  # theirs is another machine's


def test_a_command_that_has_no_room_makes_nothing(tmp_path: Path) -> None:
    raw = write_people(tmp_path / "raw", 2)
    with small_disk(tmp_path / "disk", 2**20) as disk:
        store = disk.folder / "people.zarr"
        refused = run("shm-data", "prepare", raw, store, "--size", 20_000, code=1).stderr
        assert "there is no room for it" in refused
        assert not list(disk.folder.iterdir())
        run("shm-data", "prepare", raw, store, "--size", 32)
        before = all_files(store)
        words = ("shm-data", "prepare", raw, store, "--size", 20_000, "--overwrite")
        assert "there is no room for it" in run(*words, code=1).stderr
        assert all_files(store) == before  # what was there is not deleted for what can't be made
