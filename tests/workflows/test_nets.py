"""train, evaluate and predict, as processes on a store of small composites."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shm.datasets.composites.store import Form
from shm.evaluation import read_csv
from tests.datasets.stores import EVERY_OPTION, all_files, write_people, write_store
from tests.workflows.corpora import run
from tests.workflows.forks import LEAN, Command, Forks, forks

PHASES = ("tnet", "mnet", "end-to-end")
STEPS = 8
LIMITS = (
    *("--steps", STEPS, "--batch", 2, "--crop", 32, "--workers", 0, "--set", "model.width=0.25"),
    # So that lines of the log tell of steps on both sides of a checkpoint, too.
    *("--checkpoint-every", 3, "--set", "loop.log_every=2"),
)


def train(folder: Path, name: str, *more: object) -> tuple[object, ...]:
    return "shm", "train", folder / "train.zarr", "--run", folder / name, *LIMITS, *more


def losses(run_folder: Path, phase: str) -> list[dict[str, object]]:
    lines = (run_folder / phase / "log.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [{"step": r["step"], "losses": r["losses"]} for r in records if r["kind"] == "train"]


def stop_when(words: tuple[object, ...], sign: Path, number: signal.Signals) -> Command:
    """Start a command, send it a signal once something is in the file `sign`, and return it."""
    process = forks().start(words)
    give_up = time.monotonic() + 120
    while not (sign.exists() and sign.stat().st_size):
        assert process.poll() is None, process.wait().stderr
        assert time.monotonic() < give_up
        time.sleep(0.002)
    process.send_signal(number)
    return process


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, and the run of an undisturbed training of all three phases."""
    folder = tmp_path_factory.mktemp("nets")
    write_store(folder / "train.zarr", 15)
    run(*train(folder, "run"))
    return folder


def test_all_three_phases_leave_checkpoints_logs_and_pictures(folder: Path) -> None:
    for phase in PHASES:
        there = folder / "run" / phase
        assert (there / "log.jsonl").stat().st_size
        assert list(there.glob("best*.safetensors"))
        assert list(there.glob("last*.safetensors"))
        assert list((there / "pictures").glob("*.png"))
        assert list((there / "tensorboard").iterdir())


def test_a_finished_run_run_again_trains_nothing(folder: Path) -> None:
    before = all_files(folder / "run")
    run(*train(folder, "run"))
    assert all_files(folder / "run") == before


@pytest.fixture(scope="module")
def killed(folder: Path) -> Path:
    """The run of a training that was killed in each phase."""
    words = train(folder, "killed")
    for phase in PHASES:
        stopped = stop_when(words, folder / "killed" / phase / "last.json", signal.SIGKILL)
        assert stopped.wait().returncode == -signal.SIGKILL
        assert STEPS not in [each["step"] for each in losses(folder / "killed", phase)]
    run(*words)
    return folder / "killed"


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_training_goes_on_with_the_same_losses(
    folder: Path, killed: Path, phase: str
) -> None:
    assert losses(killed, phase) == losses(folder / "run", phase)
    for name in ("best", "last"):
        (weights,) = (killed / phase).glob(f"{name}-*-????????????.safetensors")
        assert weights.read_bytes() == (folder / "run" / phase / weights.name).read_bytes()


def test_end_to_end_starts_from_nets_that_other_runs_have_trained(folder: Path) -> None:
    given = ("--tnet", folder / "run" / "tnet", "--mnet", folder / "run" / "mnet")
    run(*train(folder, "given", "--phase", "end-to-end", *given))
    assert losses(folder / "given", "end-to-end") == losses(folder / "run", "end-to-end")


def test_end_to_end_without_pretrained_nets_is_refused(folder: Path) -> None:
    refused = run(*train(folder, "none", "--phase", "end-to-end"), code=1)
    assert "tnet" in refused.stderr
    assert "mnet" in refused.stderr


def test_other_settings_on_the_same_run_are_refused(folder: Path) -> None:
    words = train(folder, "run", "--phase", "tnet", "--learning-rate", "0.5")
    assert "learning_rate" in run(*words, code=1).stderr


def test_the_paper_preset_never_starts_from_random_weights_unasked(folder: Path) -> None:
    missing = folder / "missing.pth"
    words = ("train", folder / "train.zarr", "--run", folder / "paper", "--phase", "tnet")
    refused = run("shm", *words, "--preset", "paper", "--tnet-weights", missing, code=1)
    assert "missing.pth" in refused.stderr
    assert "scratch" in refused.stderr


def test_prepared_photos_are_no_composites(folder: Path) -> None:
    write_people(folder / "people.zarr", 5)
    refused = run("shm", "train", folder / "people.zarr", "--run", folder / "x", code=1)
    assert "shm-data composite" in refused.stderr


def test_a_lazy_store_is_trained_on_with_the_same_losses(folder: Path) -> None:
    write_store(folder / "lazy.zarr", 15, form="lazy")
    words = ("shm", "train", folder / "lazy.zarr", "--run", folder / "lazy", *LIMITS)
    run(*words, "--phase", "tnet")
    assert losses(folder / "lazy", "tnet") == losses(folder / "run", "tnet")


BAN = """
import sys
class Ban:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {'dask', 'distributed', 'pymatting', 'cv2', 'skimage'}:
            raise ImportError(f'{name} is not on a GPU node')
sys.meta_path.insert(0, Ban())
"""


@pytest.fixture(scope="module")
def lean() -> Iterator[Forks]:
    """Commands where little can be imported, from the first import on."""
    there = Forks(LEAN, first=BAN)
    yield there
    there.close()


@pytest.mark.parametrize("form", ["lazy", "materialised"])
def test_training_needs_neither_dask_nor_pymatting_nor_opencv(
    folder: Path, lean: Forks, form: Form
) -> None:
    store = write_store(folder / f"every-{form}.zarr", 15, form=form, config=EVERY_OPTION).path
    options = ("--run", folder / f"lean-{form}", *LIMITS, "--phase", "tnet", "--steps", 2)
    done = lean.run(("shm", "train", store, *options))
    assert done.returncode == 0, done.stderr


def test_evaluate_gives_figures_for_each_sample_and_their_means(folder: Path) -> None:
    table = folder / "figures.csv"
    words = ("evaluate", folder / "run", folder / "train.zarr", "--csv", table, "--json")
    found = json.loads(run("shm", *words).stdout)
    rows = next(iter(read_csv(table).values()))
    assert found["samples"] == len(rows) == 3
    assert found["whole"]["sad"] == pytest.approx(
        np.mean([row.figures["whole"]["sad"] for row in rows])
    )
    metrics = ["sad", "mse", "mad", "grad", "conn"]
    assert list(found["whole"]) == list(found["unknown"]) == metrics


def test_evaluate_prints_tables_that_say_how_they_are_normalised(folder: Path) -> None:
    told = run("shm", "evaluate", folder / "run", folder / "train.zarr").stdout
    assert told.startswith("3 images of 3 people or scenes")
    for about in (
        "whole image;",
        "unknown region;",
        "as in Deep Image Matting",
        "T-Net: true class",
    ):
        assert f"| {about}" in told


def test_untrained_nets_can_be_evaluated_too(folder: Path) -> None:
    words = ("evaluate", "untrained:light", folder / "train.zarr", "--json")
    assert json.loads(run("shm", *words).stdout)["whole"]["sad"] > 0
    told = run("shm", "evaluate", "untrained:x", folder / "train.zarr", code=1).stderr
    assert "light" in told
    assert "paper" in told


def test_predict_gives_back_names_folders_and_sizes(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (50, 71, 3), np.uint8)
    Image.fromarray(noise).save(photos / "a.jpg")
    Image.fromarray(noise[:, :40]).save(photos / "deep" / "b.png")
    (photos / "broken.jpg").write_bytes(b"")
    words = ("predict", folder / "run", photos, "--out", tmp_path / "out")
    options = ("--alpha", "--cutout", "--trimap", "--background", "#ff0000")
    done = run("shm", *words, *options, code=1)
    assert "broken.jpg: the file is empty" in done.stderr
    assert "8 files written, 1 failed" in done.stderr
    kinds = ("alpha", "cutout", "trimap", "composite")
    written = {f"{kind}/{name}.png" for name in ("a", "deep/b") for kind in kinds}
    assert set(all_files(tmp_path / "out")) == written | {".shm-predict.jsonl"}
    with Image.open(tmp_path / "out" / "cutout" / "a.png") as cutout:
        assert (cutout.size, cutout.mode) == ((71, 50), "RGBA")
    with Image.open(tmp_path / "out" / "alpha" / "deep" / "b.png") as alpha:
        assert (alpha.size, alpha.mode) == ((40, 50), "L")


def test_a_checkpoint_that_is_none_is_one_line(folder: Path, tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(photo)
    (weights,) = (folder / "run" / "end-to-end").glob("best*.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(weights.read_bytes()[:5000])
    pickled = tmp_path / "model.pth"
    pickled.write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    for checkpoint in (cut, pickled, tmp_path / "none.safetensors", folder / "run" / "mnet"):
        told = run("shm", "predict", checkpoint, photo, "--out", tmp_path / "out", code=1).stderr
        assert checkpoint.name in told
        assert len(told.strip().splitlines()) == 1


def test_ctrl_c_before_the_first_checkpoint_says_that_there_is_none(folder: Path) -> None:
    often = ("--checkpoint-every", 300)
    words = train(folder, "early", "--phase", "tnet", "--steps", 400, *often)
    log = folder / "early" / "tnet" / "log.jsonl"
    stopped = stop_when(words, log, signal.SIGINT).wait()
    assert stopped.returncode == 130
    told = "there is no checkpoint yet, they come every 300 steps: run the same command"
    assert told in stopped.stderr


def test_ctrl_c_stops_in_a_line_and_training_goes_on_after(folder: Path) -> None:
    words = train(folder, "stopped", "--phase", "tnet", "--steps", 400, "--workers", 1)
    there = folder / "stopped" / "tnet"
    stopped = stop_when(words, there / "last.json", signal.SIGINT).wait()
    assert stopped.returncode == 130
    assert "Traceback" not in stopped.stderr
    assert re.search(
        r"^interrupted after step \d+ of tnet; the last checkpoint is of step \d+: "
        r"run the same command to carry on$",
        stopped.stderr,
        re.MULTILINE,
    )
