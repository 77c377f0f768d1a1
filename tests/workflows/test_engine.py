"""Running tasks on Dask: what holds for every command that does."""

import os
from pathlib import Path

import pytest

from shm.workflows.engine import ClusterConfig, EngineError, run_tasks


def test_every_worker_is_made_ready_before_its_first_job(tmp_path: Path) -> None:
    def first() -> None:
        with (tmp_path / str(os.getpid())).open("a") as marks:
            marks.write("x")

    def job(number: int) -> tuple[int, bool]:
        return number, (tmp_path / str(os.getpid())).read_text() == "x"

    told: list[str] = []
    done = list(
        run_tasks(
            job, range(12), ClusterConfig(workers=2), first=first, ready=lambda: told.append("now")
        )
    )
    assert sorted(done) == [(number, True) for number in range(12)]
    assert len(list(tmp_path.iterdir())) == 2
    assert told == ["now"]


def test_libraries_keep_to_the_workers_one_core() -> None:
    def threads(_: int) -> tuple[int, str | None]:
        import cv2

        return cv2.getNumThreads(), os.environ.get("NUMBA_NUM_THREADS")

    assert list(run_tasks(threads, [0], ClusterConfig(workers=1))) == [(1, "1")]


def test_a_worker_that_dies_before_its_first_job_is_told_of() -> None:
    def job(number: int) -> int:
        return number

    with pytest.raises(EngineError, match="died before its first job"):
        list(run_tasks(job, [1], ClusterConfig(workers=1), first=lambda: os._exit(1)))
