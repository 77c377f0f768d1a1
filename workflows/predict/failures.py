"""What could not be done, and why, in a line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from shm.datasets.files import is_full
from shm.pipeline.errors import ShmError

Fail: TypeAlias = Callable[[str, str], None]
"""Told of a source that could not be predicted, and why."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that could not be predicted, and why, in a line."""

    source: str
    reason: str


def reason_of(error: BaseException) -> str:
    """Return why something failed, with the cure, in a line.

    Raises
    ------
    OSError
        The disk is full: no other source would fare better.
    """
    if is_full(error):
        raise error
    if isinstance(error, ShmError):
        return str(error)
    if isinstance(error, MemoryError):
        return "it does not fit in memory: give --max-side, or smaller tiles"
    if isinstance(error, RuntimeError):  # what a device says
        return " ".join(str(error).split())[:200]
    file = getattr(error, "filename", None)
    reason = getattr(error, "strerror", None) or str(error)
    return f"{file}: {reason}" if file else reason
