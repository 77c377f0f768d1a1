"""Enlarging planes strip by strip: the same as all at once, and as plain interpolation."""

import numpy as np
import pytest

from shm.pipeline.resize import enlarge_rows


def test_rows_are_those_of_the_whole() -> None:
    planes = np.random.default_rng(0).random((9, 7, 3), np.float32)
    whole = enlarge_rows(planes, slice(0, 31), (31, 40))
    strips = [
        enlarge_rows(planes, slice(top, min(top + 5, 31)), (31, 40)) for top in range(0, 31, 5)
    ]
    np.testing.assert_array_equal(np.concatenate(strips), whole)


def test_a_ramp_stays_a_ramp() -> None:
    ramp = np.broadcast_to(np.arange(10, dtype=np.float32)[:, None, None], (10, 4, 1))
    large = enlarge_rows(ramp, slice(0, 30), (30, 12))[..., 0]
    expected = np.clip((np.arange(30) + 0.5) / 3 - 0.5, 0, 9)
    np.testing.assert_allclose(large, np.repeat(expected[:, None], 12, axis=1), atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (5, 1), (1, 6), (4, 4)])
def test_any_size_is_enlarged(size: tuple[int, int]) -> None:
    planes = np.full((*size, 2), 0.25, np.float32)
    assert np.all(enlarge_rows(planes, slice(0, 8), (8, 8)) == 0.25)
