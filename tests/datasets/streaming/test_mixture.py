"""The order of several stores together."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shm.datasets.streaming.mixture import BLOCK, MixedDraws, Mixture
from shm.datasets.streaming.order import OrderError, ShardOrder
from shm.datasets.streaming.ranks import of_rank

COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any)
WEIGHT = st.floats(1e-3, 1e3) | st.integers(1, 5000)
STORES = st.lists(st.tuples(COUNTS, WEIGHT), min_size=1, max_size=5)
STARTS = st.integers(0, 5 * BLOCK)

Stores = list[tuple[list[int], float]]


def mixed(stores: Stores, seed: int = 0, window: int = 3) -> Mixture:
    return Mixture.of(
        [counts for counts, _ in stores], [weight for _, weight in stores], seed, window
    )


@given(stores=STORES, start=STARTS, count=st.integers(0, 2 * BLOCK))
def test_the_kth_draw_of_a_store_is_the_kth_of_its_own_order(
    stores: Stores, start: int, count: int
) -> None:
    mixture = mixed(stores)
    before, found = mixture.draws(0, start), mixed(stores).draws(start, count)
    for place, order in enumerate(mixture.orders):
        own = found.stores == place
        given_before = int(np.count_nonzero(before.stores == place))
        expected = order.draws(given_before, int(np.count_nonzero(own)))
        assert np.array_equal(found.epochs[own], expected.epochs)
        assert np.array_equal(found.indices[own], expected.indices)


@given(stores=STORES, start=STARTS, cuts=st.lists(st.integers(0, 900), max_size=5))
@example(stores=[([5], 1), ([5], 1)], start=BLOCK - 1, cuts=[1, 0, 0, BLOCK])
def test_draws_are_the_same_however_they_are_cut(
    stores: Stores, start: int, cuts: list[int]
) -> None:
    mixture = mixed(stores)
    whole = mixed(stores).draws(start, sum(cuts))
    parts = [MixedDraws(*np.empty((3, 0), np.int64))]
    for cut in cuts:
        parts.append(mixture.draws(start, cut))
        start += cut
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


@given(
    stores=STORES,
    start=STARTS,
    worlds=st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(0, 5)), min_size=1, max_size=4
    ),
)
def test_any_number_of_ranks_carries_on_at_any_sample(
    stores: Stores, start: int, worlds: list[tuple[int, int, int]]
) -> None:
    mixture, position = mixed(stores), start
    found = []
    for world, batch, steps in worlds:
        ranks = [of_rank(mixture, position, batch, rank, world) for rank in range(world)]
        found += [next(rank) for _ in range(steps) for rank in ranks]
        position += steps * world * batch
    if found:
        whole = mixed(stores).draws(start, position - start)
        assert np.array_equal(np.concatenate(found, axis=1), whole)


@given(stores=STORES, blocks=st.integers(0, 10**12))
def test_proportions_stay_exact_however_long(stores: Stores, blocks: int) -> None:
    mixture = mixed(stores)
    total = sum(weight for _, weight in stores)
    position = blocks * BLOCK
    given_so_far = mixture.given(position)
    assert sum(given_so_far) == position
    for (_, weight), count in zip(stores, given_so_far, strict=True):
        share = weight / total * position
        assert abs(count - share) <= len(stores) / 2 + share * 1e-12  # of the test's own floats


@given(stores=STORES, block=st.integers(0, 50))
def test_each_block_has_what_its_stores_are_given(stores: Stores, block: int) -> None:
    mixture = mixed(stores)
    before, after = mixture.given(block * BLOCK), mixture.given((block + 1) * BLOCK)
    found = mixture.draws(block * BLOCK, BLOCK).stores
    counts = np.bincount(found, minlength=len(stores))
    assert counts.tolist() == [late - early for early, late in zip(before, after, strict=True)]


@given(weights=st.lists(st.integers(1, 40), min_size=1, max_size=8), scale=st.integers(1, 99))
def test_no_store_takes_back_what_it_was_given(weights: list[int], scale: int) -> None:
    mixture = mixed([([1], weight) for weight in weights])
    steps = np.array([mixture.given(position * scale) for position in range(60)])
    assert (np.diff(steps, axis=0) >= 0).all()


def test_a_rare_store_comes_as_often_as_it_should() -> None:
    mixture = mixed([([40, 60], 5000), ([3], 1)])
    stores = mixture.draws(0, 5001 * 20).stores
    (places,) = np.nonzero(stores)
    assert len(places) == 20
    assert np.diff(places // BLOCK).tolist() == [5] * 19  # every fifth block, not all at once


@given(counts=COUNTS, weight=WEIGHT, start=STARTS, seed=st.integers(0, 3))
def test_one_store_alone_is_drawn_as_without_a_mixture(
    counts: list[int], weight: float, start: int, seed: int
) -> None:
    alone, mixture = ShardOrder(counts, seed, 3), Mixture.of([counts], [weight], seed, 3)
    stores, epochs, indices = mixture.draws(start, 50)
    assert not stores.any()
    assert np.array_equal((epochs, indices), alone.draws(start, 50))
    first, rest = mixture.draws(start, 1), alone.draws(start, 1)
    assert [each.tolist() for each in first] == [[0], *(each.tolist() for each in rest)]


@pytest.mark.parametrize("weights", [(3, 7), (0.3, 0.7), (30.0, 70.0), (3e-9, 7e-9)])
def test_weights_have_any_scale(weights: tuple[float, float]) -> None:
    expected = mixed([([5], 3), ([7], 7)]).draws(0, 3000)
    found = mixed([([5], weights[0]), ([7], weights[1])]).draws(0, 3000)
    assert np.array_equal(found, expected)
    assert mixed([([5], weights[0]), ([7], weights[1])]).given(5) == [2, 3]  # 1.5 is rounded up


def test_stores_of_the_same_people_do_not_show_them_at_the_same_time() -> None:
    first, second = mixed([([50] * 4, 1), ([50] * 4, 1)]).orders
    alike = first.draws(0, 200).indices == second.draws(0, 200).indices
    assert np.count_nonzero(alike) < 10


def test_batches_vary_in_what_they_mix() -> None:
    mixture = mixed([([100], 3), ([100], 1)])
    second = [int(batch.stores.sum()) for batch in islice(of_rank(mixture, 0, 8, 0, 1), 500)]
    assert sum(second) == BLOCK
    assert set(range(6)) <= set(second)


def test_the_order_is_what_it_was_in_earlier_versions() -> None:
    stores, epochs, indices = Mixture.of([[3, 2], [4]], [2, 1], 0, 2).draws(995, 12)
    assert stores.tolist() == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert epochs.tolist() == [83, 132, 132, 133, 133, 133, 133, 83, 133, 134, 134, 134]
    assert indices.tolist() == [3, 2, 1, 4, 2, 1, 3, 0, 0, 3, 4, 1]


@pytest.mark.parametrize(
    "weights", [(), (1,), (1, 0), (1, -1), (1, float("nan")), (float("inf"), 1)]
)
def test_what_is_no_weight_is_told(weights: tuple[float, ...]) -> None:
    orders = [ShardOrder([1], 0, 1), ShardOrder([2], 0, 1)]
    with pytest.raises(OrderError, match="weights"):
        Mixture(orders, weights, 0)


def test_what_is_no_mixture_or_position_is_told() -> None:
    with pytest.raises(OrderError, match="0 stores"):
        Mixture([], [], 0)
    with pytest.raises(OrderError, match="nothing to draw"):
        mixed([([3], 1), ([0], 1)])
    with pytest.raises(OrderError, match="below 0"):
        mixed([([3], 1)]).draws(-1, 4)
