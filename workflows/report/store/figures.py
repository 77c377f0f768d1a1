"""The figures that a page shows of samples, and how those of many are distributed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.quality import LUMA, MEANINGS
from shm.pipeline.values import UNKNOWN

FINE = 1000
"""Bins in which is counted; they are merged into bars once it is known where the values lie."""

MOST_BARS = 32
"""Of fewer different values, twice the root of their number: else most bars would be empty."""


@dataclass(frozen=True)
class Figure:
    """A figure that samples are sorted by, listed with and counted by.

    Attributes
    ----------
    name : str
        As the records have it.
    title : str
        What people call it.
    top : float
        Histograms reach from 0 to this; what is larger counts as one bar.
    """

    name: str
    title: str
    top: float = 1.0

    @property
    def meaning(self) -> str:
        """Return what it says, with its unit."""
        return MEANINGS[self.name]


FIGURES = (
    Figure("quality", "Quality"),
    Figure("softness", "Softness"),
    Figure("unsupported", "Outline without an edge"),
    Figure("unknown", "Unknown region"),
    Figure("band_mean", "Unknown band", 500.0),
    Figure("subject", "Size of the subject"),
    Figure("brightness", "Brightness"),
)

OF_PIXELS = ("unknown", "subject", "brightness")
"""What is measured of a composite; its quality is that of its person's matte."""


def figures_of(names: Iterable[str] | None = None) -> list[Figure]:
    """Return all figures, or those of these names, in their order."""
    wanted = None if names is None else set(names)
    return [each for each in FIGURES if wanted is None or each.name in wanted]


def measured(arrays: Mapping[str, NDArray[np.uint8]]) -> dict[str, float]:
    """Return the figures that pixels say by themselves, as `measure_quality` defines them.

    Parameters
    ----------
    arrays : dict of uint8 arrays
        ``image`` (H, W, 3), ``alpha`` and ``trimap`` (H, W).
    """
    colour = arrays["image"].mean((0, 1), dtype=np.float64) / 255
    return {
        "unknown": float((arrays["trimap"] == UNKNOWN).mean()),
        "subject": float(arrays["alpha"].mean(dtype=np.float64)) / 255,
        "brightness": float((colour * LUMA).sum()),
    }


@dataclass(frozen=True, kw_only=True)
class Bar:
    """How many samples have a figure from `low` to `high`; `words` say that."""

    low: float
    high: float
    count: int
    words: str


@dataclass(kw_only=True)
class Histogram:
    """Counts of one figure, in memory that does not depend on how many samples there are.

    Parameters
    ----------
    figure : Figure
    counts : int64 array, (FINE,)
    above : int
        How many values exceed the figure's top.
    """

    figure: Figure
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(FINE, np.int64))
    above: int = 0
    least: float = float("inf")
    most: float = float("-inf")
    sum: float = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count a value, so many times."""
        if value > self.figure.top:
            self.above += times
        else:
            place = min(FINE - 1, max(0, int(value / self.figure.top * FINE)))
            self.counts[place] += times
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.sum += value * times

    @property
    def total(self) -> int:
        """Return how many values were counted."""
        return int(self.counts.sum()) + self.above

    @property
    def mean(self) -> float:
        """Return the mean of the values."""
        return self.sum / max(1, self.total)

    def bars(self) -> list[Bar]:
        """Return bars of one width, from the least value to the largest or to the top."""
        there = np.flatnonzero(self.counts)
        bars = []
        if len(there):
            first, last = int(there[0]), FINE if self.above else int(there[-1]) + 1
            some = min(MOST_BARS, max(1, round(2 * len(there) ** 0.5)))
            width = -(-(last - first) // some)
            bars = [
                self._bar(start, min(start + width, last)) for start in range(first, last, width)
            ]
        if self.above:
            top = self.figure.top
            words = f"{top:.3g} and more (largest {self.most:.3g})"
            bars.append(Bar(low=top, high=self.most, count=self.above, words=words))
        return bars

    def _bar(self, start: int, stop: int) -> Bar:
        low, high = (place * self.figure.top / FINE for place in (start, stop))
        count = int(self.counts[start:stop].sum())
        return Bar(low=low, high=high, count=count, words=f"{low:.3g} to {high:.3g}")


def histograms(names: Iterable[str] | None = None) -> list[Histogram]:
    """Return the empty histograms of all figures, or of those of these names."""
    return [Histogram(figure=each) for each in figures_of(names)]


def count(found: Iterable[Histogram], figures: Mapping[str, float], times: int = 1) -> None:
    """Count a sample's figures, so many times; those that it does not have are left out."""
    for each in found:
        if each.figure.name in figures:
            each.add(figures[each.figure.name], times)
