"""Processes that train together, as torchrun starts them, against one that trains alone."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
import torch

from shm.training.phase import TrainingError, require_divisible, train_phase
from shm.training.phases import Phase
from shm.training.ranks import Ranks
from tests.datasets.storage.servers import free_port
from tests.shm.training import rank_script
from tests.shm.training.rank_script import BAD, STEPS, VALIDATED, batches
from tests.shm.training.small_runs import curve, train_config, weights, with_phase
from tests.workflows.forks import Command, Forks

ROOT = Path(__file__).parents[3]
WORLD = 2


TRAINED_WITH = ("shm.training.phase", "shm.inference", "torch.utils.tensorboard")
"""What the processes import, which would take each of them seconds by itself."""


def start(forks: Forks, rank: int, port: int, folder: Path) -> Command:
    torchrun = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": WORLD, "MASTER_PORT": port}
    local = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    variables = {name: str(value) for name, value in torchrun.items()}
    with chdir(ROOT):
        words = ("python", "tests.shm.training.rank_script", folder)
        return forks.start(words, **variables, **local)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Compute as the processes do, to the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:  # noqa: ARG001
    """What two processes have trained, in ``two``, and the same by one, in ``one``."""
    folder = tmp_path_factory.mktemp("ranks")
    for name in ("one", "two"):
        (folder / name).mkdir()
    port = free_port()
    forks = Forks(TRAINED_WITH)
    processes = [start(forks, rank, port, folder / "two") for rank in range(WORLD)]
    try:
        rank_script.main(folder / "one", Ranks())
        for process in processes:
            done = process.wait()
            assert done.returncode == 0, done.stderr
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
        forks.close()
    return folder


@pytest.mark.parametrize("run", ["mnet", "mnet-parts-of-0", "stage-1", "stage-1-parts"])
def test_processes_that_share_a_batch_train_the_nets_that_one_with_all_of_it_does(
    run: str, folder: Path
) -> None:
    phase = run.partition("-parts")[0]
    theirs, alone, begun = (
        weights(folder / which / phase, "last")
        for which in (f"two/{run}", f"one/{phase}", f"one/{phase}-begun")
    )
    for name in alone:
        # The same numbers are added up in another order: their last bits differ.
        torch.testing.assert_close(theirs[name], alone[name], rtol=1e-4, atol=1e-6)
    assert max((alone[name] - begun[name]).abs().max() for name in alone) > 1e-3
    told, expected = (
        [record["losses"] for record in curve(each / phase) if record["kind"] == "train"]
        for each in (folder / "two" / run, folder / "one" / phase)
    )
    assert [pytest.approx(each, rel=1e-3) for each in expected] == told


@pytest.mark.parametrize("phase", ["mnet", "stage-1"])
def test_processes_judge_every_sample_once_and_to_the_same_last_bit(
    phase: str, folder: Path
) -> None:
    theirs, alone = (curve(folder / world / f"{phase}-begun" / phase) for world in ("two", "one"))
    assert theirs == alone
    assert [(record["kind"], record["samples"]) for record in theirs] == [("validation", VALIDATED)]


def test_a_sample_without_a_loss_stops_all_processes_and_is_named_by_each(folder: Path) -> None:
    said = [json.loads((folder / "two" / f"said-{rank}.json").read_text()) for rank in range(WORLD)]
    alone = json.loads((folder / "one" / "said-0.json").read_text())
    assert said[0] == said[1]
    for message in (alone, said[0]):
        assert "mnet: alpha is nan at step 2" in message
        assert BAD in message
    assert "1-0" not in said[0]  # the other process's samples are not to blame
    assert not (folder / "two" / "stopped" / "mnet" / "last.json").exists()


def test_the_first_process_alone_writes(folder: Path) -> None:
    there = {path.name for path in (folder / "two").iterdir() if "-of-" in path.name}
    assert there == {"mnet-parts-of-0"}
    for run in ("mnet", "stage-1"):
        told = [(line["kind"], line["step"]) for line in curve(folder / "two" / run / run)]
        assert told == [("train", 2), ("train", STEPS)]


@pytest.mark.parametrize(("batch", "accumulate", "multiple"), [(2, 1, 3), (4, 2, 6), (3, 3, 9)])
def test_a_batch_that_can_not_be_shared_is_refused_before_anything_is_made(
    batch: int, accumulate: int, multiple: int, tmp_path: Path
) -> None:
    config = with_phase(train_config(), Phase.MNET, batch=batch, accumulate=accumulate)
    ranks = Ranks(rank=0, world=3)
    told = (
        f"mnet: a batch of {batch} can't be shared by 3 processes in {accumulate} parts each: "
        f"set phases.mnet.batch to a multiple of {multiple}"
    )
    with pytest.raises(TrainingError, match=re.escape(told)):
        train_phase(
            Phase.MNET,
            config,
            run=tmp_path,
            batches=lambda start: batches(start, ranks, accumulate),
            device=torch.device("cpu"),
            ranks=ranks,
        )
    assert not list(tmp_path.iterdir())


def test_each_process_takes_its_share_in_parts() -> None:
    assert require_divisible(Phase.MNET, 12, 2, Ranks(rank=1, world=3)) == 2
