import numpy as np
import pytest

from shm.pipeline.values import TRIMAP_VALUES, TrimapClass, classes_to_trimap, trimap_to_classes


def test_the_class_order_is_background_unknown_foreground() -> None:
    assert [TrimapClass.BACKGROUND, TrimapClass.UNKNOWN, TrimapClass.FOREGROUND] == [0, 1, 2]
    assert TRIMAP_VALUES.tolist() == [0, 128, 255]


def test_trimap_and_classes_are_inverses() -> None:
    trimap = np.array([[0, 128, 255], [255, 0, 128]], np.uint8)
    assert trimap_to_classes(trimap).tolist() == [[0, 1, 2], [2, 0, 1]]
    assert np.array_equal(classes_to_trimap(trimap_to_classes(trimap)), trimap)


@pytest.mark.parametrize("stray", [1, 127, 129, 254])
def test_a_stray_trimap_value_is_refused_by_name(stray: int) -> None:
    with pytest.raises(ValueError, match=str(stray)):
        trimap_to_classes(np.array([0, stray, 255], np.uint8))
