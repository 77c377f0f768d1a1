"""How the figures of a store's samples are distributed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FINE = 1000
"""Bins in which is counted; they are merged into bars once it is known where the values lie."""

BARS = 8, 32
"""Fewest and most; between them twice the root of how many values there are."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """How many samples have a figure from `low` to `high`."""

    low: float
    high: float
    count: int


@dataclass(kw_only=True)
class Histogram:
    """Counts of one figure, in memory that does not depend on how many samples there are.

    Parameters
    ----------
    name : str
        As the records have it.
    title, unit : str
    top : float
        Values lie between 0 and this; larger ones are counted in the last bin.
    """

    name: str
    title: str
    unit: str
    top: float
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(FINE, np.int64))
    least: float = float("inf")
    most: float = float("-inf")
    sum: float = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count a value, so many times."""
        place = min(FINE - 1, max(0, int(value / self.top * FINE)))
        self.counts[place] += times
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.sum += value * times

    @property
    def total(self) -> int:
        """Return how many values were counted."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Return the mean of the values."""
        return self.sum / max(1, self.total)

    def bars(self) -> list[Bar]:
        """Return bars of one width, from the least value to the largest."""
        there = np.flatnonzero(self.counts)
        if not len(there):
            return []
        first, last = int(there[0]), int(there[-1]) + 1
        bars = int(np.clip(2 * self.total**0.5, *BARS))
        width = max(1, -(-(last - first) // bars))
        step = self.top / FINE
        return [
            Bar(
                low=start * step,
                high=(start + width) * step,
                count=int(self.counts[start : start + width].sum()),
            )
            for start in range(first, last, width)
        ]


def histograms() -> list[Histogram]:
    """Return the empty histograms of a store of people or of their composites."""
    share = "share of the photo"
    return [
        Histogram(name="quality", title="Quality", unit="0 to 1", top=1.0),
        Histogram(name="unknown", title="Unknown region", unit=share, top=1.0),
        Histogram(name="band_mean", title="Width of the unknown band", unit="pixels", top=500.0),
        Histogram(name="subject", title="Size of the subject", unit=share, top=1.0),
        Histogram(name="brightness", title="Brightness of the photo", unit="mean luma", top=1.0),
    ]


def count(found: list[Histogram], figures: Mapping[str, float], times: int = 1) -> None:
    """Count a sample's figures, so many times; those that it does not have are left out."""
    for each in found:
        if each.name in figures:
            each.add(figures[each.name], times)
