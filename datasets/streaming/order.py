"""The order in which the samples of a store are drawn: shuffled, without end, from any position on.

Shards are shuffled, and then the samples of some neighbouring shards, a window, together. What is
held at a time is that of one window, and what is computed to begin anywhere, too: of order shards
and samples of a window, never of order samples.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.seed import generator


class OrderError(ShmError, ValueError):
    """There is nothing to draw, or a position, share or weight is none."""


class Draws(NamedTuple):
    """Samples of a store, one after the other.

    Attributes
    ----------
    epochs : int64 array, (N,)
        How many times all of the samples have been drawn before.
    indices : int64 array, (N,)
        Places of the samples in their split, 0 .. samples - 1.
    """

    epochs: NDArray[np.int64]
    indices: NDArray[np.int64]


class _Epoch(NamedTuple):
    """The shards of an epoch as they are shuffled, and its windows.

    Window w is of shards `edges[w]` .. `edges[w + 1]` - 1, and begins at place `starts[w]`.
    """

    number: int
    shards: NDArray[np.int64]
    edges: NDArray[np.int64]
    starts: NDArray[np.int64]


class _Window(NamedTuple):
    """The samples of a window as they are drawn, from place `start` of the epoch on."""

    epoch: int
    start: int
    indices: NDArray[np.int64]


class ShardOrder:
    """The endless order of a store's samples: a pure function of counts, seed and window.

    Epoch follows epoch, and each has every sample once. All shards are shuffled anew in each, then
    the samples of every window of neighbouring shards. The windows of an epoch have as many shards
    as one another, or one less, so that none is left with a few shards only.

    Parameters
    ----------
    counts : integers, (shards,)
        How many samples of the split are in each shard; 0 where there are none. The split's
        samples are indexed shard by shard.
    seed : object
        Whatever else the order shall depend on, as text.
    window : int
        How many shards are shuffled together, at most: 1 shuffles within each shard, as many as
        there are, or more, shuffle all samples.

    Attributes
    ----------
    samples : int
        Draws of an epoch.

    Raises
    ------
    OrderError
        There is no sample, a count is none, or the window has no shard.
    """

    def __init__(self, counts: ArrayLike, seed: object, window: int) -> None:
        given = np.asarray(counts)
        if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
            raise OrderError(
                f"counts of {given.dtype} {given.shape}: give an integer for each shard"
            )
        if given.size and given.min() < 0:
            raise OrderError(f"{given.min()} samples in shard {given.argmin()}: give 0 or more")
        if window < 1:
            raise OrderError(f"a window of {window} shards: give 1 or more")
        self._counts = given[given > 0].astype(np.int64)
        self._firsts = np.cumsum(self._counts) - self._counts
        self.samples = int(self._counts.sum())
        if not self.samples:
            raise OrderError(f"none of {given.size} shards has a sample: there is nothing to draw")
        self.seed, self.window = seed, window
        none = np.empty(0, np.int64)
        self._epoch, self._drawn = _Epoch(-1, none, none, none), _Window(-1, 0, none)

    def draws(self, start: int, count: int) -> Draws:
        """Return the draws at positions `start` .. `start` + `count` - 1.

        Raises
        ------
        OrderError
            `start` or `count` is below 0.
        """
        require_positions(start, count)
        epochs, indices = np.empty(count, np.int64), np.empty(count, np.int64)
        done = 0
        while done < count:
            epoch, place = divmod(start + done, self.samples)
            window = self._window_at(epoch, place)
            part = window.indices[place - window.start :][: count - done]
            epochs[done : done + len(part)] = epoch
            indices[done : done + len(part)] = part
            done += len(part)
        return Draws(epochs, indices)

    def _window_at(self, epoch: int, place: int) -> _Window:
        drawn = self._drawn
        if drawn.epoch != epoch or not 0 <= place - drawn.start < len(drawn.indices):
            plan = self._plan(epoch)
            number = int(np.searchsorted(plan.starts, place, side="right")) - 1
            shards = plan.shards[plan.edges[number] : plan.edges[number + 1]]
            samples = ranges(self._firsts[shards], self._counts[shards])
            samples = samples[permutation(len(samples), self.seed, "window", epoch, number)]
            drawn = self._drawn = _Window(epoch, int(plan.starts[number]), samples)
        return drawn

    def _plan(self, epoch: int) -> _Epoch:
        plan = self._epoch
        if plan.number != epoch:
            shards = permutation(len(self._counts), self.seed, "shards", epoch)
            windows = -(-len(shards) // self.window)
            edges = np.arange(windows + 1) * len(shards) // windows
            before = np.cumsum(self._counts[shards]) - self._counts[shards]
            plan = self._epoch = _Epoch(epoch, shards, edges, before[edges[:-1]])
        return plan


def ranges(firsts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return first, first + 1, .. of each of some ranges of so many, one range after the other."""
    before = np.cumsum(counts) - counts
    return np.repeat(firsts - before, counts) + np.arange(counts.sum())


def permutation(count: int, *parts: object) -> NDArray[np.int64]:
    """Return 0 .. `count` - 1 in the random order of these parts, whatever NumPy's version.

    NumPy keeps the raw numbers of its bit generators as they are, but not what its `permutation`
    makes of them (NEP 19): a training run may outlive the NumPy that it began with.
    """
    keys = generator(*parts).bit_generator.random_raw(count)
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


def require_positions(start: int, count: int) -> None:
    """Raise `OrderError` where these can't be positions of an order."""
    if start < 0 or count < 0:
        raise OrderError(f"{count} draws from position {start} on: neither can be below 0")
