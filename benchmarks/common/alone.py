"""Work in a process of its own, whose memory is then that of the work alone."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Generic, ParamSpec, Self, TypeVar

from benchmarks.common.memory import peak

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Done(Generic[T]):
    """What a call returned, what it took: seconds, the processor's too, the most bytes held."""

    result: T
    seconds: float
    cpu: float
    peak: int


_start = "spawn"


def fork_from_one_that_imports(*modules: str) -> None:
    """Let the processes of `alone` share imports from now on: for `--quick`, where times are none.

    They are forks of one that has done nothing but import these modules, as installed.
    """
    global _start  # noqa: PLW0603 - a process's own choice, made once as it starts
    if sys.platform == "linux":
        _start = "forkserver"
        get_context("forkserver").set_forkserver_preload(list(modules))


def alone(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Done[T]:
    """Call in a process that has done nothing else; its start and its imports take no time."""
    with ProcessPoolExecutor(1, mp_context=get_context(_start)) as process:
        return process.submit(_measured, partial(function, *arguments, **named)).result()


class Together:
    """One process for all calls, where `alone` has one for each: for `--quick`."""

    def __enter__(self) -> Self:
        # A fork of this one, which has imported already, and done nothing else.
        start = "fork" if sys.platform == "linux" else "spawn"
        self._process = ProcessPoolExecutor(1, mp_context=get_context(start))
        return self

    def __exit__(self, *error: object) -> None:
        self._process.shutdown()

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Done[T]:
        """Call in that process."""
        return self._process.submit(_measured, partial(function, *arguments, **named)).result()


def _measured(call: Callable[[], T]) -> Done[T]:
    began, busy = time.perf_counter(), time.process_time()
    result = call()
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    return Done(result=result, seconds=seconds, cpu=cpu, peak=peak())
