"""What an order of ten million samples takes, and how random it is.

Orders are made for shards of as many samples each. The baseline is what is commonly done: a
permutation of all samples, an epoch. Each way runs in processes of its own:

- `first`, `middle`: seconds from nothing to the first batch, of the epoch or of its second half,
  as where training goes on; the most bytes that NumPy and Python held meanwhile.
- `all`: the same of all batches of an epoch, one after the other; `us a batch` of them.
- `process MB` is the most that the process has held, its imports included.
- `exact`: whether the draws of an epoch are all different, so that none is missing.

Then, what shuffling no more than a window of shards together costs in randomness:

- `of one shard`: the most draws of a batch that are of the same shard, on average; `shards` is how
  many shards a batch is of.
- `displacement`: how far a sample is drawn from its place in the store, on average, in parts of the
  epoch: 1/3 where shards alone are shuffled, too.
- `neighbours`: how many draws lie between samples that lie side by side in a shard, on average, as
  composites of the same person do.

    python benchmarks/order.py
"""

import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.alone import alone
from benchmarks.common.table import finite, show
from shm.datasets.streaming.mixture import MixedDraws, Mixture
from shm.datasets.streaming.order import Draws, ShardOrder
from shm.datasets.streaming.ranks import Order, of_rank
from shm.pipeline.seed import generator

Row = dict[str, Any]
Make = Callable[[], Order[Draws | MixedDraws]]

WINDOWS = (1, 4, 16, 64, 256)
"""How many shards are shuffled together, in the second table; and all."""

MANY = 100_000
"""Draws at a time, where a batch is not what is measured."""


class FullPermutation:
    """All samples of an epoch, permuted at once."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def draws(self, start: int, count: int) -> Draws:
        """Return the draws at positions that are all of one epoch."""
        epoch, place = divmod(start, self.samples)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = generator(0, "order", epoch).permutation(self.samples)
        return Draws(np.full(count, epoch), self._order[place : place + count])


def shard_order(samples: int, shards: int, window: int) -> ShardOrder:
    """Return the order of one store."""
    return ShardOrder(np.full(shards, samples // shards), 0, window)


def two_stores(samples: int, shards: int, window: int) -> Mixture:
    """Return the order of a store and of one that is as large, drawn a tenth as often."""
    halves = [np.full(half, samples // shards) for half in (shards // 2, shards - shards // 2)]
    return Mixture.of(halves, [10, 1], 0, window)


# ------------------------------------------------------------------------------------ what it takes


def seconds(make: Make, samples: int, batch: int) -> Row:
    """Return the times to a first batch, to one in the middle, and of all batches."""
    began = time.perf_counter()
    order = make()
    built = time.perf_counter()
    order.draws(0, batch)
    first = time.perf_counter()
    make().draws(samples // 2, batch)
    middle = time.perf_counter()
    batches = samples // batch
    for _ in islice(of_rank(order, 0, batch, 0, 1), batches):
        pass
    every = time.perf_counter() - middle
    return {
        "build s": built - began,
        "first s": first - began,
        "middle s": middle - first,
        "all s": every,
        "us a batch": every / batches * 1e6,
    }


def megabytes(make: Make, samples: int, batch: int) -> Row:
    """Return the most that was held to each batch of `seconds`, of what Python knows."""
    generator(0).bit_generator.random_raw(1)  # what is loaded at first use is no order's
    return {
        "first MB": traced(lambda: make().draws(0, batch)),
        "middle MB": traced(lambda: make().draws(samples // 2, batch)),
        "all MB": traced(lambda: draw_all(make(), samples)),
    }


def traced(call: Callable[[], object]) -> float:
    """Return the most megabytes that a call holds."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def draw_all(order: Order[Draws | MixedDraws], samples: int) -> None:
    """Draw an epoch, and keep nothing of it."""
    for _ in islice(of_rank(order, 0, 1000, 0, 1), samples // 1000):
        pass


def exact(make: Make, samples: int) -> bool:
    """Tell whether an epoch's draws are all different: then each sample is drawn, and once."""
    order = make()
    keys = np.empty(samples, np.int64)
    for start in range(0, samples, MANY):
        *numbers, indices = order.draws(start, min(MANY, samples - start))
        key = np.zeros_like(indices)
        for number in numbers:  # the epoch, and in mixtures the store before it
            key = key * 1000 + number
        keys[start : start + MANY] = key * samples + indices
    keys.sort()
    return bool((np.diff(keys) > 0).all())


def cost_row(way: str, make: Make, samples: int, batch: int) -> Row:
    """Return what one way takes."""
    timed = alone(seconds, make, samples, batch)
    return (
        {"way": way}
        | timed.result
        | alone(megabytes, make, samples, batch).result
        | {"process MB": timed.peak / 1e6, "exact": alone(exact, make, samples).result}
    )


# --------------------------------------------------------------------------------- how random it is


def randomness(make: Make, samples: int, shards: int, batch: int) -> Row:
    """Return how well an epoch is mixed."""
    indices = make().draws(0, samples).indices
    counts = same_shard(indices[: samples // batch * batch] // (samples // shards), batch)
    places = np.empty(samples, np.int64)
    places[indices] = np.arange(samples)
    apart = np.abs(np.diff(places.reshape(shards, -1), axis=1))
    return {
        "of one shard": float(counts[0].mean()),
        "shards": float(counts[1].mean()),
        "displacement": float(np.abs(places - np.arange(samples)).mean() / samples),
        "neighbours": float(apart.mean()),
    }


def same_shard(
    shards: NDArray[np.int64], batch: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, of each batch, the most draws that are of one shard, and how many shards it is of.

    Parameters
    ----------
    shards : int64 array, (batches · batch,)
        The shard of each draw.
    """
    ordered = np.sort(shards.reshape(-1, batch), axis=1)
    most = np.ones(len(ordered), np.int64)
    for many in range(2, batch + 1):  # as many alike lie side by side, once they are sorted
        most[(ordered[:, many - 1 :] == ordered[:, : batch - many + 1]).any(axis=1)] = many
    return most, 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)


@click.command()
@click.option("--samples", default=10_000_000, show_default=True)
@click.option("--shards", default=100_000, show_default=True, help="Of as many samples each.")
@click.option("--window", default=64, show_default=True, help="Shards, of the first table.")
@click.option("--batch", default=10, show_default=True)
@click.option("--quick", is_flag=True, help="Few samples, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(
    samples: int, shards: int, window: int, batch: int, quick: bool, json_path: Path | None
) -> None:
    """Print what each order takes, and how random those of more and larger windows are."""
    if quick:
        samples, shards, window = 20_000, 400, 16
    if samples % shards or samples % batch:
        raise click.UsageError(f"{samples} samples: no multiple of {shards} shards, or of {batch}")
    naive = partial(FullPermutation, samples)
    ways: dict[str, Make] = {
        "permutation(n)": naive,
        f"window of {window}": partial(shard_order, samples, shards, window),
        "two stores": partial(two_stores, samples, shards, window),
    }
    costs = [cost_row(way, make, samples, batch) for way, make in ways.items()]
    print(f"{samples} samples, {shards} shards, batches of {batch}")
    show(costs)
    orders: dict[str, Make] = {
        str(each): partial(shard_order, samples, shards, each) for each in WINDOWS if each < shards
    }
    orders |= {"all": partial(shard_order, samples, shards, shards), "permutation(n)": naive}
    mixing = [
        {"window": name} | alone(randomness, make, samples, shards, batch).result
        for name, make in orders.items()
    ]
    show(mixing)
    if json_path is not None:
        json_path.write_text(json.dumps(finite({"cost": costs, "randomness": mixing}), indent=2))


if __name__ == "__main__":
    main()
