"""Recipes on the command line: printed, changed, and trained from end to end."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shm.checkpoint import last_metadata, load_weights, read_metadata, resolve
from tests.datasets.stores import write_store
from tests.workflows.corpora import run

SMALL = ("--batch", 2, "--crop", 32, "--workers", 0, "--set", "loop.picture_every=0")


def line(stderr: str) -> str:
    """Return the one line that a refused command says."""
    (said,) = stderr.splitlines()
    return said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of composites, that of its people, and narrow Deep Image Matting trained on it."""
    folder = tmp_path_factory.mktemp("recipes")
    write_store(folder / "train.zarr", 15)
    narrow = ("--preset", "dim-light", "--set", "model.width=0.1", "--set", "phases.*.steps=2")
    run("shm", "train", folder / "train.zarr", "--run", folder / "dim", *narrow, *SMALL)
    return folder


# -------------------------------------------------------------------- what is said without a store


def test_a_printed_recipe_is_one_to_start_from_and_needs_no_store(tmp_path: Path) -> None:
    changes = ("--set", "losses.gamma=0.3", "--set", "phases.*.steps=2", "--seed", 7, "--no-fusion")
    printed = run("shm", "train", "--print-config", "--preset", "paper", *changes).stdout
    values = tomllib.loads(printed)
    assert (values["losses"]["gamma"], values["seed"], values["model"]["fusion"]) == (0.3, 7, False)
    assert {phase["steps"] for phase in values["phases"].values()} == {2}
    switched = run("shm", "train", "--print-config", "--no-end-to-end", *changes).stdout
    steps = {name: each["steps"] for name, each in tomllib.loads(switched)["phases"].items()}
    assert steps == {"tnet": 2, "mnet": 2, "end-to-end": 0}
    mine = tmp_path / "mine.toml"
    mine.write_text(printed)
    assert run("shm", "train", "--print-config", "--preset", mine).stdout == printed


def test_a_setting_that_is_none_is_a_line_that_names_the_nearest(tmp_path: Path) -> None:
    words = ("shm", "train", tmp_path / "no.zarr", "--run", tmp_path / "run")
    said = line(run(*words, "--set", "losses.gama=1", code=1).stderr)
    assert "losses.gama: did you mean losses.gamma?" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("given", "missing"), [((), "STORE"), (("x.zarr",), "--run")])
def test_training_without_a_store_or_a_run_is_wrong_usage(
    given: tuple[str, ...], missing: str
) -> None:
    refused = run("shm", "train", *given, code=2)
    assert "Usage: " in refused.stderr
    assert missing in refused.stderr.splitlines()[-1]


# -------------------------------------------------------------------- Deep Image Matting


def test_the_four_stages_of_deep_image_matting_are_trained_in_their_order(folder: Path) -> None:
    stages = [f"stage-{stage}" for stage in range(4)]
    for stage in stages:
        found = last_metadata(folder / "dim" / stage)
        assert found is not None
        assert (found.phase, found.step, found.model.dim) == (stage, 2, "dim")
    begun = [read_metadata(resolve(folder / "dim" / stage)).start["dim"] for stage in stages]
    assert begun[0]["source"] == "scratch"
    for earlier, later in zip(stages, begun[1:], strict=False):
        assert Path(later["checkpoint"]).parent == Path(earlier)  # within the run


def test_deep_image_matting_is_scored_with_true_trimaps_and_says_so(folder: Path) -> None:
    words = ("shm", "evaluate", folder / "dim", folder / "train.zarr")
    found = json.loads(run(*words, "--json").stdout)
    assert (found["trimap"], found["samples"]) == ("true", 3)
    assert found["whole"]["sad"] == pytest.approx(found["unknown"]["sad"])  # the rest is known
    said = line(run(*words, "--trimap", "predicted", code=1).stderr)
    assert "has no T-Net that predicts trimaps" in said
    assert "--trimap true" in said


def test_deep_image_matting_refuses_photos_without_trimaps_in_a_line(
    folder: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(photo)
    said = line(
        run("shm", "predict", folder / "dim", photo, "--out", tmp_path / "out", code=1).stderr
    )
    assert "can't see a photo without a trimap" in said
    assert "give an end-to-end checkpoint" in said
    assert not (tmp_path / "out").exists()


# -------------------------------------------------------------------- options of the light recipe


def test_nets_can_be_joined_as_they_are_and_older_checkpoints_kept(
    folder: Path, tmp_path: Path
) -> None:
    options = ("--set", "model.width=0.25", "--steps", 3, "--checkpoint-every", 1)
    run(
        *("shm", "train", folder / "train.zarr", "--run", tmp_path, *SMALL),
        *(*options, "--keep", 2, "--no-end-to-end"),
    )
    joined, metadata = load_weights(resolve(tmp_path, prefer="last"))
    assert (metadata.phase, metadata.step) == ("end-to-end", 0)
    apart = {**load_weights(tmp_path / "tnet")[0], **load_weights(tmp_path / "mnet")[0]}
    assert joined.keys() == apart.keys()
    assert all(torch.equal(joined[name], apart[name]) for name in joined)
    for phase in ("tnet", "mnet"):
        pointers = {path.name for path in (tmp_path / phase).glob("*.json")}
        assert pointers == {"best.json", "last.json", "step-00000002.json"}
        older = load_weights(tmp_path / phase / "step-00000002.json")[1]
        assert older.step == 2


def test_prepared_people_can_be_trained_on_where_no_loss_reads_their_backgrounds(
    folder: Path, tmp_path: Path
) -> None:
    people = folder / "train-people.zarr"
    options = ("--phase", "mnet", "--steps", 2, "--set", "model.width=0.25", *SMALL)
    words = ("shm", "train", people, "--run", tmp_path / "run", *options)
    said = line(run(*words, code=1).stderr)
    assert "shm-data composite" in said
    assert "--set losses.composition=observed" in said
    assert not (tmp_path / "run").exists()
    run(*words, "--set", "losses.composition=observed")
    found = last_metadata(tmp_path / "run" / "mnet")
    assert found is not None
    assert found.step == 2
