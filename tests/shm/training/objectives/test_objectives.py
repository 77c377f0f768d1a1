"""What each phase minimises: which terms, of which pixels, and what learns from them."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shm.losses import LossConfig, LossError, alpha_loss, observed_composition_loss, trimap_loss
from shm.models import DeepImageMatting, SemanticHumanMatting, build_model
from shm.models.imagenet import denormalise, normalise
from shm.pipeline.values import TrimapClass
from shm.training.batch import Batch, BatchError, one_hot
from shm.training.config import TrainConfig
from shm.training.objectives import OBJECTIVES, Losses, LossModule
from shm.training.phases import Phase, model_of
from shm.training.presets import load_recipe

SIDE = 64
STAGES = [Phase.STAGE_0, Phase.STAGE_1, Phase.STAGE_2, Phase.STAGE_3]


def batch() -> Batch:
    random = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 3, (2, SIDE, SIDE), generator=random)
    image, foreground, background = torch.rand(3, 2, 3, SIDE, SIDE, generator=random)
    return Batch(
        image=normalise(image),
        alpha=torch.rand(2, 1, SIDE, SIDE, generator=random),
        classes=classes,
        trimap=one_hot(classes),
        foreground=foreground,
        background=background,
        ids=("a", "b"),
    )


BATCH = batch()
UNKNOWN = (BATCH.classes == TrimapClass.UNKNOWN)[:, None]


def without(*names: str) -> Batch:
    bare: dict[str, Any] = dict.fromkeys(names)
    return replace(BATCH, **bare)


def config_of(phase: Phase, *changes: str) -> TrainConfig:
    if phase in STAGES:
        return load_recipe("dim-light", ["model.width=0.1", *changes])
    return load_recipe("light", ["model.width=0.5", "phases.tnet.rotation=0", *changes])


def module_of(phase: Phase, *changes: str) -> LossModule:
    """Return the losses of a phase with small nets, the same each time, in evaluation."""
    config = config_of(phase, *changes)
    torch.manual_seed(0)
    model = build_model(model_of(phase.nets, config.model))
    return LossModule(model, OBJECTIVES[phase], config).eval()


def shm_of(module: LossModule) -> tuple[nn.Module, nn.Module]:
    """Return T-Net and M-Net."""
    assert isinstance(module.model, SemanticHumanMatting)
    assert module.model.tnet is not None
    assert module.model.mnet is not None
    return module.model.tnet, module.model.mnet


def size_of_gradient(loss: Tensor, net: nn.Module) -> float:
    learning = [each for each in net.parameters() if each.requires_grad]
    found = torch.autograd.grad(loss, learning, retain_graph=True, allow_unused=True)
    return sum(each.abs().sum().item() for each in found if each is not None)


def gradient_at_output(module: LossModule, net: nn.Module) -> Tensor:
    """Return by how much the total follows each pixel that a net puts out."""
    kept: list[Tensor] = []
    hook = net.register_forward_hook(lambda _net, _given, out: kept.append(out))
    total = module(BATCH, 0)["total"]
    hook.remove()
    (found,) = torch.autograd.grad(total, kept)
    return found


# -------------------------------------------------------------------- T-Net


def test_t_net_learns_from_images_and_trimaps_alone() -> None:
    module = module_of(Phase.TNET)
    losses = module(without("alpha", "foreground", "background"), 0)
    assert not module.objective.reads_alpha
    assert losses.keys() == {"trimap", "total"}
    assert losses["total"] == losses["trimap"] > 0
    assert size_of_gradient(losses["total"], module.model) > 0


@pytest.mark.parametrize(("changes", "weight"), [([], 0.4), (["losses.auxiliary_weight=0"], 0.0)])
def test_the_auxiliary_head_of_pspnet_counts_four_tenths_unless_it_is_set_otherwise(
    changes: list[str], weight: float
) -> None:
    losses = module_of(Phase.TNET, "model.tnet=pspnet18", "model.width=1.0", *changes)(BATCH, 0)
    assert losses["auxiliary"] > 0
    torch.testing.assert_close(losses["total"], losses["trimap"] + weight * losses["auxiliary"])


def test_the_auxiliary_head_rests_end_to_end() -> None:
    module = module_of(Phase.END_TO_END, "model.tnet=pspnet18", "model.width=1.0")
    module(BATCH, 0)["total"].backward()
    tnet, _ = shm_of(module)
    idle = {name for name, weight in tnet.named_parameters() if weight.grad is None}
    assert idle
    assert all(name.startswith("auxiliary_head.") for name in idle)


# -------------------------------------------------------------------- M-Net


def test_m_net_says_what_it_lacks_and_what_to_do() -> None:
    module = module_of(Phase.MNET)
    with pytest.raises(BatchError, match=r"\(a, b …\) has no alpha.*train on a store with alphas"):
        module(without("alpha"), 0)
    with pytest.raises(LossError, match=r"true foreground and background: set .*observed"):
        module(without("foreground", "background"), 0)


def test_m_net_learns_only_what_the_true_trimap_leaves_open_unless_it_is_not_fused() -> None:
    fused, alone = module_of(Phase.MNET), module_of(Phase.MNET, "model.fusion=false")
    for module, learns_everywhere in ((fused, False), (alone, True)):
        assert isinstance(module.model, SemanticHumanMatting)
        assert module.model.mnet is not None
        follows = gradient_at_output(module, module.model.mnet) != 0
        assert follows[UNKNOWN].any()
        assert follows[~UNKNOWN].any() == learns_everywhere


def test_the_observed_composition_needs_no_true_colours_and_reads_the_photo() -> None:
    module = module_of(Phase.MNET, "losses.composition=observed")
    losses = module(without("foreground", "background"), 0)
    alpha = module.model(BATCH.image, BATCH.trimap).alpha
    photo = denormalise(BATCH.image)
    assert photo.min() >= -1e-6
    expected = observed_composition_loss(alpha, BATCH.true_alpha, photo)
    torch.testing.assert_close(losses["composition"], expected)
    torch.testing.assert_close(losses["total"], (losses["alpha"] + losses["composition"]) / 2)


# -------------------------------------------------------------------- end to end


def test_end_to_end_adds_lambda_times_the_trimap_loss() -> None:
    for weight in (0.01, 3.0):
        module = module_of(Phase.END_TO_END, f"losses.trimap_weight={weight}")
        losses = module(BATCH, 0)
        tnet, _ = shm_of(module)
        torch.testing.assert_close(losses["trimap"], trimap_loss(tnet(BATCH.image), BATCH.classes))
        torch.testing.assert_close(
            losses["total"], losses["prediction"] + weight * losses["trimap"]
        )
    assert config_of(Phase.END_TO_END).losses.trimap_weight == 0.01  # the paper's


def test_lambda_0_leaves_the_trimap_loss_out() -> None:
    losses = module_of(Phase.END_TO_END, "losses.trimap_weight=0")(BATCH, 0)
    assert "trimap" not in losses
    assert losses["total"] == losses["prediction"]


def test_end_to_end_gradients_reach_t_net_through_both_terms_and_m_net_through_one() -> None:
    module = module_of(Phase.END_TO_END)
    losses = module(BATCH, 0)
    tnet, mnet = shm_of(module)
    assert size_of_gradient(losses["prediction"], tnet) > 0
    assert size_of_gradient(losses["trimap"], tnet) > 0
    assert size_of_gradient(losses["prediction"], mnet) > 0
    assert size_of_gradient(losses["trimap"], mnet) == 0


def test_without_fusion_the_raw_alpha_is_compared_everywhere() -> None:
    module = module_of(Phase.END_TO_END, "model.fusion=false")
    tnet, mnet = shm_of(module)
    raw = mnet(torch.cat([BATCH.image, tnet(BATCH.image).softmax(1)], 1))
    losses = module(BATCH, 0)
    torch.testing.assert_close(losses["alpha"], alpha_loss(raw, BATCH.true_alpha))
    assert (gradient_at_output(module, mnet) != 0).all()
    fused = module_of(Phase.END_TO_END)(BATCH, 0)
    assert not torch.isclose(fused["alpha"], losses["alpha"], rtol=1e-3)


def test_m_net_sees_a_crop_of_what_t_net_sees_and_the_trimap_loss_is_of_all_of_it() -> None:
    crop = ("phases.end-to-end.matte_crop=32", "phases.end-to-end.matte_crop_sizes=[32, 48]")
    module, whole = module_of(Phase.END_TO_END, *crop), module_of(Phase.END_TO_END)
    sizes: list[tuple[int, ...]] = []
    for net in shm_of(module):
        net.register_forward_hook(lambda _net, given, _out: sizes.append(tuple(given[0].shape)))
    losses, uncropped = module(BATCH, 0), whole(BATCH, 0)
    assert sizes == [(2, 3, SIDE, SIDE), (2, 6, 32, 32)]
    assert losses["trimap"] == uncropped["trimap"]
    assert losses["prediction"] != uncropped["prediction"]
    assert losses["total"] == losses["prediction"] + 0.01 * losses["trimap"]
    assert size_of_gradient(losses["prediction"], shm_of(module)[0]) > 0
    assert module(BATCH, 1)["prediction"] != losses["prediction"]  # another step, another crop


# -------------------------------------------------------------------- Deep Image Matting


@pytest.mark.parametrize(
    ("phase", "learning"),
    [
        (Phase.STAGE_0, {"encoder", "conv6", "decoder"}),
        (Phase.STAGE_1, {"encoder", "conv6", "decoder"}),
        (Phase.STAGE_2, {"refinement"}),
        (Phase.STAGE_3, {"encoder", "conv6", "decoder", "refinement"}),
    ],
)
def test_gradients_reach_what_a_stage_trains_and_nothing_else(
    phase: Phase, learning: set[str]
) -> None:
    module = module_of(phase)
    module(BATCH, 0)["total"].backward()
    moved = {name for name, each in module.model.named_parameters() if each.grad is not None}
    assert moved == {
        name for name, _ in module.model.named_parameters() if name.split(".")[0] in learning
    }


def test_the_stages_minimise_what_the_paper_says() -> None:
    losses = {phase: module_of(phase)(BATCH, 0) for phase in STAGES}
    both = (losses[Phase.STAGE_1]["alpha"] + losses[Phase.STAGE_1]["composition"]) / 2
    assert "composition" not in losses[Phase.STAGE_0]
    assert losses[Phase.STAGE_0]["total"] == losses[Phase.STAGE_0]["alpha"]
    torch.testing.assert_close(losses[Phase.STAGE_1]["total"], both)
    # An untrained refinement changes nothing: its loss is that of the raw alpha.
    torch.testing.assert_close(losses[Phase.STAGE_2]["total"], losses[Phase.STAGE_0]["total"])
    last = losses[Phase.STAGE_3]
    torch.testing.assert_close(last["prediction"], both)
    torch.testing.assert_close(last["total"], last["prediction"] + last["refined"])


@pytest.mark.parametrize("phase", STAGES)
def test_what_the_trimap_knows_has_no_say_in_the_unknown_region(phase: Phase) -> None:
    module = module_of(phase)
    assert isinstance(module.model, DeepImageMatting)
    last = module.model.decoder[-1] if phase in STAGES[:2] else module.model.refinement
    follows = gradient_at_output(module, last) != 0
    assert follows[UNKNOWN].any()
    assert not follows[~UNKNOWN].any()

    def total(where: Tensor) -> Tensor:
        assert BATCH.foreground is not None
        other = replace(
            BATCH,
            alpha=torch.where(where, 1 - BATCH.true_alpha, BATCH.true_alpha),
            foreground=torch.where(where, 1 - BATCH.foreground, BATCH.foreground),
        )
        losses: Losses = module(other, 0)
        return losses["total"]

    unchanged = module(BATCH, 0)["total"]
    assert total(~UNKNOWN) == unchanged
    assert total(UNKNOWN) != unchanged


# -------------------------------------------------------------------- what is read


NEVER = {Phase.TNET, Phase.STAGE_0, Phase.STAGE_2}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(
    ("changes", "some_do"),
    [([], True), (["losses.gamma=1"], False), (["losses.composition=observed"], False)],
)
def test_true_colours_are_read_exactly_where_an_objective_says_so(
    phase: Phase, changes: list[str], some_do: bool
) -> None:
    module = module_of(phase, *changes)
    reads = module.objective.reads_colours(module.config.losses)
    assert reads == (some_do and phase not in NEVER)
    bare = without("foreground", "background")
    if reads:
        with pytest.raises(LossError, match="lacks the true foreground and background"):
            module(bare, 0)
    else:
        assert module(bare, 0)["total"] == module(BATCH, 0)["total"]


def test_the_paper_needs_true_colours() -> None:
    assert OBJECTIVES[Phase.MNET].reads_colours(LossConfig())
