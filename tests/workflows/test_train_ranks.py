"""One training by several processes, as torchrun starts the command."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from shm.checkpoint import load_weights, resolve
from tests.datasets.storage.servers import free_port
from tests.datasets.stores import write_store
from tests.workflows.corpora import run
from tests.workflows.forks import forks

RECIPE = (
    *("--phase", "mnet", "--batch", 4, "--crop", 32, "--workers", 0),
    *("--set", "phases.mnet.freeze_batch_norm=true", "--set", "loop.picture_every=0"),
    # Adam makes a step of a gradient of any size, rounding errors too; so small ones need a rate.
    *("--set", "phases.mnet.optimiser.kind=sgd", "--learning-rate", 1.0),
    *("--set", "phases.mnet.optimiser.schedule.kind=constant"),
)


def torchrun(*words: object) -> subprocess.CompletedProcess[str]:
    """Run ``shm`` by two processes, which torchrun starts as a whole."""
    launch = ["--nproc-per-node", "2", "--no-python"]
    launch += ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    script = Path(sys.executable).with_name("shm")
    command = ("python", "torch.distributed.run", *launch, "--", script, *words)
    return forks().start(command, OMP_NUM_THREADS="1", GLOO_SOCKET_IFNAME="lo").wait()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ranks") / "train.zarr"
    write_store(path, 15)
    return path


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "mnet" / "log.jsonl").read_text().splitlines()]


def test_half_of_what_torchrun_says_is_a_line_and_makes_no_run(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = run("shm", "train", store, *RECIPE, "--run", tmp_path / "run", code=1).stderr
    assert "WORLD_SIZE is 2, but RANK, MASTER_ADDR, MASTER_PORT is missing" in said
    assert "unset WORLD_SIZE" in said
    assert not (tmp_path / "run").exists()


def test_two_processes_train_what_one_does_and_one_goes_on_with_it(
    store: Path, tmp_path: Path
) -> None:
    words = ("train", store, *RECIPE)
    together = torchrun(*words, "--run", tmp_path / "two", "--steps", 3, "--json")
    assert together.returncode == 0, together.stderr
    assert "Traceback" not in together.stderr
    assert "2 processes; batch normalisation is each process's own" in together.stderr
    assert together.stderr.count("mnet: 3 steps from the start") == 1
    assert json.loads(together.stdout)["phases"]["mnet"]["steps"] == 3
    run("shm", *words, "--run", tmp_path / "one", "--steps", 3)
    two, one = (
        load_weights(resolve(tmp_path / each / "mnet", "last"))[0] for each in ("two", "one")
    )
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-6)
    judged = [log(tmp_path / each)[-1] for each in ("two", "one")]
    assert [(record["kind"], record["samples"]) for record in judged] == [("validation", 3)] * 2
    assert judged[0]["whole"]["sad"] == pytest.approx(judged[1]["whole"]["sad"], rel=0.01)

    going_on = run("shm", *words, "--run", tmp_path / "two", "--steps", 4)
    assert "mnet: going on from step 3 of 4" in going_on.stderr
    told = [(record["kind"], record["step"]) for record in log(tmp_path / "two")]
    assert told == [("train", 3), ("validation", 3), ("train", 4), ("validation", 4)]
