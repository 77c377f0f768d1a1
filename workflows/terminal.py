"""Whom a command speaks to: a terminal or a file, in colours or without, or nobody."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_QUIET = Event()


@contextmanager
def hushed() -> Iterator[None]:
    """Show no progress and say nothing but errors; for this process, not for others it starts."""
    _QUIET.set()
    try:
        yield
    finally:
        _QUIET.clear()


def is_quiet() -> bool:
    """Return whether nothing is to be said but errors: it was asked for, or nobody hears it."""
    return _QUIET.is_set() or _is_closed()


def is_live() -> bool:
    """Return whether standard error is a terminal on which a line can be written over."""
    return not _is_closed() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _is_closed() -> bool:
    """Return whether standard error was closed before the command began, as ``2>&-`` does it."""
    return sys.stderr is None  # type: ignore[comparison-overlap, unused-ignore]


def colours() -> bool | None:
    """Return whether colours are wanted; None: where it is a terminal that is written to.

    An empty variable counts as none, as https://no-color.org and https://force-color.org have it.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None
