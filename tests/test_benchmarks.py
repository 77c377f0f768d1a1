"""The benchmarks: that they run anywhere, and that their arithmetic is right."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.common.four_pngs import PARTS, read_four_pngs, write_four_pngs
from benchmarks.common.photos import parts
from benchmarks.common.simulated import Scale, write_lazy_store, write_people, write_recipes
from benchmarks.common.ways import trimap_around
from benchmarks.composite import COLUMNS, compared, figures
from benchmarks.order import same_shard
from benchmarks.peers.contender import CONTENDERS, Loading, missing
from benchmarks.peers.loose_files import FileCrops
from benchmarks.peers.measure import CropsAreWrongError, Measured, check
from benchmarks.peers.samples import PARTS as SAMPLE_PARTS
from benchmarks.peers.samples import write_files
from benchmarks.refine import (
    COSTS,
    METRICS,
    Record,
    against_peers,
    hairiest_window,
    summary,
)
from benchmarks.streaming import rows_of
from shm.datasets.composites.store import open_composites
from shm.datasets.files import write_jpeg, write_png
from shm.datasets.image import read_photo
from shm.pipeline.composite import BackgroundCrop, cover_size, cut_background
from shm.pipeline.refine.scale import SCALES
from shm.workflows.verify import verify_store
from tests.workflows.forks import benchmark


def record(method: str, photo: str, sad: float, seconds: float = 1) -> Record:
    same = {"task": "trimap", "failed": None, "megabytes": 10 * sad, "grad": 0.0, "conn": 0.0}
    times = {"seconds": seconds, "cpu seconds": seconds}
    return same | times | {"method": method, "photo": photo, "sad": sad, "mse": sad}


def failure(method: str, photo: str) -> Record:
    nothing = dict.fromkeys((*COSTS, *METRICS), float("nan"))
    return record(method, photo, 0) | nothing | {"failed": "RefineError: no"}


def test_the_refine_benchmark_runs_without_any_photos(tmp_path: Path) -> None:
    figures, sheet = tmp_path / "f.json", tmp_path / "s.png"
    methods = "mask,adaptive,hybrid,pymatting-knn"
    options = ("--limit", 1, "--methods", methods, "--json", figures, "--sheet", sheet)
    done = benchmark("refine", "--quick", *options)
    found = json.loads(figures.read_text())
    rows = {(row["task"], row["method"]): row for row in found["rows"]}
    assert set(rows) == {("mask", method) for method in methods.split(",")} | {
        ("trimap", method) for method in ("hybrid", "pymatting-knn")
    }
    (mask_sad,) = found["mask_sads"].values()
    assert rows["mask", "mask"]["all"]["sad"] == pytest.approx(mask_sad)
    assert rows["mask", "mask"]["worst"] == pytest.approx(1)
    for row in rows.values():
        assert row["failed"] == 0
        assert row["megabytes"] >= 0
        assert row["all"]["sad"] > 0
        assert row["method"] in done.stdout
    assert {row["method"] for row in found["against_peers"]} == {"adaptive", "hybrid"}
    assert read_photo(sheet).shape[0] > 256


def test_photos_are_halved_by_the_rank_of_their_masks() -> None:
    found = parts({"a": 1.0, "b": 5.0, "c": 3.0, "d": 2.0, "e": 3.0})
    assert found["all"] == ["b", "c", "e", "d", "a"]
    assert found["tuning"] == ["b", "e", "a"]
    assert found["held out"] == ["c", "d"]
    assert found["hairy"] == ["b", "c", "e"]


def test_a_summary_has_the_means_of_each_part_and_the_worst_photo() -> None:
    masks = {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}
    solved = [record("knn", name, sad) for name, sad in zip("abc", (1, 2, 3), strict=True)]
    row = summary([*solved, failure("knn", "d")], masks)
    assert row["all"]["sad"] == pytest.approx(2)
    assert row["held out"]["sad"] == pytest.approx(2)  # b; d has no alpha
    assert row["tuning"]["sad"] == pytest.approx(2)  # a and c
    assert row["hairy"]["sad"] == pytest.approx(1.5)
    assert (row["worst"], row["worst photo"]) == (1.5, "c")
    assert (row["failed"], row["megabytes"]) == (1, 30)


def test_the_best_of_pymatting_is_judged_on_the_photos_that_both_solved() -> None:
    ours = [record("hybrid", "a", 2, seconds=1), record("hybrid", "b", 8, seconds=1)]
    knn = [record("pymatting-knn", "a", 4, seconds=9), record("pymatting-knn", "b", 16, seconds=11)]
    sampled = [record("pymatting-sm", "a", 2.5), failure("pymatting-sm", "b")]
    (row,) = against_peers(
        "trimap",
        {
            ("trimap", "hybrid"): ours,
            ("trimap", "pymatting-knn"): knn,
            ("trimap", "pymatting-sm"): sampled,
            ("mask", "pymatting-cf"): [record("pymatting-cf", "a", 0.1)],
        },
    )
    assert row["s / pymatting-knn"] == pytest.approx(0.1)
    assert (row["best sad"], row["sad / best"]) == ("pymatting-sm", pytest.approx(0.8))
    assert "s / pymatting-cf" not in row


def test_the_cut_out_is_where_the_mask_is_most_wrong() -> None:
    difference = np.zeros((50, 90), np.uint8)
    difference[10, 10] = 200
    difference[30:34, 70:74] = 100
    rows, columns = hairiest_window(difference, 20)
    assert difference[rows, columns].shape == (20, 20)
    assert difference[rows, columns].sum() == 1600
    assert hairiest_window(difference, 64) == (slice(0, 50), slice(10, 74))


def test_the_given_trimap_holds_every_soft_pixel_and_its_surroundings() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[10:30, 10:30] = 255
    truth[10, 20] = 3
    trimap = trimap_around(truth, 2)
    assert set(np.unique(trimap)) == {0, 128, 255}
    assert (trimap == 128).sum() == 17  # the ellipse of 5 × 5 pixels, as OpenCV draws it
    assert trimap[8, 20] == trimap[12, 20] == 128


def test_the_scales_are_fitted_without_any_photos(tmp_path: Path) -> None:
    figures = tmp_path / "f.json"
    benchmark("fit_scales", "--quick", "--json", figures)
    found = json.loads(figures.read_text())
    assert set(found["fitted"]["coefficients"]) == set(SCALES.coefficients)
    for model in ("fitted", "shipped"):
        scores = found[f"{model}, all"]
        for kind in ("exact", "smoothed", "defocused"):
            assert scores[f"{kind} prior"] < scores[f"{kind} mask"]


def test_the_quality_benchmark_catches_broken_masks_of_generated_people(tmp_path: Path) -> None:
    figures = tmp_path / "f.json"
    benchmark("quality", "--quick", "--json", figures)
    found = json.loads(figures.read_text())
    assert found["spearman"]["all"] > 0.5
    for row in found["caught"]:
        if row["broken"] != "a piece missing":
            assert row["below its own"] == 1


def test_the_prediction_benchmark_finds_the_same_errors_step_by_step(tmp_path: Path) -> None:
    figures = tmp_path / "f.json"
    benchmark("predict", "--quick", "--json", figures)
    found = json.loads(figures.read_text())
    assert [row["mode"] for row in found["photos"]] == ["whole", "tiles", "resize"]
    assert all(row["MP a second"] > 0 for row in found["photos"])
    assert [row["metrics"] for row in found["metrics"]] == ["step by step", "shm"]


def test_exports_of_a_net_answer_as_the_net(tmp_path: Path) -> None:
    figures = tmp_path / "f.json"
    benchmark("parity", "--quick", "--json", figures)
    (row,) = json.loads(figures.read_text())
    assert row["model"] == "mnet light"
    assert max(row["onnx / 1e-6"], row["pt2 / 1e-6"]) < 100
    assert row["steady %"] == 100
    assert row["alpha's deviation"] > 0.1


def test_the_scheduler_s_memory_is_measured_both_ways(tmp_path: Path) -> None:
    figures = tmp_path / "f.json"
    benchmark("backpressure", "--quick", "--json", figures)
    rows = json.loads(figures.read_text())
    assert [row["tasks"] for row in rows] == [*range(20, 201, 20)] * 2
    assert {row["way"] for row in rows} == {"a few at a time", "all at once"}


def test_the_composite_benchmark_runs_without_any_photos(tmp_path: Path) -> None:
    found = tmp_path / "f.json"
    benchmark("composite", "--quick", "--workers", "1", "--json", found)
    rows = json.loads(found.read_text())
    pngs, made, lazy = rows["ways"]
    assert [row["composites"] for row in rows["ways"]] == [4, 16, 16]
    assert pngs["ratio"] == pngs["kB ratio"] == 1
    assert made["images a second"] > 0
    assert min(pngs["cpu ms"], made["cpu ms"]) > 0
    assert lazy["kB"] < min(made["kB"], pngs["kB"])
    assert all(row["ms to read"] > 0 for row in (*rows["ways"], *rows["scale"]))
    tenth, whole = rows["scale"]
    assert (tenth["composites"], whole["composites"]) == (200, 2000)
    assert whole["recipe B"] < 20
    assert whole["open MB"] < 1.2 * tenth["open MB"]
    assert set(COLUMNS) == set(made)


def test_ways_to_composite_are_compared_with_the_first() -> None:
    pngs = figures("pngs", 10, 5.0, 40_000)
    store = figures("store", 30, 1.5, 30_000) | {"images a second": 50.0}
    first, second = compared([pngs, store])
    assert (first["kB"], first["a second"], first["ratio"]) == (4, 2, 1)
    assert (second["ratio"], second["images ratio"], second["kB ratio"]) == (10, 25, 4)
    assert np.isnan(first["images ratio"])


def test_the_baseline_pastes_every_person_as_often_by_the_published_rule(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    people = {name: random.integers(0, 256, (26, 20, 4), np.uint8) for name in ("one", "two")}
    for name, person in people.items():
        write_png(tmp_path / "files" / "foreground" / f"{name}.png", person[..., :3])
        write_png(tmp_path / "files" / "alpha" / f"{name}.png", person[..., 3])
    backgrounds = [tmp_path / "small.jpg", tmp_path / "large.jpg"]
    for path, size in zip(backgrounds, ((18, 17), (30, 40)), strict=True):
        write_jpeg(path, random.integers(0, 256, (*size, 3), np.uint8))
    count = write_four_pngs(tmp_path / "files", backgrounds, tmp_path / "pngs", each=2)
    assert count == 4
    for index, name in enumerate(("one", "one", "two", "two")):
        scene = read_photo(backgrounds[index % 2])
        crop = BackgroundCrop(scaled=cover_size((scene.shape[0], scene.shape[1]), (26, 20)))
        background = cut_background(scene, crop, (26, 20)).astype(np.float64)
        alpha = people[name][..., 3:] / 255
        merged = np.floor(people[name][..., :3] * alpha + background * (1 - alpha) + 1e-9)
        pictures = read_four_pngs(tmp_path / "pngs", index)
        assert tuple(pictures) == PARTS
        for part, expected in {"merged": merged, "bg": background}.items():
            assert np.abs(pictures[part][..., ::-1] - expected).max() <= 1
        assert np.array_equal(pictures["alpha"], people[name][..., 3])
        assert np.array_equal(pictures["fg"][..., ::-1], people[name][..., :3])


def test_a_simulated_store_is_as_sound_as_a_real_one(tmp_path: Path) -> None:
    scale = Scale(composites=47, people=20, backgrounds=21)
    assert sum(scale.counts.values()) == 47
    people = write_people(tmp_path / "people.zarr", scale)
    write_recipes(write_lazy_store(tmp_path / "lazy.zarr", people, scale), scale)
    assert verify_store(tmp_path / "lazy.zarr").sound
    store = open_composites(tmp_path / "lazy.zarr")
    listed = {split: store.slots_in(split) for split in ("train", "validation", "test")}
    assert sum(map(len, listed.values())) == len(store.slots_in()) == 47
    assert all(map(len, listed.values()))
    for slot in range(47):
        sample = store.read(slot)
        assert sample["image"].shape == (32, 24, 3)
        assert set(np.unique(sample["trimap"])) == {0, 128, 255}


def test_the_order_benchmark_shows_that_no_window_loses_a_sample(tmp_path: Path) -> None:
    found = tmp_path / "f.json"
    benchmark("order", "--quick", "--json", found)
    rows = json.loads(found.read_text())
    naive, ours, two = rows["cost"]
    assert all(row["exact"] and row["all s"] > 0 for row in rows["cost"])
    assert max(ours["middle MB"], two["middle MB"]) < naive["middle MB"]
    alike = [row["of one shard"] for row in rows["randomness"]]
    assert alike[0] == 10  # a window of one shard
    assert alike[:-1] == sorted(alike[:-1], reverse=True)
    apart = [row["neighbours"] for row in rows["randomness"]]
    assert apart[:-1] == sorted(apart[:-1])


def test_draws_of_one_shard_are_counted_in_each_batch() -> None:
    most, shards = same_shard(np.array([7, 7, 7, 7, 1, 2, 1, 2, 3, 9, 4, 1]), 4)
    assert most.tolist() == [4, 2, 1]
    assert shards.tolist() == [1, 2, 4]


def test_the_streaming_benchmark_runs_without_any_peer(tmp_path: Path) -> None:
    found = tmp_path / "f.json"
    benchmark("streaming", "--quick", "--contenders", "files,lazy", "--json", found)
    rows = json.loads(found.read_text())
    files, lazy = rows[:2]
    assert [row["contender"] for row in rows] == [
        "files, OpenCV",
        "shm, lazy",
        "shm, lazy, decoded",
    ]
    for row in rows:
        assert row["least"] <= row["a second"] <= row["most"]
        assert row["x files"] == pytest.approx(row["a second"] / files["a second"])
        assert row["x best peer"] is None
        assert min(row["first s"], row["cpu ms"], row["MB"]) > 0
    assert lazy["kB"] < files["kB"]


def test_contenders_are_compared_at_the_same_number_of_workers_with_the_best_peer() -> None:
    def run(*paces: float) -> list[Measured]:
        return [Measured(first=pace / 10, pace=pace, busy=1 / pace, held=pace) for pace in paces]

    rounds = {
        ("files, OpenCV", 1): run(10, 30, 20),
        ("MDS, PIL", 1): run(25),
        ("MDS, OpenCV", 1): run(50),
        ("LitData, OpenCV", 1): run(40),
        ("shm, lazy", 1): run(100, 60, 80),
        ("files, OpenCV", 2): run(40),
        ("shm, lazy", 2): run(160),
    }
    rows = rows_of(rounds, {name: 2000 for name, _ in rounds})
    found = {(row["contender"], row["workers"]): row for row in rows}
    ours = found["shm, lazy", 1]
    assert (ours["a second"], ours["least"], ours["most"], ours["kB"]) == (80, 60, 100, 2)
    assert (ours["x files"], ours["x best peer"]) == (4, 1.6)
    assert found["shm, lazy", 2]["x files"] == 4
    assert np.isnan(found["shm, lazy", 2]["x best peer"])


def test_a_library_that_is_missing_is_named_with_the_cure() -> None:
    assert missing(["files, OpenCV", "shm, lazy"]) == []
    packages = {entry.package for entry in CONTENDERS.values() if entry.peer}
    assert packages == {"webdataset", "streaming", "litdata"}
    done = benchmark("streaming", "--contenders", "parquet", code=2)
    assert "'parquet' is in none of" in done.stderr


def test_files_hold_a_sample_so_that_its_crops_are_right_and_around_soft_pixels(
    tmp_path: Path,
) -> None:
    alpha = np.zeros((60, 90), np.uint8)
    alpha[:, 50:] = 255
    alpha[40, 50] = 100
    ramp = np.linspace(0, 200, 90, dtype=np.uint8)
    colours = {"foreground": (200, 30, 60), "background": (20, 90, 250)}
    sample = {
        "alpha": alpha,
        "image": np.stack([ramp, ramp // 2, 200 - ramp], -1)[None].repeat(60, 0),
    }
    sample |= {part: np.full((60, 90, 3), colour, np.uint8) for part, colour in colours.items()}
    assert write_files(tmp_path / "files", iter([sample])) == 1
    crops = FileCrops(tmp_path / "files", 32)
    flipped = set()
    for _ in range(20):
        crop = {part: tensor.numpy() for part, tensor in crops[0].items()}
        flip = bool(crop["alpha"][0, 0, 0])
        flipped.add(flip)
        for part, tensor in crop.items():
            expected = sample[part][24:56, 34:66].reshape(32, 32, -1)
            expected = expected[:, ::-1] if flip else expected
            assert np.abs(tensor.astype(int) - expected).mean() < 3
    assert flipped == {True, False}


def test_crops_that_do_not_fit_each_other_are_refused() -> None:
    loading = Loading(workers=1, batch=2, side=4)
    batch = {part: torch.full((2, 3, 4, 4), 90, dtype=torch.uint8) for part in SAMPLE_PARTS}
    batch["alpha"] = torch.full((2, 1, 4, 4), 128, dtype=torch.uint8)
    check("right", batch, loading)
    broken = {
        "contiguous": {"image": batch["image"].transpose(-1, -2)},
        "soft": {"alpha": torch.full_like(batch["alpha"], 255)},
        "levels": {"image": batch["image"] + 20},
    }
    for word, part in broken.items():
        with pytest.raises(CropsAreWrongError, match=word):
            check("wrong", batch | part, loading)
