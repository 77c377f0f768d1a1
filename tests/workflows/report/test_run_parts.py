"""What the page of training runs is made of: checkpoints and stores in words, pictures that fit."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shm.checkpoint import read_metadata, resolve
from shm.datasets.opening import open_samples
from shm.evaluation import Scored, score_sample, summarise
from shm.workflows.evaluate import Evaluation, SheetRow
from shm.workflows.report.runs.curves import HEIGHT, WIDTH, charts_of
from shm.workflows.report.runs.figures import Measured, changes, remarks
from shm.workflows.report.runs.folder import read_run
from shm.workflows.report.runs.pictures import MOMENTS, SMALLEST, moments_within, worst_within
from shm.workflows.report.runs.provenance import provenance

# -------------------------------------------------------------------- checkpoints and stores


@pytest.fixture
def copy(chain: Path, tmp_path: Path) -> Callable[[], Path]:
    """Copy the run of the chain, to do harm to it."""
    return lambda: Path(shutil.copytree(chain / "run", tmp_path / "away" / "run"))


def told(run: Path) -> dict[str, str]:
    return {kept.phase: kept.told for kept in read_run(run, "run").kept}


def test_the_checkpoint_that_is_there_is_named(copy: Callable[[], Path]) -> None:
    run = copy()
    assert told(run)["mnet"].startswith("best checkpoint, step ")
    (run / "mnet" / "best.json").unlink()
    assert told(run)["mnet"] == "last checkpoint, step 8; none is the best yet"
    best = resolve(run / "tnet")
    best.write_bytes(best.read_bytes()[:1000])
    words = told(run)["tnet"]
    assert words.startswith("last checkpoint, step 8; the best checkpoint can't be read: tnet/best")
    assert str(run) not in words
    last = resolve(run / "tnet" / "last.json")
    last.write_bytes(b"")
    assert "the last checkpoint can't be read" in told(run)["tnet"]


def test_a_phase_that_has_just_begun_hides_no_origin(copy: Callable[[], Path]) -> None:
    run = copy()
    for file in (run / "end-to-end").glob("*.json"):
        file.unlink()
    facts = dict(provenance(read_run(run, "run"), None))
    assert facts["end-to-end"] == "no checkpoint yet"
    assert facts["mnet"].startswith("best checkpoint")
    assert "train 224" in facts["store train.zarr"]
    words = facts["tnet in tnet began with"]  # not the names of hundreds
    assert re.fullmatch(r"fresh \d+ tensors, source scratch", words)


def test_a_store_that_is_still_there_says_how_it_was_made(
    chain: Path, copy: Callable[[], Path], tmp_path: Path
) -> None:
    run = read_run(copy(), "run")
    assert "the store is not here" in dict(provenance(run, None))["its origin"]
    for place in (read_run(chain / "run", "run"), None), (run, chain / "train.zarr"):
        facts = dict(provenance(*place))
        assert facts["its seed"] == "0"
        assert facts["its backgrounds"].endswith(" of VOC2012")
        assert facts["its people"].startswith("store people.zarr, sha256 ")
        assert "zarr 3." in facts["its software"]
    shutil.copytree(chain / "people.zarr", tmp_path / "away" / "train.zarr")
    assert "with other content" in dict(provenance(run, None))["its origin"]


def test_people_of_a_corpus_say_which(chain: Path, copy: Callable[[], Path]) -> None:
    run = read_run(copy(), "run")
    kept = run.kept[-1]
    store = chain / "people.zarr"
    named = {"name": "people.zarr", "sha256": open_samples(store).identity()}
    metadata = read_metadata(resolve(run.path))
    mine = replace(metadata, stores=(named,))
    facts = dict(provenance(replace(run, kept=(kept._replace(metadata=mine),)), store))
    assert facts["its corpus"] == "raw, read as folder"
    assert facts["its seed"] == "0"


# -------------------------------------------------------------------- figures


def scored(count: int, each: int = 1, *, side: int = 8) -> list[Scored]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2, count, side, side), np.uint8)
    trimap = np.full((side, side), 128, np.uint8)
    return [
        score_sample(f"i{index}", wrong, truth, trimap, group=f"g{index // each}")
        for index, (wrong, truth) in enumerate(zip(*pixels, strict=True))
    ]


def measured(of: list[Scored], trimap: str = "true") -> Measured:
    return Measured(trimap=trimap, scored=of, summary=summarise(of))


def test_a_handful_of_people_have_no_interval_and_that_is_said() -> None:
    few = {"a": measured(scored(6, 2)), "b": measured(scored(6, 2))}
    assert remarks(few) == ["Means; 3 people: too few for an interval."]
    assert [interval for _, interval in few["a"].cells] == [""] * 7
    found = changes(few)
    assert found is not None
    assert found.remarks == ["b: means; 3 people: too few for an interval."]
    enough = {"a": measured(scored(12)), "b": measured(scored(6, 2))}
    assert remarks(enough) == [
        "a: Means, in brackets their 95 % bootstrap interval over people.",
        "b: Means; 3 people: too few for an interval.",
    ]
    assert all(interval for _, interval in enough["a"].cells)


def test_runs_that_cannot_be_compared_say_why() -> None:
    runs = {
        "a": Measured(reason="no checkpoint yet"),
        "b": measured(scored(12)),
        "c": measured(scored(11)),
        "d": measured(scored(12), "predicted"),
        "e": measured(scored(12)),
    }
    assert "a: not measured: no checkpoint yet." in remarks(runs)
    found = changes(runs)
    assert found is not None
    assert found.first == "b"
    assert list(found.cells) == ["e"]
    assert found.remarks[0].startswith("c: left out, 1 images are in one table and not in the")
    assert found.remarks[1].startswith("d: left out, it started from predicted trimaps and b from")
    assert changes({name: runs[name] for name in ("a", "b")}) is None


# -------------------------------------------------------------------- curves


def test_curves_lie_in_their_frame_and_values_close_together_are_told_apart() -> None:
    lines = [
        {"step": step, "kind": "train", "losses": {"total": 0.17400 + step / 1e5}}
        for step in range(1, 4)
    ]
    chart = charts_of([lines])[0]
    assert chart.is_logarithmic
    assert chart.path(chart.curves[0]).startswith(f"M0.0 {HEIGHT:.1f} L{WIDTH / 2:.1f} ")
    assert chart.path(chart.curves[0]).endswith(f" L{WIDTH:.1f} 0.0")
    assert chart.labels == ["0.17403", "0.17402", "0.17401"]
    zero = charts_of([[{"step": 1, "kind": "train", "losses": {"total": 0.0}}]])[0]
    assert not zero.is_logarithmic


# -------------------------------------------------------------------- pictures


def noise(side: int, depth: int | None = None) -> NDArray[np.uint8]:
    shape = (side, side) if depth is None else (side, side, depth)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_pictures_over_time_are_as_many_as_there_is_room_for(tmp_path: Path) -> None:
    folders = {("tnet", run): tmp_path / run for run in ("a", "b")}
    for name, count in (("a", 30), ("b", 3)):
        (tmp_path / name).mkdir()
        for step in range(1, count + 1):
            Image.fromarray(noise(40, 3)).save(tmp_path / name / f"step-{step:08d}.png")
    found = moments_within(folders, 1e9)
    assert {run: (len(each.shown), each.there) for (_, run), each in found.items()} == {
        "a": (MOMENTS, 30),
        "b": (3, 3),
    }
    assert [step for step, _ in found["tnet", "a"].shown][:: MOMENTS - 1] == [1, 30]
    one = found["tnet", "b"].bytes // 3
    found = moments_within(folders, 5 * one)
    assert [len(each.shown) for each in found.values()] == [2, 2]
    found = moments_within(folders, 2 * one)
    assert [[step for step, _ in each.shown] for each in found.values()] == [[30], [3]]
    found = moments_within(folders, one)
    assert [(len(each.shown), each.there) for each in found.values()] == [(0, 30), (0, 3)]


def sheet(count: int, side: int) -> Evaluation:
    row = (noise(side, 3), noise(side), noise(side), noise(side), noise(side))
    return Evaluation(
        source="store",
        trimap="predicted",
        scored={"model": scored(1)},
        confusion=None,
        failed=(),
        sheet=tuple(SheetRow(f"i{index}\nSAD 1", row) for index in range(count)),
    )


def test_predictions_become_smaller_and_then_fewer_to_keep_within_the_room() -> None:
    whole = worst_within(sheet(3, 400), 1e9)
    assert (whole.side, whole.smaller, whole.left_out) == (400, False, 0)
    assert {(each.height, each.width) for each in whole.rows[0].pictures} == {(400, 400)}
    small = worst_within(sheet(3, 400), whole.bytes / 3)
    assert small.smaller
    assert SMALLEST <= small.side < 400
    assert small.left_out == 0
    assert small.bytes <= whole.bytes / 3
    few = worst_within(sheet(3, 400), whole.bytes / 12)
    assert few.side == SMALLEST
    assert 0 < few.left_out < 3
    assert few.bytes <= whole.bytes / 12
    assert worst_within(sheet(0, 400), 0).rows == []


def test_the_true_trimap_is_shown_once() -> None:
    given = replace(sheet(1, 20), trimap="true")
    titles = [each.title for each in worst_within(given, 1e6).rows[0].pictures]
    assert titles == ["image", "true trimap", "predicted alpha", "true alpha"]
