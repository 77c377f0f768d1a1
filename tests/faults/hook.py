"""What strikes a process from inside, at a chosen moment of its real work.

Run by every process of a command under attack, before anything else: as `sitecustomize` of those
that are started, by the process that forks commands for those that are forked. Python tells an
audit hook of every file that is opened, renamed or removed, before it is; there the process is
killed, stopped, or told that it went wrong. The command itself knows nothing of it.
"""

import errno
import json
import os
import re
import signal
import sys
from typing import Any

VARIABLE = "SHM_FAULT"
"""Holds the fault as JSON: event, path, nth, act, folder."""

PLACE = {"os.rename": 1}
"""Of an event's arguments, which one is the path that counts."""


def strike(act: str) -> None:
    """Do to this process, or to all of its command, what the fault is about."""
    if act == "kill all":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    elif act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif act == "interrupt":
        os.killpg(os.getpgrp(), signal.SIGINT)
    elif act == "terminate":
        os.killpg(os.getpgrp(), signal.SIGTERM)
    else:
        number = getattr(errno, act)
        raise OSError(number, os.strerror(number))


def arm(fault: dict[str, Any]) -> None:
    """Wait for the moment: the `nth` event of all processes together whose path fits."""
    pattern = re.compile(fault["path"])
    counter = f"{fault['folder']}/events"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != fault["event"]:
            return
        path = arguments[PLACE.get(event, 0)]
        if not isinstance(path, str | os.PathLike) or not pattern.search(os.fspath(path)):
            return
        if event == "open" and not _writes(arguments):
            return
        if _count(counter) == fault["nth"]:
            strike(fault["act"])

    sys.addaudithook(hook)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if mode is None:
        return bool(flags & (os.O_WRONLY | os.O_RDWR))
    return any(letter in mode for letter in "wax+")


def _count(counter: str) -> int:
    """Return how often it has been called, by all processes together."""
    file = os.open(counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, b"x")
        return os.lseek(file, 0, os.SEEK_CUR)
    finally:
        os.close(file)


if os.environ.get(VARIABLE):
    arm(json.loads(os.environ[VARIABLE]))
