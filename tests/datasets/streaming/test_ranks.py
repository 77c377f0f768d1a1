"""Ranks as real processes, killed in mid-epoch and resumed by another number of them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.datasets.storage.servers import free_port
from tests.datasets.streaming.processes import are_gone, until
from tests.datasets.streaming.streams import SAMPLES, ids, stream, write_wide

BATCH = 3
ROOT = Path(__file__).parents[3]
SCRIPT = "tests.datasets.streaming.rank_script"
LOCAL = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def command(store: Path, folder: Path, world: int, *, workers: int, pause: float) -> list[str]:
    """Return the command that streams what is left of an epoch by so many ranks."""
    torchrun = ["torch.distributed.run", "--nproc-per-node", str(world)]
    torchrun += ["--master-addr", "127.0.0.1", "--master-port", str(free_port()), "-m"]
    start = [sys.executable, "-m", *(torchrun if world > 1 else []), SCRIPT]
    return [*start, *map(str, (store, folder, SAMPLES, BATCH, workers, pause))]


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return what all ranks of all runs have written down, whole lines only."""
    texts = [log.read_text().splitlines(keepends=True) for log in folder.glob("*.jsonl")]
    return [json.loads(line) for text in texts for line in text if line.endswith("\n")]


def position(folder: Path) -> int:
    record = folder / "position.json"
    return int(json.loads(record.read_text())) if record.exists() else 0


def kill_two_ranks(store: Path, folder: Path) -> None:
    """Stream by two ranks, and kill them in mid-epoch, without a warning."""
    agent = subprocess.Popen(
        command(store, folder, 2, workers=1, pause=0.2),
        cwd=ROOT,
        env={**os.environ, **LOCAL},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: position(folder) >= SAMPLES // 3 or agent.poll() is not None)
    assert agent.poll() is None
    agent.kill()
    agent.wait()
    ranks = {line["pids"][0] for line in lines(folder)}
    for pid in ranks:
        os.kill(pid, signal.SIGKILL)
    pids = {pid for line in lines(folder) for pid in line["pids"]}
    assert len(ranks) == 2
    assert len(pids) == 4  # a loader's process of each
    until(lambda: are_gone(pids))  # which ends by itself


def test_ranks_that_are_killed_in_mid_epoch_are_resumed_by_any_number(tmp_path: Path) -> None:
    store, killed = write_wide(tmp_path / "wide.zarr"), tmp_path / "killed"
    killed.mkdir()
    kill_two_ranks(store, killed)
    resumed_from = position(killed)
    assert SAMPLES // 3 <= resumed_from < SAMPLES
    before = [line for line in lines(killed) if line["position"] < resumed_from]
    for world in (1, 3):
        folder = tmp_path / f"resumed-{world}"
        folder.mkdir()
        shutil.copy(killed / "position.json", folder)
        done = subprocess.run(
            command(store, folder, world, workers=0, pause=0),
            cwd=ROOT,
            env={**os.environ, **LOCAL},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        after = lines(folder)
        assert len({line["pids"][0] for line in after}) == world
        in_order = sorted([*before, *after], key=lambda line: line["position"])
        found = [name for line in in_order for name in line["ids"]]
        assert found == ids(stream(store, BATCH), len(in_order))  # as one alone has it
        assert len(set(found[:SAMPLES])) == SAMPLES
