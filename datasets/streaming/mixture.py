"""The order of several stores together, each with its share of the draws."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shm.datasets.streaming.order import OrderError, ShardOrder, permutation, require_positions

BLOCK = 1000
"""Positions that are shuffled together. Another number is another order."""


class MixedDraws(NamedTuple):
    """Samples of several stores, one after the other.

    Attributes
    ----------
    stores : int64 array, (N,)
        Places of the stores in the list that was mixed.
    epochs, indices : int64 arrays, (N,)
        As in `Draws`, of that store.
    """

    stores: NDArray[np.int64]
    epochs: NDArray[np.int64]
    indices: NDArray[np.int64]


class _Block(NamedTuple):
    """Which store each position of a block is of, and what each has given before the block."""

    number: int
    stores: NDArray[np.int64]
    given: list[int]


class Mixture:
    """The endless order of several stores' samples: a pure function of orders, weights and seed.

    Of each `BLOCK` positions every store has its share; which positions are whose is random. The
    k-th of a store's draws is the k-th of its own order, so each of its samples comes once in each
    of its own epochs, and one store alone is drawn as if it were not mixed.

    Parameters
    ----------
    orders : sequence of ShardOrder
        One each store; the store's place here is what `MixedDraws.stores` tells.
    weights : sequence of float
        Positive, on any scale: 3 and 1 draw three samples of the first to one of the second.
        They stand for the numbers that are written: 0.3 and 0.7 are the same as 3 and 7.
    seed : object
        Whatever else the order shall depend on, as text.

    Raises
    ------
    OrderError
        There is no store, or not a positive weight for each.
    """

    def __init__(
        self, orders: Sequence[ShardOrder], weights: Sequence[float], seed: object
    ) -> None:
        if len(orders) != len(weights) or not orders:
            raise OrderError(f"{len(weights)} weights of {len(orders)} stores: give one each")
        if not all(isfinite(weight) and weight > 0 for weight in weights):
            raise OrderError(f"weights {list(weights)}: give positive numbers")
        self.orders, self.seed = tuple(orders), seed
        exact = [Fraction(str(weight)) for weight in weights]
        self._shares = [weight / sum(exact[place:]) for place, weight in enumerate(exact)]
        self._block = _Block(-1, np.empty(0, np.int64), [])

    @classmethod
    def of(
        cls, counts: Sequence[ArrayLike], weights: Sequence[float], seed: object, window: int
    ) -> "Mixture":
        """Mix stores of so many samples a shard; the arguments are `ShardOrder`'s and `Mixture`'s.

        Each store is shuffled by a seed of its own, the first one by `seed` itself: stores of the
        same people are not to show the same person at the same time.
        """
        seeds = [f"{seed}, store {place}" if place else seed for place in range(len(counts))]
        orders = [ShardOrder(each, own, window) for each, own in zip(counts, seeds, strict=True)]
        return cls(orders, weights, seed)

    def draws(self, start: int, count: int) -> MixedDraws:
        """Return the draws at positions `start` .. `start` + `count` - 1.

        Raises
        ------
        OrderError
            `start` or `count` is below 0.
        """
        require_positions(start, count)
        first, skipped = divmod(start, BLOCK)
        last = (start + count) // BLOCK
        blocks = [self._block_at(number) for number in range(first, last + 1)]
        stores = np.concatenate([block.stores for block in blocks])
        before, stores = stores[:skipped], stores[skipped : skipped + count]
        epochs, indices = np.empty(count, np.int64), np.empty(count, np.int64)
        for place, order in enumerate(self.orders):
            (own,) = np.nonzero(stores == place)
            given = blocks[0].given[place] + int(np.count_nonzero(before == place))
            epochs[own], indices[own] = order.draws(given, len(own))
        return MixedDraws(stores, epochs, indices)

    def _block_at(self, number: int) -> _Block:
        block = self._block
        if block.number != number:
            given = self.given(number * BLOCK)
            until = self.given((number + 1) * BLOCK)
            stores = np.repeat(np.arange(len(given)), np.subtract(until, given))
            stores = stores[permutation(BLOCK, self.seed, "mixture", number)]
            block = self._block = _Block(number, stores, given)
        return block

    def given(self, position: int) -> list[int]:
        """Return how many of the draws before a position, a multiple of `BLOCK`, are each store's.

        Each store in turn takes its share, rounded, of what the stores before it have left. For
        two stores that is the method of largest remainders. For more, it is the one of the two
        that never takes back what it gave (the Alabama paradox), and that needs no history. No
        store is ever off its share by more than half a draw for each store of the mixture.
        """
        given, left = [], position
        for share in self._shares:
            given.append(floor(left * share + Fraction(1, 2)))
            left -= given[-1]
        return given
