"""The order of a store's samples, and the batches of its ranks."""

import itertools
import tracemalloc
from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shm.datasets.streaming.order import OrderError, ShardOrder, permutation
from shm.datasets.streaming.ranks import of_rank

COUNTS = st.lists(st.integers(0, 12), min_size=1, max_size=20).filter(any)
SEEDS = st.integers(0, 3)
WINDOWS = st.integers(1, 25)
WORLDS = st.integers(1, 5)
BATCHES = st.integers(1, 7)


def positions_of(order: ShardOrder, start: int, count: int) -> list[tuple[int, int]]:
    """Return draws as tuples, of the same order, not used before."""
    drawn = ShardOrder(order._counts, order.seed, order.window).draws(start, count)
    return list(zip(drawn.epochs.tolist(), drawn.indices.tolist(), strict=True))


def of_ranks(
    order: ShardOrder, start: int, batch: int, world: int, steps: int
) -> list[tuple[int, int]]:
    """Return what all ranks have drawn after so many steps, in the order of the positions."""
    ranks = [of_rank(order, start, batch, rank, world) for rank in range(world)]
    found = [next(ranks[rank]) for _ in range(steps) for rank in range(world)]
    assert all(len(batches.indices) == batch for batches in found)
    return [draw for each in found for draw in zip(*map(np.ndarray.tolist, each), strict=True)]


@given(counts=COUNTS, seed=SEEDS, window=WINDOWS, epochs=st.integers(1, 3))
@example(counts=[1], seed=0, window=1, epochs=3)
@example(counts=[0, 0, 5, 0], seed=0, window=9, epochs=3)
def test_every_sample_comes_exactly_once_an_epoch(
    counts: list[int], seed: int, window: int, epochs: int
) -> None:
    order = ShardOrder(counts, seed, window)
    drawn = order.draws(0, epochs * order.samples)
    assert order.samples == sum(counts)
    for epoch, indices in enumerate(drawn.indices.reshape(epochs, -1)):
        assert sorted(indices) == list(range(order.samples))
        own = drawn.epochs[epoch * order.samples : (epoch + 1) * order.samples]
        assert set(own.tolist()) == {epoch}


@given(counts=COUNTS, seed=SEEDS, window=WINDOWS)
def test_no_more_shards_than_a_window_are_read_at_a_time(
    counts: list[int], seed: int, window: int
) -> None:
    order = ShardOrder(counts, seed, window)
    shard_of = np.repeat(np.arange(len(counts)), counts)
    shards = shard_of[order.draws(0, order.samples).indices]
    places = [np.flatnonzero(shards == shard) for shard in np.unique(shards)]
    read = [sum(own[0] <= place <= own[-1] for own in places) for place in range(order.samples)]
    assert max(read) <= window


def test_windows_are_as_large_as_one_another() -> None:
    order = ShardOrder([10] * 65, 0, 64)  # not 64 shards and then one by itself
    shards = order.draws(0, order.samples).indices // 10
    first, second = set(shards[:320].tolist()), set(shards[320:].tolist())
    assert (len(first), len(second)) == (32, 33)
    assert not first & second


@given(
    counts=COUNTS,
    seed=SEEDS,
    window=WINDOWS,
    cuts=st.lists(st.integers(0, 400), min_size=1, max_size=12),
)
def test_draws_are_the_same_however_they_are_cut_and_in_whichever_order(
    counts: list[int], seed: int, window: int, cuts: list[int]
) -> None:
    order = ShardOrder(counts, seed, window)
    whole = positions_of(order, 0, 400)
    for start in cuts:  # backwards, too
        count = min(start % 37, 400 - start)
        drawn = order.draws(start, count)
        found = list(zip(drawn.epochs.tolist(), drawn.indices.tolist(), strict=True))
        assert found == whole[start : start + count]
        if count:
            (epoch,), (index,) = order.draws(start, 1)
            assert (epoch, index) == whole[start]


@given(counts=COUNTS, seed=SEEDS, window=WINDOWS, world=WORLDS, batch=BATCHES)
def test_ranks_share_the_order_and_none_works_more(
    counts: list[int], seed: int, window: int, world: int, batch: int
) -> None:
    order = ShardOrder(counts, seed, window)
    steps = -(-order.samples // (world * batch))
    found = of_ranks(order, 0, batch, world, steps)
    assert found == positions_of(order, 0, steps * world * batch)
    first = [index for epoch, index in found if epoch == 0]
    assert sorted(first) == list(range(order.samples))


@given(
    counts=COUNTS,
    window=WINDOWS,
    worlds=st.lists(st.tuples(WORLDS, BATCHES, st.integers(0, 6)), min_size=1, max_size=5),
)
def test_any_number_of_ranks_carries_on_at_any_sample(
    counts: list[int], window: int, worlds: list[tuple[int, int, int]]
) -> None:
    order = ShardOrder(counts, 0, window)
    found: list[tuple[int, int]] = []
    for world, batch, steps in worlds:
        found += of_ranks(order, len(found), batch, world, steps)
    assert found == positions_of(order, 0, len(found))


@given(counts=COUNTS, workers=st.integers(1, 4), batch=BATCHES)
def test_any_number_of_workers_draws_the_same(counts: list[int], workers: int, batch: int) -> None:
    # Each worker has an order of its own, and every so many-th batch, as a DataLoader deals them.
    dealt = [
        islice(of_rank(ShardOrder(counts, 0, 4), 0, batch, 0, 1), worker, None, workers)
        for worker in range(workers)
    ]
    found = [next(dealt[number % workers]) for number in range(12)]
    indices = np.concatenate([each.indices for each in found])
    assert np.array_equal(indices, ShardOrder(counts, 0, 4).draws(0, 12 * batch).indices)


@given(counts=COUNTS, window=WINDOWS)
def test_empty_shards_change_nothing(counts: list[int], window: int) -> None:
    padded = [count for each in counts for count in (0, each)]
    one, other = ShardOrder(counts, 0, window), ShardOrder(padded, 0, window)
    assert np.array_equal(one.draws(0, 60), other.draws(0, 60))


def test_seeds_and_epochs_have_orders_of_their_own() -> None:
    orders = [ShardOrder([50] * 20, seed, 4) for seed in (0, 1)]
    epochs = [order.draws(epoch * 1000, 1000).indices for order in orders for epoch in (0, 1)]
    for one, other in itertools.combinations(epochs, 2):
        assert np.count_nonzero(one == other) < 20  # of permutations of 1000, one on average


def test_a_window_of_all_shards_is_as_random_as_a_full_shuffle() -> None:
    order = ShardOrder([100] * 100, 0, 100)
    indices = order.draws(0, 10_000).indices
    displacement = np.abs(indices - np.arange(10_000)).mean() / 10_000
    assert displacement == pytest.approx(1 / 3, abs=0.01)
    shards = np.sort(indices.reshape(-1, 10) // 100, axis=1)
    distinct = 1 + np.count_nonzero(np.diff(shards, axis=1), axis=1)
    assert distinct.mean() == pytest.approx(100 * (1 - 0.99**10), abs=0.05)


def test_a_permutation_favours_nobody() -> None:
    counts = np.zeros((6, 6), int)
    for trial in range(3000):
        counts[np.arange(6), permutation(6, 0, "favours", trial)] += 1
    # χ² of 25 degrees of freedom exceeds 52.6 once in a thousand times.
    assert ((counts - 500) ** 2 / 500).sum() < 52.6


def test_the_order_is_what_it_was_in_earlier_versions() -> None:
    order = ShardOrder([3, 0, 2, 4, 1], 0, 2)
    epochs, indices = order.draws(0, 22)
    assert epochs.tolist() == [0] * 10 + [1] * 10 + [2] * 2
    assert indices[:10].tolist() == [1, 6, 0, 5, 7, 2, 8, 9, 4, 3]
    assert indices[10:].tolist() == [0, 1, 2, 9, 8, 6, 3, 7, 5, 4, 3, 4]
    large = ShardOrder(np.full(1000, 100), "seed", 64)
    assert large.draws(12_345_678, 5).indices.tolist() == [8279, 8247, 57093, 8244, 77182]
    assert [each.tolist() for each in large.draws(10**15, 1)] == [[10**10], [90217]]


def test_anywhere_in_ten_million_samples_only_a_window_of_them_is_held() -> None:
    order = ShardOrder(np.full(100_000, 100), 0, 64)
    tracemalloc.start()
    try:
        order.draws(25_000_000, 1000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 50 * (100_000 + 64 * 100)  # bytes a shard, and a sample of the window


def test_a_store_without_samples_has_no_order() -> None:
    for counts in ([], [0], [0, 0, 0]):
        with pytest.raises(OrderError, match="nothing to draw"):
            ShardOrder(counts, 0, 4)


@pytest.mark.parametrize(
    ("counts", "window", "told"),
    [
        ([3, -1], 1, "-1 samples in shard 1"),
        ([0.5, 2], 1, "an integer for each shard"),
        ([[1, 2]], 1, "an integer for each shard"),
        ([1], 0, "a window of 0 shards"),
    ],
)
def test_what_is_no_order_is_told(counts: list[int], window: int, told: str) -> None:
    with pytest.raises(OrderError, match=told):
        ShardOrder(counts, 0, window)


def test_what_is_no_position_or_rank_is_told() -> None:
    order = ShardOrder([4], 0, 1)
    for start, count in ((-1, 1), (0, -1)):
        with pytest.raises(OrderError, match="below 0"):
            order.draws(start, count)
    for batch, rank, world in ((0, 0, 1), (1, 2, 2), (1, -1, 2), (1, 0, 0)):
        with pytest.raises(OrderError):
            of_rank(order, 0, batch, rank, world)  # told at once, not at the first batch
