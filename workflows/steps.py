"""How far a task is while it runs: told by its worker, heard by the command."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

TOPIC = "shm-steps"
"""Of Dask's events; a scheduler keeps the last few of a topic, however many commands it serves."""

PAUSE = 0.5
"""Seconds between two things that one task tells: a bar is not looked at more often."""

Step = tuple[int, ...]
"""What a task tells: whole numbers, of which it and who hears it know the meaning."""


class _Teller:
    def __init__(self, run: str) -> None:
        self.run = run
        self.due = time.monotonic() + PAUSE


_TELLER: ContextVar[_Teller | None] = ContextVar("teller", default=None)


@contextmanager
def telling(run: str) -> Iterator[None]:
    """Have what a task tells meanwhile heard by this run of tasks."""
    token = _TELLER.set(_Teller(run))
    try:
        yield
    finally:
        _TELLER.reset(token)


def tell(*step: int) -> None:
    """Tell the command how far this task is; nothing where it is too soon, or nobody listens."""
    teller = _TELLER.get()
    if teller is None or time.monotonic() < teller.due:
        return
    from distributed import get_worker

    get_worker().log_event(TOPIC, [teller.run, *step])
    teller.due = time.monotonic() + PAUSE


@contextmanager
def hearing(client: Any, hear: Callable[[Step], None]) -> Iterator[str]:  # noqa: ANN401  (untyped)
    """Hear what tasks of one run tell, in a thread of the client's; yields the run's name."""
    run = uuid4().hex

    def handle(event: tuple[float, Any]) -> None:
        _, told = event
        if told[0] == run:
            hear(tuple(told[1:]))

    client.subscribe_topic(TOPIC, handle)
    try:
        yield run
    finally:
        with suppress(Exception):  # the scheduler may be what is gone
            client.unsubscribe_topic(TOPIC)
