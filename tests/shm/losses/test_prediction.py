import pytest
import torch

from shm.losses import (
    LossConfig,
    LossError,
    Truth,
    alpha_loss,
    alpha_only,
    composition_loss,
    gradient_loss,
    laplacian_loss,
    observed_composition_loss,
    prediction_loss,
)

RANDOM = torch.Generator().manual_seed(3)
ALPHA, TRUE = torch.rand(2, 2, 1, 20, 18, generator=RANDOM)
IMAGE, FOREGROUND, BACKGROUND = torch.rand(3, 2, 3, 20, 18, generator=RANDOM)
UNKNOWN = torch.rand(2, 1, 20, 18, generator=RANDOM) < 0.3
TRUTH = Truth(TRUE, UNKNOWN, IMAGE, FOREGROUND, BACKGROUND)


def test_the_prediction_loss_adds_up_its_parts_by_their_weights() -> None:
    config = LossConfig(gamma=0.3, laplacian_weight=0.7, gradient_weight=2.0)
    losses = prediction_loss(ALPHA, TRUTH, config)
    expected = {
        "alpha": alpha_loss(ALPHA, TRUE),
        "composition": composition_loss(ALPHA, TRUE, FOREGROUND, BACKGROUND),
        "laplacian": laplacian_loss(ALPHA, TRUE),
        "gradient": gradient_loss(ALPHA, TRUE),
    }
    weights = {"alpha": 0.3, "composition": 0.7, "laplacian": 0.7, "gradient": 2.0}
    total = sum(weights[name] * loss.item() for name, loss in expected.items())
    assert losses.pop("prediction").item() == pytest.approx(total)
    assert losses == expected


def test_the_region_is_that_of_every_part() -> None:
    config = LossConfig(
        region="unknown",
        distance="charbonnier",
        epsilon=0.1,
        composition="observed",
        laplacian_weight=1.0,
        gradient_weight=1.0,
    )
    losses = prediction_loss(ALPHA, TRUTH, config)
    del losses["prediction"]
    assert losses == {
        "alpha": alpha_loss(ALPHA, TRUE, unknown=UNKNOWN, config=config),
        "composition": observed_composition_loss(
            ALPHA, TRUE, IMAGE, unknown=UNKNOWN, config=config
        ),
        "laplacian": laplacian_loss(ALPHA, TRUE, unknown=UNKNOWN),
        "gradient": gradient_loss(ALPHA, TRUE, unknown=UNKNOWN),
    }


def test_what_weighs_nothing_is_not_computed() -> None:
    bare = Truth(TRUE, UNKNOWN)
    assert prediction_loss(ALPHA, bare, LossConfig(gamma=1.0)).keys() == {"alpha", "prediction"}
    composed = prediction_loss(ALPHA, TRUTH, LossConfig(gamma=0.0))
    assert composed.keys() == {"composition", "prediction"}
    assert composed["prediction"] == composed["composition"]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_the_alpha_loss_alone_counts_in_full_and_reads_no_colours(gamma: float) -> None:
    bare = Truth(TRUE, UNKNOWN)
    losses = alpha_only(ALPHA, bare, LossConfig(gamma=gamma))
    assert losses == {"alpha": alpha_loss(ALPHA, TRUE), "prediction": alpha_loss(ALPHA, TRUE)}
    more = alpha_only(ALPHA, bare, LossConfig(gamma=gamma, laplacian_weight=0.5))
    assert more.keys() == {"alpha", "laplacian", "prediction"}
    torch.testing.assert_close(more["prediction"], more["alpha"] + 0.5 * more["laplacian"])


def test_missing_colours_are_an_error_that_names_the_cure() -> None:
    with pytest.raises(LossError, match=r'true background: set losses.composition = "observed"'):
        prediction_loss(ALPHA, TRUTH._replace(background=None), LossConfig())
    with pytest.raises(LossError, match="true foreground and background: set"):
        prediction_loss(ALPHA, Truth(TRUE, UNKNOWN, IMAGE), LossConfig())
    with pytest.raises(LossError, match=r'lacks the image: .* losses.composition = "true"'):
        prediction_loss(ALPHA, TRUTH._replace(image=None), LossConfig(composition="observed"))
