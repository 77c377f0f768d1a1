import pytest
import torch
from torch import Tensor

from shm.models import (
    MNet,
    ModelConfig,
    ModelError,
    SemanticHumanMatting,
    TNet,
    alpha_from_trimap,
    build_model,
    fuse,
)
from shm.pipeline.values import TrimapClass

ODD = (43, 38)


class Certain(TNet):
    """Is certain of one class everywhere."""

    stride = 1

    def __init__(self, certain_of: TrimapClass) -> None:
        super().__init__()
        self.certain_of = certain_of

    def coarse_logits(
        self,
        image: Tensor,
        *,
        auxiliary: bool,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor | None]:
        logits = torch.zeros_like(image)
        logits[:, self.certain_of] = 100.0
        return logits, None


class Known(MNet):
    """Finds the same alpha everywhere, and remembers what it was given."""

    stride = 1

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.seen: Tensor | None = None

    def logits(self, image_and_trimap: Tensor) -> Tensor:
        self.seen = image_and_trimap
        return torch.full_like(image_and_trimap[:, :1], self.alpha).logit()


def small_tnet() -> TNet:
    torch.manual_seed(0)
    model = build_model(ModelConfig(tnet="mobilenetv2-unet", width=0.25)).eval()
    assert isinstance(model, SemanticHumanMatting)
    assert model.tnet is not None
    return model.tnet


@pytest.mark.parametrize(
    ("certain_of", "expected"),
    [
        (TrimapClass.BACKGROUND, 0.0),
        (TrimapClass.UNKNOWN, 0.3),
        (TrimapClass.FOREGROUND, 1.0),
    ],
)
def test_where_tnet_is_certain_mnet_does_not_count(
    certain_of: TrimapClass, expected: float
) -> None:
    model = SemanticHumanMatting(Certain(certain_of), Known(0.3))
    prediction = model(torch.randn(2, 3, *ODD))
    torch.testing.assert_close(prediction.alpha, torch.full((2, 1, *ODD), expected))


@pytest.mark.parametrize("certain_of", TrimapClass)
def test_without_fusion_the_matte_is_mnets_own(certain_of: TrimapClass) -> None:
    model = SemanticHumanMatting(Certain(certain_of), Known(0.3), fusion=False)
    prediction = model(torch.randn(2, 3, *ODD))
    torch.testing.assert_close(prediction.alpha, torch.full((2, 1, *ODD), 0.3))
    assert torch.equal(prediction.alpha, prediction.raw_alpha)


def test_fusion_is_foreground_plus_unknown_times_raw_alpha() -> None:
    # background, unknown and foreground of two pixels
    probabilities = torch.tensor([[0.2, 0.5], [0.5, 0.5], [0.3, 0.0]]).view(1, 3, 1, 2)
    raw = torch.tensor([0.4, 1.0]).view(1, 1, 1, 2)
    expected = torch.tensor([0.3 + 0.5 * 0.4, 0.5]).view(1, 1, 1, 2)
    torch.testing.assert_close(fuse(probabilities, raw), expected)
    without = torch.tensor([0.3 + 0.25, 0.25]).view(1, 1, 1, 2)
    torch.testing.assert_close(alpha_from_trimap(probabilities), without)


def test_fusion_is_the_papers_equation() -> None:
    background, unknown, foreground = torch.randn(1, 3, 5, 7).softmax(1).unbind(1)
    raw = torch.rand(1, 1, 5, 7)
    paper = (1 - unknown) * foreground / (foreground + background) + unknown * raw[:, 0]
    probabilities = torch.stack([background, unknown, foreground], 1)
    torch.testing.assert_close(fuse(probabilities, raw)[:, 0], paper)


def test_mnet_sees_the_photo_and_probabilities() -> None:
    known = Known(0.5)
    model = SemanticHumanMatting(small_tnet(), known)
    image = torch.randn(1, 3, *ODD)
    prediction = model(image)
    assert known.seen is not None
    assert torch.equal(known.seen[:, :3], image)
    assert torch.equal(known.seen[:, 3:], prediction.trimap)
    torch.testing.assert_close(known.seen[:, 3:].sum(1), torch.ones(1, *ODD))
    assert prediction.trimap_logits is not None
    assert torch.equal(prediction.trimap, prediction.trimap_logits.softmax(1))


def test_a_given_trimap_takes_tnets_place() -> None:
    given = torch.zeros(1, 3, *ODD)
    given[:, TrimapClass.UNKNOWN] = 1
    model = SemanticHumanMatting(Certain(TrimapClass.BACKGROUND), Known(0.25))
    prediction = model(torch.randn(1, 3, *ODD), given)
    assert prediction.trimap_logits is None
    assert torch.equal(prediction.trimap, given)
    torch.testing.assert_close(prediction.alpha, torch.full((1, 1, *ODD), 0.25))
    assert not model.needs_trimap


def test_without_an_mnet_the_matte_is_tnets_own() -> None:
    for fusion in (True, False):
        model = SemanticHumanMatting(small_tnet(), fusion=fusion)
        prediction = model(torch.randn(1, 3, *ODD))
        torch.testing.assert_close(prediction.alpha, alpha_from_trimap(prediction.trimap))
        assert (prediction.raw_alpha == 0.5).all()


def test_without_a_tnet_a_trimap_of_the_images_size_must_be_given() -> None:
    model = SemanticHumanMatting(None, Known(0.25))
    image = torch.randn(2, 3, *ODD)
    assert model.needs_trimap
    with pytest.raises(ModelError, match="without a trimap: give one"):
        model(image)
    for shape in ((2, 3, 43, 39), (2, 1, *ODD), (1, 3, *ODD)):
        with pytest.raises(ModelError, match=r"the image needs \(2, 3, 43, 38\)"):
            model(image, torch.zeros(shape))
    given = torch.zeros(2, 3, *ODD)
    given[:, TrimapClass.FOREGROUND] = 1
    assert (model(image, given).alpha == 1).all()


def test_a_model_of_no_net_is_refused() -> None:
    with pytest.raises(ModelError, match="neither"):
        SemanticHumanMatting(None)


def test_end_to_end_the_prediction_teaches_tnet() -> None:
    torch.manual_seed(0)
    config = ModelConfig(tnet="mobilenetv2-unet", mnet="light", width=0.5)
    model = build_model(config).train()
    model(torch.randn(2, 3, 64, 64)).alpha.square().mean().backward()
    assert all(each.grad is not None for each in model.parameters())
    assert all(each.grad.any() for each in model.parameters() if each.ndim > 1)  # type: ignore[union-attr]
