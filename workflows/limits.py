"""What work will take of disk, memory and time: said before it starts, refused where it can't be.

All of it is rough: photos differ. So only what is far out of reach stops a command.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shm.datasets.storage.location import Location
from shm.pipeline.errors import ShmError
from shm.workflows.progress import size_words, time_words

BYTES_PER_PIXEL = 3.0
"""Of a sample's canvas, on disk: 2.8 and 3.3 of two corpora of people, 2.7 to 3.5 of composites."""

RECORD_BYTES = 3000
"""Memory that the command itself needs for each input: its record, or its place in the corpus."""

MARGIN = 2.0
"""How many times too little there must be before a command is refused."""

LITTLE = 2**28
"""Bytes below which the disk itself says when it is full: little is lost until then."""

SAID_ABOVE = 2**30, 600.0
"""Bytes and seconds above which work is worth a line before it starts."""


class NoRoomError(ShmError, OSError):
    """There is not enough of something for the work that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What some work takes, roughly.

    Attributes
    ----------
    what : str
        ``35000 photos``.
    disk : float
        Bytes that it writes.
    seconds : float
        On one worker.
    worker_memory, memory : float
        Bytes of each worker, and of the command.
    """

    what: str
    disk: float
    seconds: float
    worker_memory: float
    memory: float


def need_of(samples: int, canvas: int, *, what: str, seconds: float, worker_memory: float) -> Need:
    """Return the need of samples of so many pixels a side; `seconds` for each."""
    return Need(
        what=f"{samples} {what}",
        disk=samples * canvas**2 * BYTES_PER_PIXEL,
        seconds=samples * seconds,
        worker_memory=worker_memory,
        memory=samples * RECORD_BYTES,
    )


def require_room(
    need: Need, target: Location, workers: int | None, note: Callable[[str], None]
) -> None:
    """Say what work will take, if that is much, and refuse what there is no room for.

    Parameters
    ----------
    workers : int or None
        On this machine; None where they are on others, whose memory nobody knows here.

    Raises
    ------
    NoRoomError
        Twice as much disk or memory would not be enough.
    """
    free = free_bytes(target)
    memory = available_memory()
    wanted = need.memory + (workers or 0) * need.worker_memory
    seconds = need.seconds / (workers or 1)
    told = f"{need.what}: about {size_words(need.disk)}"
    if free is not None:
        told += f" of {size_words(free)} free"
    if workers:
        told += f", {time_words(seconds)} on {workers} worker{'s' * (workers > 1)}"
    if free is not None and need.disk > max(MARGIN * free, LITTLE):
        raise NoRoomError(
            f"{told}: there is no room for it at {target}: free some, or name another place"
        )
    if memory is not None and wanted > MARGIN * memory:
        raise NoRoomError(
            f"{need.what}: about {size_words(wanted)} of memory, and {size_words(memory)} are "
            "free: give fewer --workers or a smaller --size"
        )
    if need.disk > SAID_ABOVE[0] or seconds > SAID_ABOVE[1]:
        note(told)
    if free is not None and free < need.disk:
        note(f"{target} may become full: about {size_words(need.disk - free)} are missing")
    if memory is not None and wanted > memory:
        note(f"memory may run out: about {size_words(wanted)} wanted, {size_words(memory)} free")


def free_bytes(target: Location) -> int | None:
    """Return how many bytes fit where a store will lie; None where nobody can tell."""
    if not isinstance(target, Path):
        return None
    whole = target.resolve()  # a link may lead to another disk
    there = next((each for each in (whole, *whole.parents) if each.is_dir()), None)
    return None if there is None else shutil.disk_usage(there).free


def available_memory() -> int | None:
    """Return how many bytes of memory processes may still take; None where nobody can tell.

    A container's bound counts, where the system has one.
    """
    try:
        facts = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        line = next(line for line in facts if line.startswith("MemAvailable:"))
        found = int(line.split()[1]) * 1024
    except (OSError, StopIteration, ValueError):
        return None
    bound = _bound()
    return found if bound is None else min(found, bound)


def _bound() -> int | None:
    """Return what a control group (v2) leaves to its processes."""
    folder = Path("/sys/fs/cgroup")
    try:
        bound = (folder / "memory.max").read_text(encoding="ascii").strip()
        taken = int((folder / "memory.current").read_text(encoding="ascii"))
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        files = dict(line.split() for line in lines)[
            "inactive_file"
        ]  # kept as long as there is room
        return None if bound == "max" else max(0, int(bound) - taken + int(files))
    except (OSError, ValueError, KeyError):
        return None
