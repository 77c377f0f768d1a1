"""What is streamed: one store or several, each with its share, in one order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shm.datasets.group import Access
from shm.datasets.opening import open_samples, slots_of_split
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.storage.location import Location
from shm.datasets.streaming.mixture import Mixture
from shm.datasets.streaming.reader import BatchDraws, Draw
from shm.pipeline.seed import generator

WINDOW = 256
"""Shards whose samples are shuffled together."""

SPARES = 4
"""Samples that may take the place of one: enough where half of a store is damaged."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A store of which samples are drawn, and how many in relation to the other stores."""

    path: Location
    weight: float = 1.0


class SourceOrder:
    """The order in which samples of one split of some stores are drawn: positions to draws.

    Parameters
    ----------
    sources : sequence of Source
    split : str
    seed : object
    window : int
        Shards of a store whose samples are shuffled together.
    spare : bool
        Draw `SPARES` times as many again, to take the place of those that can't be read.
    cache : CacheConfig, optional

    Raises
    ------
    StoreError
        A store can't be opened, or its split is empty.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        split: str,
        seed: object,
        window: int = WINDOW,
        spare: bool = False,
        cache: CacheConfig | None = None,
    ) -> None:
        stores = [open_samples(source.path, access=Access(cache=cache)) for source in sources]
        self._slots = [slots_of_split(store, split) for store in stores]
        self._seed, self._spare = seed, spare
        counts = [
            np.bincount(slots // store.shard)
            for slots, store in zip(self._slots, stores, strict=True)
        ]
        weights = [source.weight for source in sources]
        self._order = Mixture.of(counts, weights, seed, window)

    def draws(self, start: int, count: int) -> BatchDraws:
        """Return the draws at positions `start` .. `start` + `count` - 1.

        The spare ones are random samples of the same stores.
        """
        stores, epochs, indices = (each.tolist() for each in self._order.draws(start, count))
        drawn = list(zip(stores, epochs, indices, strict=True))
        draws = tuple(Draw(at, epoch, int(self._slots[at][index])) for at, epoch, index in drawn)
        if not self._spare:
            return BatchDraws(draws)
        random = generator(self._seed, "spare", start)
        spares = (
            Draw(at, epoch, int(random.choice(self._slots[at]))) for at, epoch, _ in SPARES * drawn
        )
        return BatchDraws(draws, tuple(spares))
