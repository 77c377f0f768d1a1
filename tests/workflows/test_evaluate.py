"""shm evaluate: methods against truth, as processes."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label

from shm.commands.speech import finite
from shm.evaluation import read_csv
from shm.workflows.evaluate import EvaluateRun, evaluate
from shm.workflows.truth import FolderTruths
from tests.datasets.stores import write_store
from tests.workflows.corpora import run


def said(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json").stdout)
    return found


# -------------------------------------------------------------------- folders of predictions


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions, truth, trimaps and photos of three small pictures."""
    folder = tmp_path_factory.mktemp("folders")
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:48, 0:40]
    for index in range(3):
        distance = np.hypot(rows - 24, columns - 20 - index)
        truth = np.clip((15 - distance) / 6, 0, 1)
        trimap = np.where(truth > 0, np.where(truth < 1, 128, 255), 0)
        wrong = np.clip(truth + random.normal(0, 0.1, truth.shape) * (trimap == 128), 0, 1)
        image = np.clip(random.normal(100, 10, (48, 40, 3)) + 120 * truth[..., None], 0, 255)
        for name, pixels in (
            ("truth", truth * 255),
            ("trimaps", trimap),
            ("predictions", wrong * 255),
            ("images", image),
        ):
            (folder / name / "deep").mkdir(parents=True, exist_ok=True)
            file = folder / name / ("deep" if index == 2 else ".") / f"p{index}.png"
            Image.fromarray(pixels.round().astype(np.uint8)).save(file)
    return folder


def by_hand(prediction: Path, truth: Path, trimap: Path) -> dict[str, float]:
    """Work errors out once more, pixel by pixel and in other words than the metrics'."""
    alpha, true = (np.asarray(Image.open(p), np.float64) / 255 for p in (prediction, truth))
    unknown = np.asarray(Image.open(trimap)) == 128
    apart = alpha - true
    found = {
        "whole_sad": abs(apart).sum() / 1000,
        "whole_mse": (apart**2).sum() / apart.size,
        "dim_sad": abs(apart[unknown]).sum() / 1000,
        "dim_mse": (apart[unknown] ** 2).mean(),
        "shm_sad": abs(apart).mean(),
    }
    # Connectivity: the last of the levels 0.1, 0.2 ... 1 at which a pixel was still of the source.
    last = np.zeros(alpha.shape)
    alive = np.ones(alpha.shape, bool)
    for level in range(1, 11):
        both = (alpha >= level / 10 - 1e-6) & (true >= level / 10 - 1e-6)
        regions, count = label(both)
        sizes = [(regions == index).sum() for index in range(1, count + 1)]
        source = np.isin(regions, [1 + i for i, size in enumerate(sizes) if size == max(sizes)])
        alive &= source
        last[alive] = level / 10
    degrees = []
    for each in (alpha, true):
        beyond = each - last
        degrees.append(1 - np.where(beyond >= 0.15 - 1e-6, beyond, 0))
    found["dim_conn"] = abs(degrees[0] - degrees[1])[unknown].sum() / 1000
    return found


def test_command_python_and_recomputation_by_hand_agree(folders: Path, tmp_path: Path) -> None:
    table = tmp_path / "figures.csv"
    sides = ("--predictions", folders / "predictions", "--truth", folders / "truth")
    options = (*sides, "--trimaps", folders / "trimaps", "--csv", table)
    found = said("shm", "evaluate", *options)
    truths = FolderTruths(folders / "truth", trimaps=folders / "trimaps")
    mine = evaluate(truths, EvaluateRun(predictions=folders / "predictions"), lambda _: None)
    assert found == json.loads(json.dumps(finite(mine.as_json())))
    assert found["groups"] == 3  # too few for an interval
    assert found["intervals"]["whole"]["sad"] == [None, None]
    with table.open() as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"p0", "p1", "deep/p2"}
    for name, row in rows.items():
        files = (folders / kind / f"{name}.png" for kind in ("predictions", "truth", "trimaps"))
        for figure, value in by_hand(*files).items():
            assert float(row[figure]) == pytest.approx(value, rel=1e-9), figure
    conventions = found["conventions"]
    assert isinstance(conventions, dict)
    for name in ("dim", "shm"):
        mean = np.mean([float(row[f"{name}_grad"]) for row in rows.values()])
        assert conventions[name]["grad"] == pytest.approx(mean)
        assert "÷" in conventions[name]["meaning"]


def test_predictions_are_found_by_names_as_people_write_them(folders: Path, tmp_path: Path) -> None:
    for index, name in enumerate(("p0_alpha.png", "p1.webp", "deep/p2-matte.png")):
        source = folders / "predictions" / ("deep" if index == 2 else ".") / f"p{index}.png"
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with Image.open(source) as picture:
            picture.convert("RGB" if "webp" in name else "L").save(tmp_path / name, lossless=True)
    sides = ("--predictions", tmp_path, "--truth", folders / "truth")
    exact = ("--predictions", folders / "predictions", "--truth", folders / "truth")
    assert said("shm", "evaluate", *sides)["whole"] == said("shm", "evaluate", *exact)["whole"]


def test_a_prediction_that_is_missing_or_does_not_fit_is_named_and_the_others_count(
    folders: Path, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((48, 40), np.uint8)).save(tmp_path / "p0.png")
    Image.fromarray(np.zeros((48, 41), np.uint8)).save(tmp_path / "p1.png")
    sides = ("--predictions", tmp_path, "--truth", folders / "truth")
    done = run("shm", "evaluate", *sides, "--json", code=1)
    found = json.loads(done.stdout)
    assert found["samples"] == 1
    assert len(found["failed"]) == 2
    assert "p1.png: 41×48 pixels, the true alpha 40×48" in done.stderr
    assert "no prediction of 'deep/p2'" in done.stderr
    assert "2 images could not be scored" in done.stderr


def test_baselines_are_measured_on_the_true_trimaps_and_beat_nothing(folders: Path) -> None:
    sides = ("--truth", folders / "truth", "--trimaps", folders / "trimaps")
    names = ("mask", "closed-form", "knn", "hybrid")
    asked = [word for name in names for word in ("--baseline", name)]
    found = said("shm", "evaluate", *sides, "--images", folders / "images", *asked)
    assert found["model"] == "mask"
    others = found["baselines"]
    assert isinstance(others, dict)
    assert list(others) == ["closed-form", "knn", "hybrid"]
    assert isinstance(found["unknown"], dict)
    for name in ("closed-form", "hybrid"):
        assert others[name]["unknown"]["sad"] < found["unknown"]["sad"]


WRONG = {
    "nothing to measure": ((), 2, "MODEL"),
    "three words": (("a", "b", "c"), 2, "MODEL"),
    "trimaps of a store": (("a", "b", "--trimaps", "c"), 2, "--truth"),
    "no such folder": (("--predictions", "none", "--truth", "none"), 1, "none: no such folder"),
    "no such table": (("--baseline", "mask", "--against", "x.csv"), 1, "x.csv"),
}


@pytest.mark.parametrize(("words", "code", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_can_not_be_measured_is_a_line(
    words: tuple[str, ...], code: int, told: str, folders: Path
) -> None:
    if "--against" in words:
        words = (*words, "--truth", str(folders / "truth"), "--trimaps", str(folders / "trimaps"))
    assert told in run("shm", "evaluate", *words, code=code).stderr


def test_the_sheet_has_the_columns_that_there_are(folders: Path, tmp_path: Path) -> None:
    sides = ("--predictions", folders / "truth", "--truth", folders / "truth")
    for more, columns in (
        ((), 2),  # the prediction and the truth
        (("--trimaps", folders / "trimaps"), 3),
        (("--trimaps", folders / "trimaps", "--images", folders / "images"), 4),
    ):
        path = tmp_path / f"{columns}.png"
        run("shm", "evaluate", *sides, *more, "--sheet", path, "--worst", 1)
        with Image.open(path) as sheet:
            assert sheet.size == ((1 + columns) * 196, 20 + 196)
            assert np.asarray(sheet.convert("L"))[20:, :196].min() < 100  # a name and a figure


def test_what_is_written_takes_nobody_s_place(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "folder").mkdir()
    sides = ("--predictions", folders / "truth", "--truth", folders / "truth")
    for option in ("--csv", "--markdown", "--sheet"):
        for place, told, code in (
            (
                next((folders / "truth").iterdir()),
                f"lies in {folders / 'truth'}: name another place",
                2,
            ),
            (tmp_path / "notes", "is there, and none of ours", 2),
            (tmp_path / "folder", "is a folder or a device", 2),
            ("/dev/null", "is a folder or a device", 2),
            (tmp_path / "notes" / "f", "notes is no folder: name another place", 1),
        ):
            assert told in run("shm", "evaluate", *sides, option, place, code=code).stderr
    assert (tmp_path / "notes").read_text() == "mine"


# -------------------------------------------------------------------- a store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate") / "train.zarr"
    write_store(path, 15)
    return path


def test_nets_and_baselines_share_t_nets_trimap_and_all_is_written(
    store: Path, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("f.csv", "f.md", "worst.png")}
    found = said(
        *("shm", "evaluate", "untrained:light", store, "--baseline", "mask"),
        *("--csv", files["f.csv"], "--markdown", files["f.md"]),
        *("--sheet", files["worst.png"], "--worst", 2),
    )
    assert found["trimap"] == "predicted"
    trimaps = found["trimaps"]
    assert isinstance(trimaps, dict)
    assert np.sum(trimaps["confusion"]) > 0
    assert set(trimaps["iou"]) == {"background", "unknown", "foreground"}
    tables = read_csv(files["f.csv"])
    assert list(tables) == ["untrained:light", "mask"]
    assert len(tables["mask"]) == found["samples"] == 3
    markdown = files["f.md"].read_text()
    assert "as in Deep Image Matting (unknown region" in markdown
    assert "| mask |" in markdown
    with Image.open(files["worst.png"]) as sheet:
        assert sheet.height == 20 + 2 * 196
        assert sheet.width == 7 * 196  # its name, image, two trimaps, two alphas, the truth
    both = ("--against", files["f.csv"], "--csv", files["f.csv"])  # read before it is replaced
    again = said("shm", "evaluate", "untrained:light", store, *both)
    compared = again["against"]
    assert isinstance(compared, dict)
    assert compared["whole"]["sad"]["difference"] == 0


def test_predictions_of_a_store_are_found_by_its_samples_names(store: Path, tmp_path: Path) -> None:
    run("shm-data", "export", store, tmp_path, "--split", "test")
    found = said("shm", "evaluate", "--predictions", tmp_path / "alpha", store)
    assert found["samples"] == 3
    assert found["whole"] == dict.fromkeys(("sad", "mse", "mad", "grad", "conn"), 0)
