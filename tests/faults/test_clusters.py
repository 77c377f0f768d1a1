"""A cluster whose parts die, come late or are others makes the same bytes, or says why not."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shm.workflows import engine
from shm.workflows.engine import ClusterConfig, EngineError, VersionError, run_tasks
from tests.faults.attacks import HERE, Moment, wait_for
from tests.faults.chain import COMPOSITE, PREPARE
from tests.faults.hook import VARIABLE
from tests.workflows.clusters import TcpCluster, tcp_cluster
from tests.workflows.corpora import Options, run
from tests.workflows.forks import forks

OTHER_VERSION = "Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TcpCluster]:
    with tcp_cluster(tmp_path_factory.mktemp("cluster"), workers=3) as cluster:
        yield cluster


@pytest.fixture
def three(cluster: TcpCluster) -> Iterator[Options]:
    """Options of a command that works on three workers; what a test killed is replaced."""
    yield "--scheduler", cluster.address
    cluster.add(3 - len(cluster.workers))
    cluster.wait_for(3)


def armed(moment: Moment, folder: Path) -> dict[str, str]:
    """Return the environment of a worker that is to be struck."""
    folder.mkdir()
    fault = {"event": moment.event, "path": moment.path, "nth": moment.nth, "act": moment.act}
    return {VARIABLE: json.dumps(fault | {"folder": str(folder)}), "PYTHONPATH": f"{HERE / 'site'}"}


def prepared(chain: Path, out: Path, options: Options) -> tuple[object, ...]:
    return *PREPARE.words(chain, out), *options


def shards(out: Path) -> list[Path]:
    return list(out.glob("record/c/*/0"))


def test_a_worker_killed_in_mid_shard_loses_nothing(
    chain: Path, tmp_path: Path, cluster: TcpCluster, three: Options
) -> None:
    moment = Moment("os.rename", "/alpha/c/", act="kill")
    (struck,) = cluster.add(variables=armed(moment, tmp_path / "event"))
    for worker in cluster.workers[:2]:
        cluster.kill(worker)
    cluster.wait_for(2)
    out = tmp_path / "people.zarr"
    run(*prepared(chain, out, three))
    assert struck.wait(10) == -signal.SIGKILL
    cluster.workers.remove(struck)
    assert PREPARE.is_same(chain, out)


@pytest.mark.long
def test_a_nanny_that_dies_takes_its_worker_along_and_loses_nothing(
    chain: Path, tmp_path: Path, cluster: TcpCluster, three: Options
) -> None:
    (nanny,) = cluster.add(nanny=True)
    for worker in cluster.workers[:3]:
        cluster.kill(worker)
    cluster.wait_for(1)
    own = next(
        each for each in psutil.Process(nanny.pid).children() if "spawn_main" in str(each.cmdline())
    )
    out = tmp_path / "people.zarr"
    command = forks().start(prepared(chain, out, three))
    wait_for(out / "record/c/0/0", command)
    cluster.kill(nanny)
    own.wait(20)
    cluster.add()
    done = command.wait()
    assert done.returncode == 0, done.stderr
    assert PREPARE.is_same(chain, out)


def test_a_scheduler_that_dies_is_a_line_and_the_next_run_carries_on(
    chain: Path, tmp_path: Path, cluster: TcpCluster, three: Options
) -> None:
    out = tmp_path / "people.zarr"
    command = forks().start(prepared(chain, out, three))
    wait_for(out / "record/c/0/0", command)
    cluster.kill(cluster.scheduler)
    done = command.wait()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"Error: the scheduler at {cluster.address} is gone: start it")
    for worker in list(cluster.workers):
        cluster.kill(worker)
    cluster.start_scheduler()
    cluster.add(3)
    cluster.wait_for(3)
    run(*prepared(chain, out, three))
    assert PREPARE.is_same(chain, out)


@pytest.mark.long
def test_a_worker_that_joins_late_works_along(
    chain: Path, tmp_path: Path, cluster: TcpCluster, three: Options
) -> None:
    for worker in cluster.workers[:2]:
        cluster.kill(worker)
    cluster.wait_for(1)
    out = tmp_path / "train.zarr"
    command = forks().start((*COMPOSITE.words(chain, out), *three))
    wait_for(out / "backgrounds/record/c/0/0", command)
    cluster.add(2)
    done = command.wait()
    assert done.returncode == 0, done.stderr
    assert COMPOSITE.is_same(chain, out)


def of_another_version(folder: Path) -> dict[str, str]:
    """Return an environment in which NumPy says that it is another version."""
    facts = folder / "numpy-0.0.1.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(OTHER_VERSION)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_a_worker_of_another_version_is_refused_with_both(
    chain: Path, tmp_path: Path, cluster: TcpCluster, three: Options
) -> None:
    (other,) = cluster.add(variables=of_another_version(tmp_path / "other"))
    cluster.wait_for(4)
    out = tmp_path / "people.zarr"
    refused = run(*prepared(chain, out, three), code=1).stderr
    assert "has numpy 0.0.1 (here " in refused
    assert "install the same versions on all machines" in refused
    cluster.kill(other)
    cluster.wait_for(3)
    run(*prepared(chain, out, three))
    assert PREPARE.is_same(chain, out)


@pytest.mark.long
def test_a_worker_of_another_version_that_joins_late_does_no_job(
    tmp_path: Path, cluster: TcpCluster
) -> None:
    def job(number: int) -> int:
        time.sleep(0.2)
        return number

    running = run_tasks(job, range(1000), ClusterConfig(scheduler=cluster.address))
    next(running)
    (other,) = cluster.add(variables=of_another_version(tmp_path / "other"))
    with pytest.raises(VersionError, match=r"a worker has numpy 0\.0\.1 \(here "):
        list(running)
    cluster.kill(other)
    cluster.wait_for(3)


@pytest.mark.long
def test_without_any_worker_the_command_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ALONE", 2.0)
    monkeypatch.setattr(engine, "LOOK_EVERY", 0.2)
    with tcp_cluster(tmp_path / "cluster", workers=1) as cluster:

        def job(number: int) -> int:
            time.sleep(0.2)
            return number

        running = run_tasks(job, range(1000), ClusterConfig(scheduler=cluster.address))
        next(running)
        cluster.kill(cluster.workers[0])
        with pytest.raises(EngineError, match="no worker has been at tcp://"):
            list(running)
