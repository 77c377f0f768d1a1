"""Enlarging: the bytes that OpenCV computes, on machines with and without it."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.pipeline import resize
from shm.pipeline.enlarge import enlarge
from shm.pipeline.resize import enlarge_with_opencv, fastest_enlarge

SIDES = st.integers(1, 60)


@st.composite
def windows(draw: st.DrawFn, side: int) -> slice:
    start = draw(st.integers(0, side - 1))
    return slice(start, draw(st.integers(start + 1, side)))


@given(data=st.data(), before=st.tuples(SIDES, SIDES), channels=st.sampled_from([0, 1, 3]))
@settings(max_examples=150, deadline=None)
def test_every_window_of_every_size_is_opencv_s_to_the_bit(
    data: st.DataObject, before: tuple[int, int], channels: int
) -> None:
    height, width = (data.draw(st.integers(-(-side // 2), 3 * side)) for side in before)
    shape = (*before, channels) if channels else before
    picture = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, 256, shape, np.uint8)
    rows, columns = data.draw(windows(height)), data.draw(windows(width))
    expected = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    expected = expected.reshape(height, width, *shape[2:])[rows, columns]
    assert np.array_equal(enlarge(picture, (height, width), (rows, columns)), expected)


@pytest.mark.parametrize(
    ("before", "after"),
    [((427, 640), (801, 1200)), ((333, 500), (800, 1202)), ((500, 375), (1067, 801))],
)
def test_photos_of_the_usual_sizes_are_opencv_s_to_the_bit(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*before, 3), np.uint8)
    window = slice(0, after[0]), slice(0, after[1])
    assert np.array_equal(
        enlarge(picture, after, window), enlarge_with_opencv(picture, after, window)
    )


@given(level=st.integers(0, 255), before=st.tuples(SIDES, SIDES), factor=st.floats(1, 4))
def test_a_plain_picture_stays_plain(level: int, before: tuple[int, int], factor: float) -> None:
    size = int(before[0] * factor), int(before[1] * factor)
    picture = np.full((*before, 3), level, np.uint8)
    assert np.all(enlarge(picture, size, (slice(0, size[0]), slice(0, size[1]))) == level)


def test_a_picture_of_the_same_size_is_itself() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (17, 23, 3), np.uint8)
    assert np.array_equal(enlarge(picture, (17, 23), (slice(0, 17), slice(0, 23))), picture)


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Make `fastest_enlarge` look again, before and after."""
    fastest_enlarge.cache_clear()
    yield
    fastest_enlarge.cache_clear()


@pytest.mark.usefixtures("forgetful")
def test_opencv_is_used_where_it_computes_the_same() -> None:
    assert fastest_enlarge() is enlarge_with_opencv


@pytest.mark.usefixtures("forgetful")
def test_a_build_of_opencv_that_computes_otherwise_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def other(*arguments: object) -> object:
        return enlarge_with_opencv(*arguments) ^ 1  # type: ignore[arg-type]

    monkeypatch.setattr(resize, "enlarge_with_opencv", other)
    assert fastest_enlarge() is enlarge
