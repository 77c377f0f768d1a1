"""Checkpoints that are saved, replaced, kept and found."""

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shm.checkpoint import (
    CheckpointError,
    last_metadata,
    load_state,
    load_weights,
    read_metadata,
    remove_leftovers,
    resolve,
    save,
)
from tests.shm.checkpoint.checkpoints import METADATA, some_weights, write


def step_of(folder: Path, name: str) -> int:
    metadata = last_metadata(folder, name)
    assert metadata is not None
    return metadata.step


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    file = write(tmp_path)
    weights, metadata = load_weights(file)
    assert metadata == read_metadata(file) == METADATA
    assert weights.keys() == some_weights().keys()
    assert all(torch.equal(weights[name], some_weights()[name]) for name in weights)
    state = load_state(file)
    assert (state["best"], state["sums"], state["fill"]) == (0.5, {"alpha": 0.1}, 0.5)
    assert torch.equal(state["optimiser"]["state"][0], torch.arange(3.0))


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    write(tmp_path / "a")
    write(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(contents(tmp_path / "a")) == 3


def test_an_optimiser_that_was_loaded_is_saved_to_the_same_bytes(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    net(torch.ones(1, 3)).sum().backward()
    adam.step()

    def saved(folder: Path, optimiser: torch.optim.Adam) -> str:
        state = {"optimiser": optimiser.state_dict()}
        save(folder, "last", weights=some_weights(), metadata=METADATA, state=state)
        return (folder / "last.json").read_text()

    first = saved(tmp_path / "a", adam)
    again = torch.optim.Adam(net.parameters(), lr=1e-3)
    again.load_state_dict(load_state(tmp_path / "a")["optimiser"])
    assert saved(tmp_path / "b", again) == first


def test_a_figure_that_is_not_a_number_comes_back(tmp_path: Path) -> None:
    file = write(tmp_path, figures={"unknown": {"sad": math.nan}})
    assert math.isnan(read_metadata(file).figures["unknown"]["sad"])


def test_a_new_checkpoint_replaces_the_old_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    write(tmp_path, step=1)
    write(tmp_path, "best", step=1)
    file = write(tmp_path, step=2, fill=0.7)
    assert step_of(tmp_path, "last") == 2
    assert step_of(tmp_path, "best") == 1
    assert resolve(tmp_path, prefer="last") == file
    assert len(list(tmp_path.iterdir())) == 6
    assert load_state(file)["fill"] == 0.7


def test_a_folder_without_a_checkpoint_has_no_last_one(tmp_path: Path) -> None:
    assert last_metadata(tmp_path / "nowhere") is None


def test_as_many_of_the_newest_are_kept_as_was_asked(tmp_path: Path) -> None:
    def write_step(step: int, keep: int) -> None:
        metadata = replace(METADATA, step=step)
        weights, state = some_weights(step / 10), {"fill": step / 10}
        save(tmp_path, "last", weights=weights, metadata=metadata, state=state, keep=keep)

    def kept() -> list[int]:
        older = [read_metadata(resolve(p)).step for p in sorted(tmp_path.glob("step-*.json"))]
        assert len(list(tmp_path.glob("*.safetensors"))) == 2 * (len(older) + 1)
        return [*older, step_of(tmp_path, "last")]

    for step in (1, 2, 3, 4):
        write_step(step, keep=3)
    assert kept() == [2, 3, 4]
    assert load_state(tmp_path / "step-00000003.json")["fill"] == 0.3
    shutil.copy(tmp_path / "step-00000003.json", tmp_path / "last.json")  # going back
    assert load_state(tmp_path)["fill"] == 0.3
    write_step(4, keep=3)
    assert kept() == [2, 3, 4]
    write_step(5, keep=1)
    assert kept() == [5]


def test_a_checkpoint_killed_at_any_moment_is_the_old_or_the_new_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    calls = 0

    def count_down(real: Any) -> Any:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls -= 1
            if calls < 0:
                raise Killed
            return real(*arguments, **options)

        return counted

    # Everything that changes the disk goes through these.
    for owner, method in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
        monkeypatch.setattr(owner, method, count_down(getattr(owner, method)))
    seen = set()
    for moment in range(100):
        # Of the same step, as when a run that was killed repeats one, with other content.
        folder = tmp_path / str(moment)
        calls = 1000
        write(folder, fill=0.5)
        calls = moment
        try:
            write(folder, fill=0.7)
        except Killed:
            finished = False
        else:
            finished = True
        calls = 1000
        file = resolve(folder, prefer="last")
        weights, _ = load_weights(file)
        fill = load_state(file)["fill"]
        assert torch.equal(weights["tnet.a"], some_weights(fill)["tnet.a"])
        seen.add((fill, finished))
        write(folder, fill=0.9)
        assert load_state(folder)["fill"] == 0.9
        assert len(list(folder.iterdir())) == 3
        if finished:
            break
    assert seen == {(0.5, False), (0.7, False), (0.7, True)}


def test_leftovers_of_a_kill_are_removed_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "best")
    (tmp_path / "log.jsonl").touch()
    kept = set(tmp_path.iterdir())
    for name in (
        "last-00000039-0123456789ab.safetensors",
        "last-00000039-0123456789ab.state.safetensors",
        ".last-00000041-0123456789ab.safetensors.partial",
        ".last.json.partial",
    ):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, "last")
    assert set(tmp_path.iterdir()) == kept


def test_a_copied_file_of_weights_is_loaded_but_has_no_state(tmp_path: Path) -> None:
    copy = Path(shutil.copy(write(tmp_path / "run"), tmp_path / "mine.safetensors"))
    assert load_weights(copy)[1] == METADATA
    with pytest.raises(CheckpointError, match="no state beside it"):
        load_state(copy)


def test_a_checkpoint_without_state_says_so(tmp_path: Path) -> None:
    save(tmp_path, "best", weights=some_weights(), metadata=METADATA)
    with pytest.raises(CheckpointError, match="no state beside it"):
        load_state(tmp_path)


def test_a_path_means_a_file_a_pointer_a_phase_or_the_runs_end_to_end_phase(tmp_path: Path) -> None:
    run, phase = tmp_path / "run", tmp_path / "run" / "end-to-end"
    last, best = write(phase, step=2), write(phase, "best", step=1)
    write(run / "tnet")
    assert resolve(run) == resolve(phase) == resolve(phase / "best.json") == resolve(best) == best
    assert resolve(run, prefer="last") == resolve(phase / "last.json") == last
    refined = write(tmp_path / "dim" / "stage-3", "best")
    assert resolve(tmp_path / "dim") == refined


def test_a_file_of_state_is_never_taken_for_weights(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(CheckpointError, match="the state of training, not weights"):
        resolve(next(tmp_path.glob("*.state.safetensors")))


def test_a_path_without_a_checkpoint_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        resolve(tmp_path / "nowhere")
    write(tmp_path / "tnet")
    with pytest.raises(CheckpointError, match=r"a phase that is there \(tnet\)"):
        resolve(tmp_path)


def test_names_that_nobody_would_find_again_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="best or last"):
        write(tmp_path, "newest")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(CheckpointError, match="last can't be written"):
        write(tmp_path / "run")
