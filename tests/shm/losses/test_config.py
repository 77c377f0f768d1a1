import math
from typing import Any

import pytest

from shm.losses import LossConfig, LossError


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("gamma", -0.1, "gamma is -0.1: give a number from 0 to 1"),
        ("gamma", 1.1, "gamma is 1.1: give a number from 0 to 1"),
        ("gamma", math.nan, "gamma is nan: give a number from 0 to 1"),
        ("trimap_weight", -1.0, "trimap_weight is -1.0: give a number of at least 0"),
        ("trimap_weight", math.inf, "trimap_weight is inf: give a number of at least 0"),
        ("auxiliary_weight", math.nan, "auxiliary_weight is nan: give a number of at least 0"),
        ("laplacian_weight", -0.5, "laplacian_weight is -0.5: give a number of at least 0"),
        ("gradient_weight", -0.5, "gradient_weight is -0.5: give a number of at least 0"),
        ("epsilon", 0.0, "epsilon is 0.0: give a number from 1e-12 to 1"),
        ("epsilon", 2.0, "epsilon is 2.0: give a number from 1e-12 to 1"),
        ("epsilon", math.nan, "epsilon is nan: give a number from 1e-12 to 1"),
        ("distance", "l2", "distance is 'l2': did you mean l1?"),
        (
            "region",
            "unknwon",
            "region is 'unknwon': did you mean unknown?",
        ),
        ("composition", "none", "composition is 'none': known are true, observed"),
        ("trimap", "focal", "trimap is 'focal': known are cross-entropy, dice"),
        ("class_weights", (1.0, 2.0), "class_weights is [1.0, 2.0]: give three numbers above 0"),
        ("class_weights", (1.0, 0.0, 1.0), "class_weights is [1.0, 0.0, 1.0]: give three numbers"),
    ],
)
def test_a_setting_out_of_bounds_is_refused_by_name(name: str, value: Any, message: str) -> None:
    with pytest.raises(LossError) as caught:
        LossConfig(**{name: value})
    assert str(caught.value).startswith(message)


def test_class_weights_are_refused_where_nothing_reads_them() -> None:
    with pytest.raises(LossError, match=r"dice loss does not read: leave them out, or set trimap"):
        LossConfig(trimap="dice", class_weights=(1.0, 2.0, 1.0))
