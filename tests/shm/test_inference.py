from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from shm.inference import (
    DeviceError,
    choose_device,
    estimate_matte,
    evaluating,
)
from shm.models import MattingModel, ModelConfig, Prediction, build_model
from shm.pipeline.errors import ShmError
from shm.pipeline.values import RgbImage

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> MattingModel:
    torch.manual_seed(0)
    return build_model(ModelConfig(tnet="mobilenetv2-unet", mnet="light"))


def photo(height: int, width: int) -> RgbImage:
    rng = np.random.default_rng(height * width)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def echo(seen: list[tuple[int, int]]) -> Any:
    """Return nets that answer with the red channel, and note the sizes that they were given."""

    def forward(image: Tensor, given: Tensor | None) -> Prediction:
        seen.append((image.shape[-2], image.shape[-1]))
        red = image[:, :1] * 0.229 + 0.485
        trimap = torch.zeros_like(image) if given is None else given
        return Prediction(trimap_logits=None, trimap=trimap, raw_alpha=red, alpha=red)

    return forward


def test_a_small_photo_is_predicted_as_it_is() -> None:
    seen: list[tuple[int, int]] = []
    rgb = torch.from_numpy(photo(40, 50)).movedim(-1, 0)
    estimate = estimate_matte(echo(seen), rgb, device=CPU, max_side=1500)
    assert seen == [(40, 50)]
    assert torch.allclose(estimate.alpha * 255, rgb[0].float(), atol=1e-3)


def test_the_alpha_of_a_capped_photo_lies_where_the_photo_has_it() -> None:
    # A ramp survives shrinking and enlarging, so any shift or stretch would show.
    seen: list[tuple[int, int]] = []
    ramp = torch.linspace(0, 255, 200).round().byte().expand(3, 100, 200)
    estimate = estimate_matte(echo(seen), ramp, device=CPU, max_side=80)
    assert seen == [(40, 80)]
    difference = (estimate.alpha * 255 - ramp[0].float()).abs()
    assert difference[:, 5:-5].max() < 1.5
    assert estimate.alpha.min() >= 0
    assert estimate.alpha.max() <= 1


def test_a_given_trimap_is_brought_to_the_photos_working_size_and_back() -> None:
    given = torch.zeros(3, 100, 200)
    given[0, :, :100], given[2, :, 100:] = 1, 1
    seen: list[tuple[int, int]] = []
    rgb = torch.zeros(3, 100, 200, dtype=torch.uint8)
    estimate = estimate_matte(echo(seen), rgb, device=CPU, given=given, max_side=80)
    assert estimate.trimap.shape == given.shape
    assert torch.equal(
        estimate.trimap.argmax(0)[:, [0, 97, 102, 199]], given.argmax(0)[:, [0, 97, 102, 199]]
    )


def test_a_cap_below_what_the_nets_need_is_refused(model: MattingModel) -> None:
    with pytest.raises(ValueError, match="max_side is 31"):
        estimate_matte(model, torch.zeros(3, 40, 40, dtype=torch.uint8), device=CPU, max_side=31)


def test_evaluation_ends_with_an_error_too(model: MattingModel) -> None:
    model.train()

    def fail() -> None:
        with evaluating(model):
            assert not model.training
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert model.training
    assert torch.is_grad_enabled()


def test_a_device_that_is_not_there_is_refused_by_name() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cuda", "mps", "cpu")
    for name in ("gpu", "cuda:99", "xla"):
        with pytest.raises(DeviceError, match=name) as error:
            choose_device(name)
        assert isinstance(error.value, ShmError)
        assert "choose auto or" in str(error.value)
