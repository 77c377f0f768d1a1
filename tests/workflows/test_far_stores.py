"""Stores written to a bucket: the same bytes as on a disk, held and resumed as there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from upath import UPath

from shm.workflows.ledger import read_ledger
from shm.workflows.lock import BusyError, locked, this_machine
from tests.datasets.storage.servers import BUCKET, s3_server
from tests.datasets.stores import all_files
from tests.workflows.clusters import TcpCluster, tcp_cluster
from tests.workflows.corpora import Options, run
from tests.workflows.forks import forks

KEYS = {"key": "test", "secret": "test"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(scope="module")
def cluster(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TcpCluster]:
    """Three workers that know the way to the bucket."""
    with tcp_cluster(tmp_path_factory.mktemp("s3"), workers=3, **variables(server)) as cluster:
        yield cluster


@pytest.fixture
def there(cluster: TcpCluster, server: str, monkeypatch: pytest.MonkeyPatch) -> Options:
    for name, value in variables(server).items():
        monkeypatch.setenv(name, value)
    return "--scheduler", cluster.address


def variables(url: str) -> dict[str, str]:
    """Return the environment in which commands find the bucket."""
    found = {"ENDPOINT_URL": url, "KEY": KEYS["key"], "SECRET": KEYS["secret"]}
    return {f"FSSPEC_S3_{name}": value for name, value in found.items()}


def place(server: str, name: str) -> UPath:
    return UPath(f"s3://{BUCKET}/{name}", endpoint_url=server, **KEYS)


def fetched(server: str, name: str, folder: Path) -> dict[str, bytes]:
    """Return the objects of a store, as files."""
    system = fsspec.filesystem("s3", endpoint_url=server, use_listings_cache=False, **KEYS)
    system.get(f"{BUCKET}/{name}", str(folder / name), recursive=True)
    return all_files(folder / name)


def test_a_store_in_a_bucket_is_byte_for_byte_the_one_on_a_disk(
    chain: Path, tmp_path: Path, server: str, there: Options
) -> None:
    bucket = f"s3://{BUCKET}"
    more = ("--backgrounds", chain / "backgrounds", "--per-foreground", 2)
    people = f"{bucket}/people.zarr"
    run("shm-data", "prepare", chain / "raw", people, "--size", 64, *there)
    run("shm-data", "composite", people, f"{bucket}/lazy.zarr", *more, "--lazy", *there)
    run("shm-data", "materialise", f"{bucket}/lazy.zarr", f"{bucket}/train.zarr", *there)
    for name in ("people.zarr", "lazy.zarr", "train.zarr"):
        run("shm-data", "verify", f"{bucket}/{name}")
        assert fetched(server, name, tmp_path) == all_files(chain / name)
        assert [line["event"] for line in read_ledger(place(server, name))][-1] == "end"


def test_a_killed_command_goes_on_in_the_bucket(
    chain: Path, tmp_path: Path, server: str, there: Options
) -> None:
    words = (
        *("shm-data", "prepare", chain / "raw", f"s3://{BUCKET}/killed.zarr"),
        *("--size", 64, *there),
    )
    command = forks().start(words)
    record = place(server, "killed.zarr") / "record/c/0/0"
    give_up = time.monotonic() + 120
    while not record.fs.exists(record.path):
        record.fs.invalidate_cache()
        assert command.poll() is None, command.told
        assert time.monotonic() < give_up
        time.sleep(0.01)
    command.send_signal(signal.SIGKILL)
    command.wait()
    run(*words)
    assert fetched(server, "killed.zarr", tmp_path) == all_files(chain / "people.zarr")


def test_other_options_are_refused_and_overwrite_makes_it_anew(chain: Path, there: Options) -> None:
    words = (
        *("shm-data", "prepare", chain / "raw", f"s3://{BUCKET}/other.zarr"),
        *("--size", 64, *there),
    )
    run(*words)
    refused = run(*words, "--refine", "none", code=1).stderr
    assert "made otherwise: with --refine auto, now --refine none" in refused
    run(*words, "--refine", "none", "--overwrite")
    assert run(*words, code=1).stderr.count("--refine none") == 2
    run("shm-data", "verify", f"s3://{BUCKET}/other.zarr")


def test_what_others_have_in_a_bucket_is_never_deleted(
    chain: Path, server: str, there: Options
) -> None:
    (place(server, "photos") / "deep" / "mine.jpg").write_bytes(b"mine")
    for name in ("photos", ""):
        words = ("shm-data", "prepare", chain / "raw", f"s3://{BUCKET}/{name}", "--overwrite")
        told = run(*words, *there, code=1).stderr
        assert "name another place" in told or "names no place in the bucket" in told
    assert (place(server, "photos") / "deep" / "mine.jpg").read_bytes() == b"mine"


def test_an_overwrite_that_was_stopped_takes_no_old_shard_for_a_new_one(
    chain: Path, server: str, there: Options
) -> None:
    words = ("shm-data", "prepare", chain / "raw", f"s3://{BUCKET}/half.zarr", "--size", 64)
    run(*words, *there)
    half = place(server, "half.zarr")
    (half / "zarr.json").unlink()  # as a kill would leave it, had this gone first
    told = run(*words, "--refine", "none", *there, code=1).stderr
    assert "there are other objects" in told


def test_only_one_can_hold_a_place_in_a_bucket(server: str) -> None:
    held = place(server, "held.zarr")
    with locked(held, "one") as before:
        assert before is None
        with (
            pytest.raises(BusyError, match=r"`one`.*if it has ended, delete s3://"),
            locked(held, "two"),
        ):
            pass
    with locked(held, "three") as before:
        assert before is None


@pytest.mark.parametrize("machine", [this_machine(), "another"])
def test_the_lock_of_a_dead_process_is_known_where_it_ran(server: str, machine: str) -> None:
    """Whatever its name is: cloned machines and containers have the same."""
    held = place(server, f"dead-{len(machine)}.zarr")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    told = {"command": "one", "pid": dead.pid, "host": "host", "since": "yesterday"}
    told["machine"] = machine
    (held.parent / f".{held.name}.lock").write_bytes(json.dumps(told).encode())
    if machine == "another":
        with pytest.raises(BusyError, match="on host"), locked(held, "two"):
            pass
    else:
        with locked(held, "two") as before:
            assert before is not None
            assert before.pid == dead.pid != os.getpid()
