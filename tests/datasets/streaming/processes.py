"""What the tests of processes look at."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

SHARED = "/dev/shm/"  # noqa: S108 - where Linux has them


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def living() -> Iterator[tuple[int, int]]:
    """Yield (id, group) of every process that has not ended; who reaps it does not matter."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            yield int(stat.parent.name), int(group)


def are_gone(pids: set[int]) -> bool:
    return all(pid not in pids for pid, _ in living())


def shared_files(group: int) -> set[Path]:
    """Return the shared memory and semaphores that a group's processes use."""
    found: set[Path] = set()
    for pid, each in living():
        if each == group:
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                name = line.partition(SHARED)[2]
                found |= {Path(SHARED + name)} if name else set()
    return found


def is_group_gone(group: int) -> bool:
    return all(each != group for _, each in living())
