"""What a phase starts from: the nets that earlier phases left."""

from pathlib import Path

import pytest
import torch

from shm.checkpoint import CheckpointError
from shm.models import ModelConfig
from shm.training.optimiser import OptimiserConfig
from shm.training.phase import TrainingError
from shm.training.phases import Phase
from tests.shm.training.small_runs import (
    Killed,
    Trained,
    dim_config,
    killed_at,
    same,
    train,
    train_config,
    weights,
    with_phase,
)


def test_nets_that_are_only_joined_are_judged_all_the_same(
    tmp_path: Path, trained: Trained
) -> None:
    config = with_phase(train_config(), Phase.END_TO_END, steps=0)
    result = train(Phase.END_TO_END, tmp_path, config, pretrained=trained.before(Phase.END_TO_END))
    assert result.steps == 0
    assert result.best is not None
    assert same(weights(result.folder, "best"), trained.both())


def test_end_to_end_starts_from_the_best_of_both(tmp_path: Path, trained: Trained) -> None:
    frozen = OptimiserConfig(learning_rate=0.0)
    config = with_phase(train_config(), Phase.END_TO_END, steps=1, optimiser=frozen)
    result = train(Phase.END_TO_END, tmp_path, config, pretrained=trained.before(Phase.END_TO_END))
    both = weights(result.folder, "last")
    learnt = trained.both()
    assert both.keys() == learnt.keys()
    moving = ("running_mean", "running_var", "num_batches_tracked")
    assert all(torch.equal(both[n], learnt[n]) for n in both if not n.endswith(moving))


def test_end_to_end_refuses_to_start_without_both_pretrained_nets(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"tnet has no checkpoint.*mnet has no checkpoint"
    ) as no:
        train(Phase.END_TO_END, tmp_path)
    assert f"shm train STORE --run {tmp_path} --phase mnet" in str(no.value)
    train(Phase.MNET, tmp_path)
    with pytest.raises(TrainingError) as half:
        train(Phase.END_TO_END, tmp_path)
    assert "--phase tnet" in str(half.value)
    assert "--phase mnet" not in str(half.value)


def test_end_to_end_refuses_a_half_trained_net(tmp_path: Path) -> None:
    train(Phase.MNET, tmp_path)
    with pytest.raises(Killed):
        train(Phase.TNET, tmp_path, on_step=killed_at(4))
    with pytest.raises(TrainingError, match="tnet stands at step 4 of 6"):
        train(Phase.END_TO_END, tmp_path)


def test_a_checkpoint_of_another_phase_or_architecture_is_refused(
    tmp_path: Path, trained: Trained
) -> None:
    swapped = {"tnet": trained.folder(Phase.MNET), "mnet": trained.folder(Phase.TNET)}
    with pytest.raises((TrainingError, CheckpointError), match="mnet"):
        train(Phase.END_TO_END, tmp_path, pretrained=swapped)
    other = train_config(model=ModelConfig(tnet="pspnet50", mnet="light"))
    with pytest.raises((TrainingError, CheckpointError), match="pspnet50"):
        train(Phase.END_TO_END, tmp_path, other, pretrained=trained.before(Phase.END_TO_END))
    with pytest.raises((TrainingError, CheckpointError), match="pspnet50"):
        train(Phase.TNET, trained.run, other)


def test_a_net_of_other_hyper_parameters_is_refused_though_its_weights_would_fit(
    tmp_path: Path, trained: Trained
) -> None:
    skipping = dim_config(model=ModelConfig(dim="dim", width=0.1, skips=True))
    with pytest.raises(CheckpointError, match=r"its dim has skips False, not True: .*model.skips"):
        train(Phase.STAGE_1, tmp_path, skipping, pretrained={"dim": trained.folder(Phase.STAGE_0)})
