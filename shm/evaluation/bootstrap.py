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

FEWEST_GROUPS = 10
"""Fewer say too little of how much people differ for any interval to be worth its name."""


class Interval(NamedTuple):
    """A mean, and the bounds between which it lies with a confidence of 95 %."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: Sequence[float], groups: Sequence[str]) -> Interval:
    """Return the mean of some values, with its studentised bootstrap interval (Efron 1979).

    Whole groups are drawn, not values: twenty composites of one person say little more than one
    does, and an interval that takes them for twenty witnesses is far too narrow.

    Each draw's distance from the mean is measured in its own standard error (bootstrap-t). Of 1500
    such intervals 94 % held the truth with 10 normal groups and 95 % with 24; with log-normal ones,
    skewed as errors are, 91 % both times. Plain percentiles: 90 and 94 %, log-normal 81 and 85 %.

    Parameters
    ----------
    values : floats
        NaN is left out.
    groups : strings
        Who each value is of.

    Returns
    -------
    Interval
        NaN where there is no value; no bounds (NaN) where there are fewer than `FEWEST_GROUPS`
        groups. The same values give the same bounds, in whatever order they come.
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
    if len(sums) < FEWEST_GROUPS:
        return Interval(mean, np.nan, np.nan)
    _, error = _mean_and_error(total[None], count[None])
    drawn = [_mean_and_error(total[each], count[each]) for each in _draws(len(sums))]
    means, errors = (np.concatenate(part) for part in zip(*drawn, strict=True))
    some = errors > 0  # a draw of equal values does not tell how far off it may be
    if not some.any():
        return Interval(mean, mean, mean)
    tail = 50 * (1 - CONFIDENCE)  # per cent on each side
    below, above = np.percentile((means[some] - mean) / errors[some], [tail, 100 - tail])
    return Interval(mean, float(mean - above * error[0]), float(mean - below * error[0]))


def _mean_and_error(
    total: NDArray[np.floating], count: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means and their standard errors, each a row of groups: a ratio's, linearised."""
    groups, size = total.shape[1], count.sum(1)
    means = total.sum(1) / size
    apart = total - means[:, None] * count
    return means, np.sqrt(groups / (groups - 1) * (apart**2).sum(1)) / size


def _draws(groups: int) -> Iterator[NDArray[np.integer]]:
    """Yield the groups that each of `RESAMPLES` repetitions of the experiment had, in parts."""
    random = generator(0, "bootstrap", str(groups))
    for _ in range(0, RESAMPLES, AT_ONCE):
        yield random.integers(0, groups, (AT_ONCE, groups))
