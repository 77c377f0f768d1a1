import numpy as np
import pytest

from shm.metrics import MetricError
from shm.metrics.trimap import confusion_matrix, intersection_over_union, unknown_recall

TRUE = np.array([[0, 0, 128, 128, 255, 255]], np.uint8)
TAKEN = np.array([[0, 128, 128, 255, 255, 255]], np.uint8)


def test_rows_are_the_true_classes_and_columns_the_predicted_ones() -> None:
    assert confusion_matrix(TAKEN, TRUE).tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 2]]


def test_what_matrices_come_to() -> None:
    confusion = confusion_matrix(TAKEN, TRUE)
    found = intersection_over_union(confusion)
    assert found == {
        "background": pytest.approx(1 / 2),
        "unknown": pytest.approx(1 / 3),
        "foreground": pytest.approx(2 / 3),
    }
    assert unknown_recall(confusion) == pytest.approx(1 / 2)
    assert np.array_equal(confusion_matrix(TRUE, TRUE), 2 * np.eye(3))


def test_what_is_nowhere_has_no_figure() -> None:
    nothing = np.zeros((3, 3), np.uint8)
    confusion = confusion_matrix(nothing, nothing)
    assert np.isnan(intersection_over_union(confusion)["unknown"])
    assert np.isnan(unknown_recall(confusion))


def test_what_are_no_two_trimaps_of_a_size_is_refused() -> None:
    with pytest.raises(MetricError, match="two of a size"):
        confusion_matrix(TRUE, TRUE[:, :3])
    with pytest.raises(MetricError, match="0, 128 and 255 only"):
        confusion_matrix(TRUE, TRUE + 1)
