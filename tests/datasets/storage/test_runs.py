from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm.datasets.storage.runs import Range, cut, merge, split

CONTENT = bytes(range(256)) * 4

places = st.integers(0, len(CONTENT))
ranges_of_content = st.lists(
    st.tuples(places, places).map(lambda pair: (min(pair), max(pair))), max_size=12
)


@given(ranges_of_content, st.integers(0, 300))
def test_ranges_come_out_of_their_runs_as_they_went_in(ranges: list[Range], gap: int) -> None:
    runs = merge(ranges, gap)
    contents = [CONTENT[start:stop] for start, stop in runs]
    assert cut(ranges, runs, contents) == [CONTENT[start:stop] for start, stop in ranges]


@given(ranges_of_content, st.integers(0, 300))
def test_runs_are_apart_and_hold_no_longer_gap(ranges: list[Range], gap: int) -> None:
    runs = merge(ranges, gap)
    assert runs == sorted(runs)
    assert all(second[0] - first[1] > gap for first, second in pairwise(runs))
    wanted = {at for start, stop in ranges for at in range(start, stop)}
    for start, stop in runs:
        assert {start, stop - 1} <= wanted
        unwanted = [at not in wanted for at in range(start, stop)]
        assert "1" * (gap + 1) not in "".join(str(int(at)) for at in unwanted)


@given(places, places, st.integers(1, 500))
def test_pieces_are_their_run(one: int, other: int, longest: int) -> None:
    run = min(one, other), max(one, other)
    pieces = split(run, longest)
    assert b"".join(CONTENT[a:b] for a, b in pieces) == CONTENT[run[0] : run[1]]
    assert all(0 < stop - start <= longest for start, stop in pieces)


@pytest.mark.parametrize("strange", [(5, 4), (-1, 4)])
def test_what_is_no_range_is_refused(strange: Range) -> None:
    with pytest.raises(ValueError, match="no range of bytes"):
        merge([(0, 10), strange], 0)
