"""What could not be done, and why, in a line."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from shm.pipeline.errors import ShmError

Fail: TypeAlias = Callable[[str, str], None]
"""Told of a source that could not be predicted, and why."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that could not be predicted, and why, in a line."""

    source: str
    reason: str


def reason_of(error: BaseException) -> str:
    """Return why something failed, with the cure, in a line."""
    if isinstance(error, ShmError):
        return str(error)
    if isinstance(error, MemoryError):
        return "it does not fit in memory: give --max-side, or smaller tiles"
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return "No space left on device: make room where --out is, and run the same command again"
    if isinstance(error, RuntimeError):  # what a device says
        return " ".join(str(error).split())[:200]
    file = getattr(error, "filename", None)
    reason = getattr(error, "strerror", None) or str(error)
    return f"{file}: {reason}" if file else reason
