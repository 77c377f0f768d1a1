"""A Dask cluster of real processes that talk over TCP, each of which can be killed by itself."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from distributed import Client

from tests.datasets.storage.servers import free_port

QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "20s",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "5s",
}
"""Watch itself less: a cluster that waits for a whole file of tests takes a fifth of the time."""

PATIENCE = 60
"""Seconds within which workers come."""


class TcpCluster:
    """A scheduler and workers, started one by one.

    Parameters
    ----------
    folder : Path
        Where they work and leave what they say.
    variables : dict
        Of all their environments.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._variables = folder, variables
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start_scheduler()

    def start_scheduler(self) -> "subprocess.Popen[bytes]":
        """Start the scheduler, at the address that it has or had."""
        port = self.address.rpartition(":")[2]
        options = ("--host", "127.0.0.1", "--port", port, "--no-dashboard")
        self.scheduler = self._start("scheduler", options, {})
        return self.scheduler

    def add(
        self, count: int = 1, *, nanny: bool = False, variables: Mapping[str, str] | None = None
    ) -> list["subprocess.Popen[bytes]"]:
        """Start workers of one thread; with a nanny, the process that is returned is the nanny."""
        options = ("--nthreads", "1", "--nanny" if nanny else "--no-nanny", "--host", "127.0.0.1")
        words, own = (self.address, *options), variables or {}
        here = [self._start("worker", words, own) for _ in range(count)]
        self.workers += here
        return here

    def wait_for(self, workers: int) -> None:
        """Wait until so many workers are there."""
        with Client(self.address, set_as_default=False, timeout=PATIENCE) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(workers, timeout=PATIENCE)
            give_up = time.monotonic() + PATIENCE
            while len(client.ncores()) > workers and time.monotonic() < give_up:
                time.sleep(0.05)  # of dead ones that are not missed yet

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """SIGKILL a process of the cluster."""
        process.kill()
        process.wait()
        if process in self.workers:
            self.workers.remove(process)

    def close(self) -> None:
        """SIGKILL all that is left."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def told(self) -> str:
        """Return what all of them have said."""
        return "".join(file.read_text() for file in sorted(self._folder.glob("*.log")))

    def _start(
        self, what: str, options: tuple[str, ...], variables: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        number = len(list(self._folder.glob("*.log")))
        with (self._folder / f"{what}-{number}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", what, *options],
                cwd=self._folder,
                env=os.environ | QUIET | self._variables | dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def tcp_cluster(folder: Path, *, workers: int, **variables: str) -> Iterator[TcpCluster]:
    """Start a cluster; kill what is left of it in the end."""
    cluster = TcpCluster(folder, **variables)
    try:
        if workers:
            cluster.add(workers)
            cluster.wait_for(workers)
        yield cluster
    finally:
        cluster.close()
