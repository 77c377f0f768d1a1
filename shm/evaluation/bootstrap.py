"""How sure a mean is."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.seed import generator

RESAMPLES = 2000
AT_ONCE = 50
"""Of them, so that memory stays small with 100,000 groups."""

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean, and the bounds between which it lies with a confidence of 95 %."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: Sequence[float], groups: Sequence[str]) -> Interval:
    """Return the mean of some values, with its bootstrap interval (Efron 1979, percentiles).

    Whole groups are drawn, not values: twenty composites of one person say little more than one
    does, and an interval that takes them for twenty witnesses is far too narrow.

    Parameters
    ----------
    values : floats
        NaN is left out.
    groups : strings
        Who each value is of.

    Returns
    -------
    Interval
        NaN where there is no value; no bounds (NaN) where there is only one group. The same values
        give the same bounds, in whatever order they come.
    """
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    there = ((group, value) for group, value in zip(groups, values, strict=True) if value == value)
    for group, value in sorted(there):
        sums[group] = sums.get(group, 0.0) + value
        counts[group] = counts.get(group, 0) + 1
    if not sums:
        return Interval(np.nan, np.nan, np.nan)
    total, count = np.array(list(sums.values())), np.array(list(counts.values()))
    mean = float(total.sum() / count.sum())
    if len(sums) == 1:
        return Interval(mean, np.nan, np.nan)
    drawn = _draws(len(sums))
    means = np.concatenate([total[each].sum(1) / count[each].sum(1) for each in drawn])
    tail = 50 * (1 - CONFIDENCE)  # per cent on each side
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(mean, float(low), float(high))


def _draws(groups: int) -> Iterator[NDArray[np.integer]]:
    """Yield the groups that each of `RESAMPLES` repetitions of the experiment had, in parts."""
    random = generator(0, "bootstrap", str(groups))
    for _ in range(0, RESAMPLES, AT_ONCE):
        yield random.integers(0, groups, (AT_ONCE, groups))
