"""Numbers that are drawn between two bounds."""

from collections.abc import Sequence
from typing import TypeAlias

from shm.pipeline.errors import ShmError

Range: TypeAlias = tuple[float, float]
"""Bounds, the lower first."""


class RangeError(ShmError, ValueError):
    """A text is no range."""


def range_words(bounds: Sequence[float]) -> str:
    """Return the text that `parse_range` reads as these bounds."""
    low, high = bounds
    return f"{low:g}" if low == high else f"{low:g},{high:g}"


def parse_range(text: str) -> Range:
    """Read ``2`` or ``0.5,2``: a number, or the two that it lies between; none below 0."""
    try:
        numbers = [float(part) for part in text.split(",")]
        low, high = numbers * 2 if len(numbers) == 1 else numbers
    except ValueError:
        raise RangeError(f"{text!r}: write a number, or two with a comma: low,high") from None
    if not 0 <= low <= high < float("inf"):
        raise RangeError(f"{text!r}: the first no larger than the second, neither below 0")
    return low, high
