"""The processes that read for a loader: how they start, what they heed, how they end."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Timer
from types import FrameType, TracebackType
from typing import NoReturn, TypeVar

import torch
from torch.utils.data import DataLoader

T = TypeVar("T")

ENDING = 1.0
"""Seconds that a process may take to end after it was noticed."""

MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**29)}
"""What processes that read are told, unless they are told otherwise: to keep the memory that crops
leave, up to 512 MiB. To ask the system for it each time takes as long as to read them. Only glibc
listens; the first is the largest that all its versions take."""


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


def heed_the_trainer(_worker: int) -> None:
    """Make a loader's process ignore Ctrl-C, and end without a word when the trainer ends.

    Batches are handed over through a socket served by a thread; a trainer that Ctrl-C ended
    while it took one leaves that thread with a broken connection.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    report = sys.excepthook

    def report_unless_left(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, (ConnectionError, EOFError)):
            report(kind, error, trace)

    sys.excepthook = report_unless_left


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
