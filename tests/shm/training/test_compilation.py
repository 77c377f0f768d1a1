"""Compiled nets against the same nets as they were written."""

import os
import shutil
from dataclasses import replace

import pytest
import torch
from torch._dynamo.utils import counters

from shm.models import SemanticHumanMatting
from shm.models.light import LightMatting, LightMattingConfig
from shm.training.batch import LAYOUT, to_device
from shm.training.phases import Phase
from shm.training.ranks import Ranks
from shm.training.step import TrainingStep
from shm.training.validation import validate
from tests.shm.training.small_runs import CPU, SIDE, batches, train_config, validation

COMPILER = shutil.which(os.environ.get("CXX", "g++"))


def step_of(*, compiled: bool) -> TrainingStep:
    """Return the step of an M-Net with one halving, the smallest there is."""
    config = train_config()
    config = replace(config, loop=replace(config.loop, compile=compiled))
    torch.manual_seed(0)
    model = SemanticHumanMatting(None, LightMatting(LightMattingConfig(widths=(4, 8))))
    return TrainingStep(Phase.MNET, config, model.to(memory_format=LAYOUT), CPU, Ranks())


def losses(take: TrainingStep) -> list[float]:
    stream = batches(0)
    ready = [to_device(next(stream), CPU, SIDE) for _ in range(2)]
    return [take([batch], step, 3e-3)["total"] for step, batch in enumerate(ready)]


@pytest.mark.skipif(COMPILER is None, reason="torch.compile needs a C++ compiler on a processor")
def test_compiled_nets_learn_what_they_do_uncompiled_and_are_judged_as_they_were_written() -> None:
    # Twenty seconds where PyTorch's cache of compiled code has nothing of it yet, else a few.
    counters.clear()
    plain, compiled = step_of(compiled=False), step_of(compiled=True)
    expected = losses(plain)
    assert not counters["stats"]
    assert losses(compiled) == pytest.approx(expected, rel=1e-4)
    assert counters["stats"]["unique_graphs"] == 1
    assert compiled.model.state_dict().keys() == plain.model.state_dict().keys()
    sads = []
    for take in (plain, compiled):
        judged = validate(take.judged, validation(), device=CPU)
        assert judged is not None
        sads.append(judged.figures["whole"]["sad"])
    assert sads[1] == pytest.approx(sads[0], rel=1e-3)
    assert counters["stats"]["unique_graphs"] == 1  # samples of other sizes compile nothing
