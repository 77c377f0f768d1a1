from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm.datasets.composites.pairing import PairingError, pair_backgrounds


@given(
    foregrounds=st.integers(1, 30),
    backgrounds=st.integers(1, 40),
    each=st.integers(1, 30),
    seed=st.integers(0, 9),
)
def test_backgrounds_are_used_evenly_and_none_twice_for_one_person(
    foregrounds: int, backgrounds: int, each: int, seed: int
) -> None:
    names = [str(number) for number in range(backgrounds)]
    chosen = list(pair_backgrounds([each] * foregrounds, len(names), seed))
    assert [len(indices) for indices in chosen] == [each] * foregrounds
    uses = Counter(chain.from_iterable(chosen))
    if foregrounds * each >= backgrounds:
        assert len(uses) == backgrounds
    for indices in chosen:
        of_one = Counter(indices)
        assert max(of_one.values()) - min(of_one.values()) <= 1
        if each <= backgrounds:
            assert len(of_one) == each
    if each <= backgrounds:
        assert max(uses.values()) <= -(-foregrounds * each // backgrounds) + 1


def test_each_is_used_once_before_any_is_used_twice() -> None:
    chosen = list(pair_backgrounds([3] * 10, 10, "seed"))
    flat = list(chain.from_iterable(chosen))
    assert sorted(flat[:10]) == list(range(10)) or len(set(flat[:9])) == 9
    assert max(Counter(flat).values()) == 3


@given(
    counts=st.lists(st.integers(0, 30), max_size=20),
    backgrounds=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_no_background_is_ever_ahead_of_another_by_two(
    counts: list[int], backgrounds: int, seed: int
) -> None:
    uses = dict.fromkeys(range(backgrounds), 0)
    for index in chain.from_iterable(pair_backgrounds(counts, backgrounds, seed)):
        uses[index] += 1
        assert max(uses.values()) - min(uses.values()) <= 1


def test_pairing_depends_on_the_seed_alone() -> None:
    assert list(pair_backgrounds([3] * 5, 7, 1)) == list(pair_backgrounds([3] * 5, 7, 1))
    assert list(pair_backgrounds([3] * 5, 7, 1)) != list(pair_backgrounds([3] * 5, 7, 2))


def test_no_background_is_an_error() -> None:
    with pytest.raises(PairingError):
        next(pair_backgrounds([1], 0, 0))
