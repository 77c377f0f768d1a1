"""What a process and those that it started take together: memory, and the processor's time."""

import math
import os
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path


def held() -> float:
    """Return the bytes that they hold; NaN where the system is not Linux.

    What they share counts once. Files' pages in the system's cache, mapped or not, count for none.
    """
    return _sum(_held, [os.getpid(), *_children()])


def processor_seconds() -> float:
    """Return the seconds that they have kept processors busy; NaN where the system is not Linux."""
    return time.process_time() + _sum(_busy, _children())


def _children() -> list[int]:
    return [child.pid for child in active_children() if child.pid is not None]


def _sum(figure: Callable[[Path], float], pids: list[int]) -> float:
    if not Path("/proc/self/smaps_rollup").exists():
        return math.nan
    return sum(figure(Path(f"/proc/{pid}")) for pid in pids)


def _held(process: Path) -> float:
    lines = (process / "smaps_rollup").read_text().splitlines()
    kilobytes = (line.split()[1] for line in lines if line.startswith(("Pss_Anon", "Pss_Shmem")))
    return sum(map(int, kilobytes)) * 1024


def _busy(process: Path) -> float:
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
