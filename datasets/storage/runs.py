"""Ranges of bytes, and the fewer, longer runs in which they are read.

Ranges and runs are half open, (start, stop), in bytes from the start of an object.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]


def merge(ranges: Sequence[Range], gap: int) -> list[Range]:
    """Return the runs, in order, that cover all ranges.

    Ranges with at most `gap` bytes between them share a run: to read these few bytes costs less
    than to ask twice. Empty ranges need no run.

    Raises
    ------
    ValueError
        A range stops before it starts, or starts before the object does.
    """
    runs: list[Range] = []
    for start, stop in sorted(ranges):
        if not 0 <= start <= stop:
            raise ValueError(f"[{start}, {stop}) is no range of bytes")
        if start == stop:
            continue
        if runs and start - runs[-1][1] <= gap:
            runs[-1] = runs[-1][0], max(stop, runs[-1][1])
        else:
            runs.append((start, stop))
    return runs


def split(run: Range, longest: int) -> list[Range]:
    """Cut a run into pieces of at most `longest` bytes."""
    start, stop = run
    return [(at, min(at + longest, stop)) for at in range(start, stop, longest)]


def cut(ranges: Sequence[Range], runs: Sequence[Range], contents: Sequence[bytes]) -> list[bytes]:
    """Cut the ranges out of the contents of the runs that `merge` made of them."""
    starts = [start for start, _ in runs]
    found = []
    for start, stop in ranges:
        if start == stop:
            found.append(b"")
            continue
        place = bisect_right(starts, start) - 1
        first = starts[place]
        found.append(contents[place][start - first : stop - first])
    return found
