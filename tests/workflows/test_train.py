"""Who is given what, before anything is trained."""

from pathlib import Path

import pytest

from shm.training.checks import ConfigError
from shm.training.phases import Phase
from shm.training.presets import load_recipe
from shm.workflows.train import TrainError, given_to

OURS = Path("ours")


def test_a_checkpoint_is_given_to_the_first_phase_with_its_net_alone() -> None:
    light, dim = load_recipe("light"), load_recipe("dim")
    given = given_to(dim.recipe, {"dim": OURS}, dim)
    assert given == {Phase.STAGE_0: {"dim": OURS}, **{phase: {} for phase in dim.recipe[1:]}}
    given = given_to(light.recipe, {"tnet": OURS}, light)
    assert given == {Phase.TNET: {"tnet": OURS}, Phase.MNET: {}, Phase.END_TO_END: {}}
    both = {"tnet": OURS, "mnet": OURS}
    assert given_to([Phase.END_TO_END], both, light) == {Phase.END_TO_END: both}


def test_a_checkpoint_that_no_phase_has_a_use_for_is_refused() -> None:
    light = load_recipe("light")
    with pytest.raises(TrainError, match="--dim ours: tnet, mnet, end-to-end of the recipe light"):
        given_to(light.recipe, {"dim": OURS}, light)
    with pytest.raises(TrainError, match="train no mnet"):
        given_to([Phase.TNET], {"mnet": OURS}, light)
    with pytest.raises(ConfigError, match="no phase stage-0"):
        given_to([Phase.STAGE_0], {}, light)
