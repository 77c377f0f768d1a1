"""Pages are written in no other file's place, and damage to a run is left out of its page."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from shm.workflows.report.runs.curves import charts_of
from shm.workflows.report.runs.folder import RunError, read_run
from shm.workflows.report.runs.pictures import moments_within
from tests.datasets.stores import all_files
from tests.workflows.corpora import run

# -------------------------------------------------------------------- places


def test_a_page_takes_no_other_file_s_place(chain: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(chain / "people.zarr", tmp_path / "people.zarr"))
    training = Path(shutil.copytree(chain / "run", tmp_path / "run"))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = all_files(store), all_files(training)
    for command, target, why in (
        (("shm-data", "report", store), store / "zarr.json", "lies in"),
        (("shm-data", "report", store), store / "new.html", "lies in"),
        (("shm-data", "report", store), tmp_path / "notes.txt", "none of ours"),
        (("shm-data", "report", store), tmp_path / "folder", "a folder or a device"),
        (("shm-data", "report", store), tmp_path / "pipe", "a folder or a device"),
        (("shm", "report", training), training / "config.toml", "none of ours"),
    ):
        told = run(*command, "--out", target, code=2).stderr
        assert why in told
        assert str(target) in told
    assert (all_files(store), all_files(training)) == before
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_page_of_ours_is_written_anew_and_a_link_stays_one(chain: Path, tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to("page.html")
    for _ in range(2):
        run("shm-data", "report", chain / "people.zarr", "--out", tmp_path / "link.html")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "page.html").read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize("command", ["inspect", "verify", "report"])
def test_commands_work_where_nobody_hears_them(chain: Path, tmp_path: Path, command: str) -> None:
    out = ("--out", tmp_path / "page.html") if command == "report" else ()
    code = "from shm.cli import data; data(prog_name='shm-data')"
    words = [sys.executable, "-c", code, command, chain / "people.zarr", *out]
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *map(str, words)]
    done = subprocess.run(shell, stdout=subprocess.PIPE, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


# -------------------------------------------------------------------- damage to a run


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"kind": "train", "step": 1' + b"0" * 400 + b', "losses": {"total": 1}}',
        b"\xff\xfe{",
    ],
    ids=["deep", "a huge step", "no text"],
)
def test_a_line_of_a_log_that_is_none_is_left_out(chain: Path, tmp_path: Path, line: bytes) -> None:
    path = Path(shutil.copytree(chain / "run", tmp_path / "run"))
    log = path / "tnet" / "log.jsonl"
    log.write_bytes(line + b"\n" + log.read_bytes())
    found = read_run(path, "run")
    assert found.remarks[0].startswith("tnet/log.jsonl: left out 1 of ")
    assert len(found.logs["tnet"]) == len(read_run(chain / "run", "run").logs["tnet"])


def test_a_number_that_no_computer_has_is_no_point_of_a_curve(chain: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(chain / "run", tmp_path / "run"))
    log = path / "tnet" / "log.jsonl"
    line = json.dumps({"kind": "train", "step": 1, "losses": {"total": 10**400}})
    log.write_text(line + "\n" + log.read_text())
    logs = [read_run(each, "run").logs["tnet"] for each in (path, chain / "run")]
    assert len(logs[0]) == len(logs[1]) + 1
    harmed, whole = ({each.title: each for each in charts_of([log])} for log in logs)
    assert harmed == whole


def test_settings_that_are_too_deep_are_a_line(chain: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(chain / "run", tmp_path / "run"))
    (path / "config.toml").write_text("a=" + "[" * 5000)
    with pytest.raises(RunError, match=r"config\.toml: can't be read"):
        read_run(path, "run")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", None], ids=["empty", "cut", "dir"])
def test_a_damaged_picture_is_left_out_and_named(tmp_path: Path, content: bytes | None) -> None:
    for step in (1, 2):
        Image.new("RGB", (30, 20)).save(tmp_path / f"step-{step:06}.png")
    last = tmp_path / "step-000003.png"
    if content is None:
        last.mkdir()
    else:
        last.write_bytes(content)
    found = moments_within({("tnet", "run"): tmp_path}, 10e6)["tnet", "run"]
    assert found.damaged == [last.name]
    assert [step for step, _ in found.shown] == [1, 2]
    assert found.there == 3
