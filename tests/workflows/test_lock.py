"""Two commands at once on one place: the second one stops, and names the first."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shm.workflows.ledger import read_ledger
from shm.workflows.lock import BusyError, PlaceError, locked
from tests.datasets.stores import all_files, write_people
from tests.workflows.corpora import Options, run
from tests.workflows.corpora import write_people as write_corpus


def holder(place: Path, *, inside: bool = False) -> "subprocess.Popen[str]":
    """Start another process that holds a place until it is ended."""
    code = (
        "import sys; from pathlib import Path; from shm.workflows.lock import locked\n"
        f"with locked(Path({str(place)!r}), 'shm-data prepare', inside={inside}):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_command_names_the_first_and_touches_nothing(
    tmp_path: Path, there: Options
) -> None:
    raw = write_corpus(tmp_path / "raw", 3)
    store = write_people(tmp_path / "people.zarr").path
    before = all_files(tmp_path)
    first = holder(tmp_path / "people.zarr")
    try:
        for words in (
            ("shm-data", "prepare", raw, store, *there),
            ("shm-data", "prepare", raw, store, "--overwrite", *there),
            ("shm-data", "verify", store, "--repair"),
        ):
            (line,) = run(*words, code=1).stderr.splitlines()
            assert f"`shm-data prepare` (process {first.pid} on {socket.gethostname()}," in line
            assert "is writing to it: wait for its end, or stop it" in line
        assert run("shm-data", "verify", store).returncode == 0  # who only reads is let in
    finally:
        first.communicate("")
    assert dict(all_files(tmp_path).items()) == before


def test_runs_and_folders_of_results_are_held_too(tmp_path: Path) -> None:
    store = write_people(tmp_path / "people.zarr").path
    trained = ("--phase", "tnet", "--set", "losses.composition=observed")
    run_folder, files = tmp_path / "run", tmp_path / "files"
    for place, words in {
        run_folder: ("shm", "train", store, "--run", run_folder, *trained),
        files: ("shm-data", "export", store, files),
    }.items():
        first = holder(place, inside=True)
        try:
            told = run(*words, code=1).stderr
            assert f"process {first.pid} on" in told
        finally:
            first.communicate("")


def test_the_lock_of_a_killed_command_holds_nobody_up(tmp_path: Path, there: Options) -> None:
    raw = write_corpus(tmp_path / "raw", 3)
    store = tmp_path / "people.zarr"
    first = holder(store)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert (tmp_path / ".people.zarr.lock").exists()
    run("shm-data", "prepare", raw, store, *there)
    assert not (tmp_path / ".people.zarr.lock").exists()
    notes = [line["text"] for line in read_ledger(store) if line["event"] == "note"]
    assert [f"process {first.pid} on" in note for note in notes] == [True]


def test_by_any_name_it_is_the_same_place(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with (
        locked(tmp_path / "data" / "s.zarr", "one"),
        pytest.raises(BusyError, match="`one`"),
        locked(tmp_path / "link" / "s.zarr", "two"),
    ):
        pass


def test_a_lock_that_says_nothing_is_a_lock_all_the_same(tmp_path: Path) -> None:
    with locked(tmp_path / "s.zarr", "one"):
        (tmp_path / ".s.zarr.lock").write_text("{")
        with (
            pytest.raises(BusyError, match="another command is writing to it"),
            locked(tmp_path / "s.zarr", "two"),
        ):
            pass


def test_a_place_that_can_t_be_written_to_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(PlaceError, match=r"can't be written to .*: name another place"),
        locked(tmp_path / "file" / "out", "one", inside=True),
    ):
        pass


def test_a_folder_for_results_never_lies_in_a_store(tmp_path: Path) -> None:
    store = tmp_path / "people.zarr"
    write_people(store, 2)
    before = all_files(store)
    for place in (store, store / "image", store / "deep" / "run"):
        with (
            pytest.raises(PlaceError, match=r"lies in the store .*: name another folder"),
            locked(place, "shm train", inside=True),
        ):
            pass
    told = run("shm-data", "sample", store / "sample", code=1).stderr
    assert "lies in the store" in told
    assert all_files(store) == before
