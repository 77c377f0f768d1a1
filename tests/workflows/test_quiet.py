"""What commands say: with --quiet nothing but errors, with --json one object, else what is next."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.terminals import code, in_file
from tests.workflows.corpora import Options, run, write_backgrounds, write_people

SMALL = ("--size", 64, "--refine", "none")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, there: Options) -> Path:
    """A corpus with a photo that can't be read, the store of its people, and lazy composites."""
    folder = tmp_path_factory.mktemp("quiet")
    write_people(folder / "photos", 12)
    (folder / "photos" / "images" / "p0003.png").write_bytes(b"no picture")
    write_backgrounds(folder / "backgrounds", 8)
    words = (folder / "photos", folder / "people.zarr", *SMALL, *there)
    done = run("shm-data", "prepare", *words, "--quiet", code=1)
    assert done.stdout == ""
    assert re.fullmatch(r"1 rejected, more than --max-rejects 0: [^\n]+\n", done.stderr)
    options = ("--backgrounds", folder / "backgrounds", "--lazy", *there)
    run("shm-data", "composite", folder / "people.zarr", folder / "lazy.zarr", *options, "-q")
    return folder


def test_rejects_are_told_unless_quiet_and_always_in_json(made: Path, there: Options) -> None:
    words = ("shm-data", "prepare", made / "photos", made / "people.zarr", *SMALL, *there)
    told = run(*words, code=1).stderr
    assert "rejected 'images/p0003.png'" in told
    assert "give --max-rejects 1" in told
    done = run(*words, "--quiet", "--json", code=1)
    assert done.stderr == ""
    assert [each["source"] for each in json.loads(done.stdout)["rejected"]] == ["images/p0003.png"]
    assert run(*words, "--quiet", "--max-rejects", 1).stderr == ""


@pytest.mark.parametrize(
    ("words", "then"),
    [
        (("inspect", "people.zarr"), "next: shm-data report "),
        (("verify", "people.zarr"), "next: shm-data composite "),
        (("verify", "lazy.zarr"), "next: shm train "),
        (("report", "people.zarr", "--out", "report.html"), "next: open "),
        (("export", "people.zarr", "files"), "files: 11 samples"),
        (("materialise", "lazy.zarr", "train.zarr"), "next: shm train "),
    ],
)
def test_a_command_says_what_is_next_or_nothing(
    made: Path, there: Options, words: tuple[str, ...], then: str
) -> None:
    name, *paths = words
    places = [each if each.startswith("--") else made / each for each in paths]
    asked = ("shm-data", name, *places, *(there if name == "materialise" else ()))
    assert then in run(*asked).stderr
    quiet = run(*asked, "--quiet")
    assert quiet.stderr == ""
    assert (quiet.stdout != "") == (name == "inspect")
    done = run(*asked, "--quiet", "--json")
    assert done.stderr == ""
    assert isinstance(json.loads(done.stdout), dict)


IMPATIENT = """
from shm.workflows import progress
progress.SHORT = 0
from shm.cli import data
data(prog_name="shm-data")
"""


def test_looking_through_what_is_there_shows_how_far_it_is(made: Path, tmp_path: Path) -> None:
    store = tmp_path / "people.zarr"
    shutil.copytree(made / "people.zarr", store)
    (store / "ledger.jsonl").unlink()  # without a history every file is hashed
    words = ("prepare", made / "photos", store, *SMALL, "--workers", 1)
    assert "look for changes: 12 of 12 photos (100 %)" in in_file(code(IMPATIENT, *words))
    assert "inspect: 1 of 1 shard (100 %)" in in_file(code(IMPATIENT, "inspect", store))


def test_errors_are_told_however_quiet(made: Path, tmp_path: Path) -> None:
    done = run("shm-data", "inspect", tmp_path / "none.zarr", "--quiet", code=1)
    assert done.stderr.startswith("Error: ")
    run("shm-data", "export", made / "people.zarr", tmp_path / "files", "-q")
    (tmp_path / "files" / ".shm-export.json").write_text("{}")
    told = run("shm-data", "export", made / "people.zarr", tmp_path / "files", "-q", code=1).stderr
    assert "name a new or an empty folder" in told


def test_a_recipe_is_printed_as_toml_or_as_json() -> None:
    recipe = json.loads(run("shm", "train", "--print-config", "--json").stdout)
    assert recipe["phases"]["tnet"]["steps"] > 0
    assert "[phases.tnet]" in run("shm", "train", "--print-config").stdout


def test_standard_output_has_room_for_one_thing(tmp_path: Path) -> None:
    words = ("untrained:light", tmp_path, "-o", "-", "--json")
    assert "not for both" in run("shm", "predict", *words, code=2).stderr
