"""The processes that read for a loader: how they start, what they heed, how they end."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_byte
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext, SpawnContext
from multiprocessing.process import BaseProcess
from threading import Thread, Timer
from types import FrameType, TracebackType
from typing import NoReturn, TypeVar

import torch
from torch.utils.data import DataLoader

T = TypeVar("T")

ENDING = 1.0
"""Seconds that a process may take to end after it was noticed."""

PRELOADED = "shm.datasets.streaming.reader"
"""What all processes that read import. PyTorch is among it, which takes seconds."""

MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**29)}
"""What processes that read are told, unless they are told otherwise: to keep the memory that crops
leave, up to 512 MiB. To ask the system for it each time takes as long as to read them. Only glibc
listens; the first is the largest that all its versions take."""


def context() -> BaseContext:
    """Return how processes that read are started.

    Never as forks of the trainer, whose codecs have threads that a fork would wait for. On Linux
    they are forks of a process that has done nothing but import what they need; it is started with
    the first of them. Elsewhere, each starts afresh.
    """
    if sys.platform != "linux":
        return _SpawnContext()
    found = _ForkServerContext()
    found.set_forkserver_preload(["__main__", PRELOADED])
    return found


class Flag:
    """An event between processes that nobody can wait for, and nobody's death can lock.

    PyTorch's loader tells its processes to end by an event, which is guarded by a lock; where one
    was killed at the moment that it looked at it, `set` waited for ever. A byte needs no lock.
    """

    def __init__(self, byte: c_byte) -> None:
        self._byte = byte

    def set(self) -> None:
        """Raise the flag."""
        self._byte.value = 1

    def is_set(self) -> bool:
        """Return whether it was raised, here or in another process."""
        return bool(self._byte.value)


class _SpawnContext(SpawnContext):
    def Event(self) -> Flag:  # type: ignore[override]  # noqa: N802 - multiprocessing's name
        return Flag(self.RawValue(c_byte))


if sys.platform == "linux":
    from multiprocessing.context import ForkServerContext

    class _ForkServerContext(ForkServerContext):
        def Event(self) -> Flag:  # type: ignore[override]  # noqa: N802
            return Flag(self.RawValue(c_byte))


def start_processes(loader: DataLoader[T]) -> Iterator[T]:
    """Start a loader's processes, from a thread that does nothing else.

    They inherit what is blocked in it: Ctrl-C, which would meet them before they can ignore it. And
    PyTorch does not report those that die by raising in the main thread, wherever that is, as it
    does when it is started there.
    """
    resource_tracker.ensure_running()  # as it starts, it would unblock Ctrl-C
    device = torch.accelerator.current_device_index() if torch.accelerator.is_available() else None

    def start() -> Iterator[T]:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        if device is not None:
            torch.accelerator.set_device_index(device)  # each thread has its own
        return iter(loader)

    ours = {name: value for name, value in MEMORY.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(start).result()
    finally:
        for name in ours:
            del os.environ[name]


def heed_the_trainer(_worker: int, environment: Mapping[str, str]) -> None:
    """Make a loader's process ignore Ctrl-C, and end without a word when the trainer ends.

    Batches are handed over through a socket served by a thread; a trainer that Ctrl-C ended
    while it took one leaves that thread with a broken connection. And PyTorch's own watch is on
    the process that this one was forked from, which outlives the trainer.

    Parameters
    ----------
    environment : dict
        The trainer's, which may have changed since the process was started that this is a fork of.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    os.environ.clear()
    os.environ.update(environment)
    Thread(target=leave_after_the_trainer, daemon=True).start()
    report = sys.excepthook

    def report_unless_left(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, (ConnectionError, EOFError)):
            report(kind, error, trace)

    sys.excepthook = report_unless_left


def leave_after_the_trainer() -> None:
    """Wait until the trainer is gone, however that came, and end this process, too."""
    trainer = parent_process()
    if trainer is not None:
        trainer.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(2 * ENDING)
        os._exit(0)  # it is at a read that never ends


def leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End a loader's process and remove its socket, whatever its threads are at."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    last_word = Timer(ENDING, os._exit, [0])
    last_word.daemon = True
    last_word.start()
    sys.exit(0)


def dead_among(processes: Sequence[BaseProcess]) -> list[BaseProcess]:
    """Return those of the loader's processes that have ended, or are about to."""
    ended = wait([process.sentinel for process in processes], ENDING)
    died = [process for process in processes if process.sentinel in ended]
    for process in died:
        process.join()
    return died


def end_processes(processes: Sequence[BaseProcess]) -> None:
    """End processes at whatever they are."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(2 * ENDING)
        process.kill()
        process.join()
