"""Drawing an unknown pixel: only unknown ones, each as probable as any, from counts alone."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shm.pipeline.unknown import CELL, cells, count_unknown, draw_cell, draw_unknown
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Trimap

SIDES = st.integers(1, 3 * CELL + 2)


@st.composite
def trimaps(draw: st.DrawFn) -> Trimap:
    shape = draw(SIDES), draw(SIDES)
    share = draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    values = np.array([BACKGROUND, UNKNOWN, FOREGROUND], np.uint8)
    return random.choice(values, shape, p=[(1 - share) / 2, share, (1 - share) / 2])


@given(trimap=trimaps())
def test_each_cell_counts_its_unknown_pixels(trimap: Trimap) -> None:
    counts = count_unknown(trimap)
    assert counts.shape == tuple(map(cells, trimap.shape))
    for (row, column), count in np.ndenumerate(counts):
        rows, columns = (slice(n * CELL, (n + 1) * CELL) for n in (row, column))
        assert count == np.count_nonzero(trimap[rows, columns] == UNKNOWN)


def test_a_cell_of_nothing_but_unknown_pixels_fits_a_byte() -> None:
    trimap = np.full((2 * CELL, 2 * CELL), UNKNOWN, np.uint8)
    assert count_unknown(trimap).tolist() == [[CELL**2, CELL**2]] * 2
    assert CELL**2 <= 255


@given(counts=arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 4))))
@settings(max_examples=50)
def test_cells_are_drawn_as_often_as_they_have_unknown_pixels(
    counts: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
) -> None:
    total = int(counts.sum())

    class Each(np.random.Generator):
        """Draws every number once."""

        number = 0

        def integers(self, high: int) -> int:  # type: ignore[override]
            assert high == total
            Each.number += 1
            return Each.number - 1

    random = Each(np.random.PCG64(0))
    Each.number = 0
    drawn = Counter(
        (cell[0].start // CELL, cell[1].start // CELL)
        for cell in (draw_cell(counts, random) for _ in range(total))
        if cell is not None
    )
    assert drawn == {at: int(count) for at, count in np.ndenumerate(counts) if count}


@given(trimap=trimaps(), seed=st.integers(0, 99))
def test_only_unknown_pixels_are_drawn_and_none_where_there_is_none(
    trimap: Trimap, seed: int
) -> None:
    random = np.random.default_rng(seed)
    pixel, cell = draw_unknown(trimap, random), draw_cell(count_unknown(trimap), random)
    if not (trimap == UNKNOWN).any():
        assert pixel is None
        assert cell is None
    else:
        assert pixel is not None
        assert trimap[pixel] == UNKNOWN
        assert cell is not None
        assert (trimap[cell] == UNKNOWN).any()


def test_a_cell_and_then_a_pixel_of_it_is_as_probable_as_any_other() -> None:
    """Chi-square of 20 000 draws: 99.9 of 100 fair coins would do."""
    random = np.random.default_rng(0)
    trimap = np.full((2 * CELL + 4, 2 * CELL + 9), BACKGROUND, np.uint8)
    trimap[random.random(trimap.shape) < 0.02] = UNKNOWN
    trimap[:6, :6] = UNKNOWN  # so that cells differ
    counts = count_unknown(trimap)
    drawn: Counter[tuple[int, int]] = Counter()
    for _ in range(20_000):
        cell = draw_cell(counts, random)
        assert cell is not None
        pixel = draw_unknown(trimap[cell], random)
        assert pixel is not None
        drawn[cell[0].start + pixel[0], cell[1].start + pixel[1]] += 1
    unknown = list(zip(*map(np.ndarray.tolist, np.nonzero(trimap == UNKNOWN)), strict=True))
    assert set(drawn) == set(unknown)
    expected = 20_000 / len(unknown)
    chi_square = sum((drawn[pixel] - expected) ** 2 / expected for pixel in unknown)
    freedom = len(unknown) - 1
    assert chi_square < freedom + 3.1 * (2 * freedom) ** 0.5 + 3
