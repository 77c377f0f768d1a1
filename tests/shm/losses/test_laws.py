"""What holds for every loss under every option."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from shm.losses import (
    LossConfig,
    Truth,
    alpha_loss,
    composition_loss,
    gradient_loss,
    laplacian_loss,
    observed_composition_loss,
    prediction_loss,
    trimap_loss,
)

SIZE = (19, 22)
CHARBONNIER = LossConfig(distance="charbonnier", epsilon=0.01)
EVERYTHING = LossConfig(region="unknown", laplacian_weight=0.5, gradient_weight=0.5)


class Sample(NamedTuple):
    alpha: Tensor
    true: Tensor
    image: Tensor
    foreground: Tensor
    background: Tensor
    unknown: Tensor
    logits: Tensor
    classes: Tensor


Loss = Callable[[Sample], Tensor]


def samples(count: int, dtype: torch.dtype = torch.float64) -> Sample:
    """Return random samples, of which each has more unknown pixels than the one before."""
    random = torch.Generator().manual_seed(7)

    def draw(channels: int) -> Tensor:
        return torch.rand(count, channels, *SIZE, generator=random, dtype=torch.float64).to(dtype)

    share = torch.linspace(0.2, 0.9, count).view(-1, 1, 1, 1)
    alphas, colours, logits = draw(2), draw(9), draw(3)
    classes = (draw(1)[:, 0] * share[:, 0] * 3).long()
    return Sample(
        alpha=alphas[:, :1],
        true=alphas[:, 1:],
        image=colours[:, :3],
        foreground=colours[:, 3:6],
        background=colours[:, 6:],
        unknown=draw(1) < share,
        logits=logits,
        classes=classes,
    )


def of_alpha(region: str, config: LossConfig) -> dict[str, Loss]:
    def unknown(s: Sample) -> Tensor | None:
        return s.unknown if region == "unknown" else None

    def alpha(s: Sample) -> Tensor:
        return alpha_loss(s.alpha, s.true, unknown=unknown(s), config=config)

    def composition(s: Sample) -> Tensor:
        return composition_loss(
            s.alpha, s.true, s.foreground, s.background, unknown=unknown(s), config=config
        )

    def observed(s: Sample) -> Tensor:
        return observed_composition_loss(
            s.alpha, s.true, s.image, unknown=unknown(s), config=config
        )

    def laplacian(s: Sample) -> Tensor:
        return laplacian_loss(s.alpha, s.true, unknown=unknown(s))

    def gradient(s: Sample) -> Tensor:
        return gradient_loss(s.alpha, s.true, unknown=unknown(s))

    losses = [alpha, composition, observed]
    if config.distance == "l1":  # the only distance of these
        losses += [laplacian, gradient]
    return {f"{loss.__name__} {config.distance} {region}": loss for loss in losses}


def of_trimap(config: LossConfig) -> Loss:
    return lambda s: trimap_loss(s.logits, s.classes, config)


def everything(sample: Sample) -> Tensor:
    s = sample
    truth = Truth(s.true, s.unknown, s.image, s.foreground, s.background)
    return prediction_loss(s.alpha, truth, EVERYTHING)["prediction"]


L1 = LossConfig()
UNKNOWN_REGION = {
    **of_alpha("unknown", L1),
    **of_alpha("unknown", CHARBONNIER),
    "prediction": everything,
}
OF_ALPHA = {**of_alpha("whole", L1), **of_alpha("whole", CHARBONNIER), **UNKNOWN_REGION}
OF_TRIMAP = {
    "cross-entropy": of_trimap(LossConfig()),
    "weighted": of_trimap(LossConfig(class_weights=(1.0, 5.0, 0.5))),
    "dice": of_trimap(LossConfig(trimap="dice")),
}
ALL = {**OF_ALPHA, **OF_TRIMAP}


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL.keys())
def test_the_loss_of_a_batch_is_the_mean_of_the_losses_of_its_images(loss: Loss) -> None:
    batch = samples(4)
    alone = [loss(Sample(*(part[i : i + 1] for part in batch))) for i in range(4)]
    assert len({round(each.item(), 6) for each in alone}) == 4
    torch.testing.assert_close(loss(batch), torch.stack(alone).mean(), rtol=1e-12, atol=0)
    halves = [loss(Sample(*(part[i : i + 2] for part in batch))) for i in (0, 2)]
    torch.testing.assert_close(loss(batch), torch.stack(halves).mean(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("loss", OF_ALPHA.values(), ids=OF_ALPHA.keys())
def test_the_gradient_in_alpha_is_that_of_finite_differences(loss: Loss) -> None:
    sample = samples(2)
    alpha = sample.alpha.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: loss(sample._replace(alpha=a)), alpha, fast_mode=True)
    (slope,) = torch.autograd.grad(loss(sample), alpha)
    assert (slope[sample.unknown] != 0).double().mean() > 0.7


@pytest.mark.parametrize("loss", OF_TRIMAP.values(), ids=OF_TRIMAP.keys())
def test_the_gradient_in_the_logits_is_that_of_finite_differences(loss: Loss) -> None:
    sample = samples(2)
    logits = sample.logits.requires_grad_()
    check = torch.autograd.gradcheck
    assert check(lambda each: loss(sample._replace(logits=each)), logits, fast_mode=True)
    (slope,) = torch.autograd.grad(loss(sample), logits)
    assert (slope != 0).all()


@pytest.mark.parametrize("loss", UNKNOWN_REGION.values(), ids=UNKNOWN_REGION.keys())
def test_nothing_outside_the_unknown_region_has_a_say(loss: Loss) -> None:
    sample = samples(2)
    alpha = sample.alpha.requires_grad_()
    found = loss(sample)
    (slope,) = torch.autograd.grad(found, alpha)
    assert (slope[~sample.unknown] == 0).all()
    random = torch.Generator().manual_seed(8)

    def changed(inside: Tensor) -> Tensor:
        other = torch.rand(inside.shape, generator=random, dtype=inside.dtype)
        return torch.where(sample.unknown, inside, other)

    elsewhere = sample._replace(
        **{
            name: changed(getattr(sample, name))
            for name in ("alpha", "true", "image", "foreground", "background")
        }
    )
    assert loss(elsewhere) == found


@pytest.mark.parametrize("loss", UNKNOWN_REGION.values(), ids=UNKNOWN_REGION.keys())
def test_an_image_without_an_unknown_pixel_counts_as_one_without_loss(loss: Loss) -> None:
    both = samples(2)
    first = loss(Sample(*(part[:1] for part in both)))
    alpha, unknown = both.alpha.clone().requires_grad_(), both.unknown.clone()
    unknown[1] = False
    found = loss(both._replace(alpha=alpha, unknown=unknown))
    torch.testing.assert_close(found, first / 2)
    (slope,) = torch.autograd.grad(found, alpha)
    assert slope.isfinite().all()
    assert (slope[1] == 0).all()


@pytest.mark.parametrize("loss", OF_ALPHA.values(), ids=OF_ALPHA.keys())
def test_a_perfect_alpha_has_a_finite_gradient(loss: Loss) -> None:
    sample = samples(2, torch.float32)
    alpha = sample.true.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(sample._replace(alpha=alpha)), alpha)
    assert (slope == 0).all()


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL.keys())
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_are_computed_in_float32_whatever_the_nets_give(
    loss: Loss, dtype: torch.dtype
) -> None:
    coarse = samples(2, dtype)
    fine = Sample(*(part.float() if part.is_floating_point() else part for part in coarse))
    with torch.autocast("cpu", dtype=dtype):
        found = loss(coarse)
    assert found.dtype == torch.float32
    assert found == loss(fine)
