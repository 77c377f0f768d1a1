"""Work in a process of its own, whose memory is then that of the work alone."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Generic, ParamSpec, TypeVar

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


def alone(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Done[T]:
    """Call in a process that has done nothing else; its start and its imports take no time."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measured, partial(function, *arguments, **named)).result()


def _measured(call: Callable[[], T]) -> Done[T]:
    began, busy = time.perf_counter(), time.process_time()
    result = call()
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    return Done(result=result, seconds=seconds, cpu=cpu, peak=peak())
