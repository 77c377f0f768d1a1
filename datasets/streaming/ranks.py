"""Who draws what: the batches of each rank, of an order that all ranks share."""

from collections.abc import Iterator
from itertools import count
from typing import Protocol, TypeVar

from shm.datasets.streaming.order import OrderError, require_positions

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Order(Protocol[T_co]):
    """What has draws without end: `ShardOrder`, `Mixture`."""

    def draws(self, start: int, count: int) -> T_co:
        """Return the draws at positions `start` .. `start` + `count` - 1."""


def of_rank(order: Order[T], start: int, batch: int, rank: int, world: int) -> Iterator[T]:
    """Return the batches of one rank, without end.

    Step s of all ranks takes positions `start` + [s · `world` · `batch`, (s + 1) · `world` ·
    `batch`) of the order, and each rank as many in a row. So ranks have equal work, and any number
    of them, with batches of any size, carries on where others have stopped: after s steps, at
    position `start` + s · `world` · `batch`, which is all that must be remembered.

    Parameters
    ----------
    start : int
        Position from which on there is to draw: 0, or what has been drawn by all ranks together.
    batch : int
        Samples of a batch of this rank; the other ranks' batches have as many.
    rank, world : int
        Which of how many.

    Raises
    ------
    OrderError
        `start` is below 0, a batch has no sample, or there is no such rank.
    """
    require_positions(start, batch)
    if batch < 1:
        raise OrderError("a batch without a sample: give 1 or more")
    if not 0 <= rank < world:
        raise OrderError(f"rank {rank} of {world}: ranks are 0 .. {world - 1}")
    return (order.draws(first, batch) for first in count(start + rank * batch, world * batch))
