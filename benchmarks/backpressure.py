"""The scheduler's memory while many tasks pass through it, against submitting all of them at once.

The tasks are real ones of a real cluster, whose scheduler and workers are processes that talk over
TCP, but they do nothing (`abs`): what is measured is what a million of them leave behind, and what
the command itself holds.

    python benchmarks/backpressure.py --tasks 1000000
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.table import finite, show
from shm.workflows.engine import ClusterConfig, EngineError, run_tasks

Row = dict[str, Any]

PARTS = 10
"""Times that memory is looked at, evenly over the tasks."""


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, psutil.Process]]:
    """Start a scheduler and workers; yields its address and its process."""
    with TemporaryDirectory() as name:
        file = Path(name) / "scheduler.json"
        options = ("--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard")
        started = [_dask(name, "scheduler", "--port", "0", *options)]
        try:
            while not file.exists():
                time.sleep(0.1)
            words = ("worker", "--no-nanny", "--nthreads", "1", *options)
            started += [_dask(name, *words) for _ in range(workers)]
            yield json.loads(file.read_text())["address"], psutil.Process(started[0].pid)
        finally:
            for process in started:
                process.kill()
                process.wait()


def _dask(folder: str, *words: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "dask", *words]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=folder, stdout=nowhere, stderr=nowhere)  # noqa: S603


def a_few_at_a_time(address: str, tasks: int) -> Iterator[int]:
    """Run tasks as the commands do."""
    yield from run_tasks(abs, range(tasks), ClusterConfig(scheduler=address))


def all_at_once(address: str, tasks: int) -> Iterator[int]:
    """Submit all tasks, then wait for them, as a script with `Client.map` does."""
    from distributed import Client, as_completed

    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        futures = client.map(abs, range(tasks), pure=False)
        for future in as_completed(futures, loop=client.loop):  # type: ignore[no-untyped-call]
            yield future.result()


def measured(
    name: str, run: Callable[[str, int], Iterator[int]], tasks: int, workers: int
) -> list[Row]:
    """Run so many tasks; a row for each tenth of them."""
    rows: list[Row] = []
    own = psutil.Process()
    with cluster(workers) as (address, scheduler):
        while True:
            try:
                list(run_tasks(abs, range(10), ClusterConfig(scheduler=address)))
                break
            except EngineError:  # no worker is there yet
                time.sleep(0.2)
        first, mine = scheduler.memory_info().rss, own.memory_info().rss
        began = time.perf_counter()
        for done, _ in enumerate(run(address, tasks), start=1):
            if done % max(1, tasks // PARTS) == 0:
                rows.append(
                    {
                        "way": name,
                        "tasks": done,
                        "scheduler MB more": (scheduler.memory_info().rss - first) / 1e6,
                        "command MB more": (own.memory_info().rss - mine) / 1e6,
                        "ms a task": 1000 * (time.perf_counter() - began) / done,
                    }
                )
                click.echo(f"{name}: {done}", err=True)
    return rows


def figures(rows: Sequence[Row]) -> Row:
    """Return the largest growth of each way between the first and the last tenth."""
    few = [row["scheduler MB more"] for row in rows if row["way"] == "a few at a time"]
    return {"scheduler MB, last tenth less first": few[-1] - few[0]}


@click.command()
@click.option("--tasks", default=100_000, help="Tasks that are done a few at a time.")
@click.option("--at-once", default=20_000, help="Tasks that are submitted all at once.")
@click.option("--workers", default=8, help="More of them, and fewer waits for the network.")
@click.option("--quick", is_flag=True, help="A few tasks, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(tasks: int, at_once: int, workers: int, quick: bool, json_path: Path | None) -> None:
    """Print the memory of the scheduler and of the command as tasks pass through."""
    if quick:
        tasks, at_once, workers = 200, 200, 1
    go = partial(measured, workers=workers)
    rows = go("a few at a time", a_few_at_a_time, tasks)
    rows += go("all at once", all_at_once, at_once)
    show(rows)
    show([figures(rows)])
    if json_path is not None:
        json_path.write_text(json.dumps(finite(rows), indent=2))


if __name__ == "__main__":
    main()
