"""Running tasks on Dask: what holds for every command that does."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from shm.workflows import engine
from shm.workflows.engine import ClusterConfig, EngineError, SharedCluster, run_tasks
from shm.workflows.steps import tell


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


def test_one_cluster_serves_several_commands_and_keeps_their_memory() -> None:
    def worker(_: int) -> tuple[int, str | None]:
        return os.getpid(), os.environ.get("MALLOC_TRIM_THRESHOLD_")

    with SharedCluster(ClusterConfig(workers=1)) as shared:
        found = [list(run_tasks(worker, range(2), shared)) for _ in range(2)]
    assert len({report for reports in found for report in reports}) == 1
    assert found[0][0][1] == str(2**29)


def test_a_cluster_that_nobody_needs_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 1.0)
    nowhere = ClusterConfig(scheduler="tcp://127.0.0.1:1")
    with (
        pytest.raises(EngineError, match="no Dask scheduler answers"),
        SharedCluster(nowhere) as it,
    ):
        list(run_tasks(len, [""], it))
    done = []
    with SharedCluster(nowhere):
        done.append("nothing that needs it")
    assert done


def test_what_tasks_tell_is_heard_while_they_run_and_by_their_own_run_alone() -> None:
    def job(number: int) -> int:
        for done in range(3):
            time.sleep(0.6)
            tell(number, done)
        return number

    heard: list[tuple[int, ...]] = []
    with SharedCluster(ClusterConfig(workers=2)) as shared:
        reports = run_tasks(job, [7, 8], shared, hear=heard.append)
        next(reports)
        before_the_last = list(heard)
        list(reports)
        list(run_tasks(job, [9], shared))
    assert {(7, 0), (8, 0)} <= set(before_the_last)
    for number in (7, 8):
        told = [done for who, done in heard if who == number]
        assert told == sorted(told)
    assert {who for who, _ in heard} == {7, 8}
    tell(1)  # where there is no cluster, nobody listens


def test_two_clusters_at_once_are_not_in_each_other_s_way() -> None:
    """A warning, as of a port that is taken, is an error here."""

    def job(number: int) -> int:
        return number

    one, other = (SharedCluster(ClusterConfig(workers=1)) for _ in range(2))
    with one, other:
        assert list(run_tasks(job, [1], one)) == [1]
        assert list(run_tasks(job, [2], other)) == [2]


def test_the_scheduler_forgets_that_jobs_were_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's spans keep a note of each while a command lasts: of a million 390 MB."""

    def noted(dask_scheduler: Any) -> int:
        spans = dask_scheduler.extensions["spans"].spans.values()
        return sum(len(span._metadata["collections"]) for span in spans)

    monkeypatch.setattr(engine, "FORGET_EVERY", 10)
    with SharedCluster(ClusterConfig(workers=1)) as shared:
        assert sorted(run_tasks(abs, range(40), shared)) == list(range(40))
        assert shared.client.run_on_scheduler(noted) < 10
