import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm.datasets.splits import SplitConfig, SplitError, assign_splits, share_out

NAMES = st.lists(st.text(min_size=1, max_size=8), max_size=60)


@given(names=NAMES, seed=st.integers(0, 5))
def test_a_group_has_one_split_whatever_the_order(names: list[str], seed: int) -> None:
    config = SplitConfig()
    assert assign_splits(names, config, seed) == assign_splits(reversed(names), config, seed)
    assert set(assign_splits(names, config, seed)) == set(names)


@given(total=st.integers(0, 500), parts=st.tuples(*[st.integers(0, 100)] * 3))
def test_shares_add_up_and_none_is_forgotten(total: int, parts: tuple[int, int, int]) -> None:
    if sum(parts) == 0:
        return
    shares = dict(zip("abc", (part / sum(parts) for part in parts), strict=True))
    counts = share_out(total, shares)
    wanted = [name for name, share in shares.items() if share]
    assert sum(counts.values()) == total
    assert all(counts[name] == 0 for name in shares if name not in wanted)
    if total >= len(wanted):
        assert all(counts[name] >= 1 for name in wanted)


def test_24_people_are_shared_8_1_1() -> None:
    splits = list(assign_splits(map(str, range(24)), SplitConfig(), 0).values())
    assert [splits.count(name) for name in ("train", "validation", "test")] == [19, 3, 2]


def test_another_seed_splits_otherwise() -> None:
    names = [str(number) for number in range(50)]
    assert assign_splits(names, SplitConfig(), 0) != assign_splits(names, SplitConfig(), 1)


def test_shares_are_read_from_text() -> None:
    expected = SplitConfig(train=0.7, validation=0.2, test=0.1)
    assert SplitConfig.parse("0.7,0.2,0.1") == SplitConfig.parse("70/20/10") == expected
    for wrong in ("", "1,2", "a,b,c", "0,0,0", "1,-1,1", "nan,1,1", "inf,1,1"):
        with pytest.raises(SplitError):
            SplitConfig.parse(wrong)
