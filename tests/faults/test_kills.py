"""A command that is killed at any moment and run again makes what an undisturbed one makes."""

import re
from pathlib import Path

import psutil
import pytest

from tests.faults.attacks import Moment, at, interrupt, terminate, under, wait_for
from tests.faults.chain import (
    COMPOSITE,
    EXPORT,
    PREPARE,
    TRAIN,
    Attacked,
)
from tests.faults.moments import MOMENTS
from tests.workflows.corpora import Options, run
from tests.workflows.forks import Command

ALONE: Options = ("--workers", 1)

QUICK = [
    (PREPARE, "between shard and record"),
    (PREPARE, "before it is called complete"),
    (COMPOSITE, "between recipes and their digest"),
    (EXPORT, "in a file"),
    (TRAIN, "between weights and state"),
    (TRAIN, "in the best of a phase"),
]
"""Those of `MOMENTS` that the suite has time for; the others are ``make soak``'s."""


@pytest.mark.parametrize(
    ("attacked", "moment"), QUICK, ids=[f"{each.name} {moment}" for each, moment in QUICK]
)
def test_killed_at_the_worst_moment_it_makes_the_same_bytes(
    chain: Path, tmp_path: Path, there: Options, attacked: Attacked, moment: str
) -> None:
    out = tmp_path / attacked.result
    words = attacked.words(chain, out)
    alone, ready = (ALONE, there) if attacked.dask else ((), ())
    came, _ = at(MOMENTS[attacked][moment], (*words, *alone), tmp_path / "event")
    assert came
    run(*words, *ready)
    assert attacked.is_same(chain, out)


@pytest.mark.parametrize("strike", [interrupt, terminate])
def test_ctrl_c_and_sigterm_leave_what_the_next_run_goes_on_with(
    chain: Path, tmp_path: Path, there: Options, strike: object
) -> None:
    out = tmp_path / PREPARE.result
    words = PREPARE.words(chain, out)

    def attack(command: Command) -> bool:
        wait_for(out / "record/c/0/0", command)
        assert callable(strike)
        strike(psutil.Process(command.pid))
        return True

    _, told = under(attack, (*words, *ALONE))
    if strike is interrupt:
        kept = r"( with \d+ of \d+ shards made, which are kept)?"
        last = told.splitlines()[-1]
        assert re.fullmatch(rf"interrupted{kept}: run the same command to carry on", last), last
    run(*words, *there)
    assert PREPARE.is_same(chain, out)


def test_a_worker_that_dies_is_replaced_and_loses_nothing(chain: Path, tmp_path: Path) -> None:
    out = tmp_path / PREPARE.result
    moment = Moment("os.rename", "/record/c/1/0$", act="kill")
    came, told = at(moment, (*PREPARE.words(chain, out), *ALONE), tmp_path / "event")
    assert came
    assert re.search(r"140 photos accepted, 0 rejected", told)
    assert PREPARE.is_same(chain, out)


def test_what_struck_it_is_what_was_meant(tmp_path: Path) -> None:
    """The harness itself: the moment comes in the command, and not before."""
    words = ("shm-data", "inspect", tmp_path / "none.zarr")
    came, told = at(Moment("os.rename", "anything"), words, tmp_path / "event")
    assert not came
    assert "no such store" in told
