"""prepare, composite, inspect, verify and export, as processes on real files."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shm.datasets.store import open_store
from tests.workflows.corpora import (
    all_files,
    cluster,
    kill_when,
    run,
    write_backgrounds,
    write_people,
)

PEOPLE = 140  # three shards of 64 at 64 pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, and the stores that undisturbed commands make of it."""
    folder = tmp_path_factory.mktemp("chain")
    write_people(folder / "raw", PEOPLE)
    write_backgrounds(folder / "backgrounds", 30, people=(3, 4))
    run("shm-data", "prepare", folder / "raw", folder / "people.zarr", "--size", 64)
    run(*composite(folder, folder / "train.zarr"))
    return folder


def composite(folder: Path, out: Path) -> tuple[object, ...]:
    options = ("--backgrounds", folder / "backgrounds", "--per-foreground", 2)
    return "shm-data", "composite", folder / "people.zarr", out, *options


def inspected(store: Path) -> dict[str, object]:
    described: dict[str, object] = json.loads(run("shm-data", "inspect", store, "--json").stdout)
    return described


def test_every_person_and_composite_is_there(folder: Path) -> None:
    people, train = inspected(folder / "people.zarr"), inspected(folder / "train.zarr")
    assert (people["kind"], people["samples"], people["rejected"]) == ("prepared", PEOPLE, [])
    assert people["splits"] == {"test": 14, "train": 112, "validation": 14}
    assert (train["kind"], train["samples"]) == ("composited", 2 * PEOPLE)
    assert train["canvas"] == 64


def test_no_background_shows_a_person_or_is_in_two_splits(folder: Path) -> None:
    used = inspected(folder / "train.zarr")["backgrounds"]
    assert isinstance(used, list)
    names = [each["source"] for each in used]
    assert len(names) == len(set(names)) == 28
    assert not [name for name in names if "b003" in name or "b004" in name]


def test_no_person_is_in_two_splits(folder: Path) -> None:
    store = open_store(folder / "train.zarr")
    splits: dict[str, set[str]] = {}
    for _, record in store.samples():
        splits.setdefault(record["group"], set()).add(record["split"])
    assert len(splits) == PEOPLE
    assert all(len(found) == 1 for found in splits.values())


def test_a_composite_is_its_foreground_over_its_background(folder: Path) -> None:
    store = open_store(folder / "train.zarr")
    slot, record = next(store.samples("test"))
    arrays = store.read(slot, record)
    alpha = arrays["alpha"][..., None] / 255.0
    exact = alpha * arrays["foreground"] + (1 - alpha) * arrays["background"]
    assert np.abs(arrays["image"] - exact).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_bytes(
    folder: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "people.zarr"
    run("shm-data", "prepare", folder / "raw", out, "--size", 64, "--workers", workers)
    assert all_files(out) == all_files(folder / "people.zarr")


def test_a_cluster_elsewhere_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    out, address = tmp_path / "people.zarr", tmp_path / "scheduler.json"
    with cluster(address, workers=2) as scheduler:
        words = ("shm-data", "prepare", folder / "raw", out, "--size", 64)
        run(*words, "--scheduler", scheduler)
    assert all_files(out) == all_files(folder / "people.zarr")
    refused = run(*words, "--scheduler", "foo", code=1)
    assert "no scheduler's address" in refused.stderr


def test_a_killed_prepare_resumes_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "people.zarr"
    words = ("shm-data", "prepare", folder / "raw", out, "--size", 64, "--workers", 1)
    assert kill_when(words, out / "record" / "c" / "0" / "0")
    assert inspected(out)["complete"] is False
    run(*words)
    assert all_files(out) == all_files(folder / "people.zarr")


def test_a_killed_composite_resumes_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "train.zarr"
    words = (*composite(folder, out), "--workers", 1)
    assert kill_when(words, out / "record" / "c" / "1" / "0")
    run(*words)
    assert all_files(out) == all_files(folder / "train.zarr")


def test_a_finished_command_run_again_changes_nothing(folder: Path) -> None:
    before = all_files(folder / "people.zarr")
    run("shm-data", "prepare", folder / "raw", folder / "people.zarr", "--size", 64)
    assert all_files(folder / "people.zarr") == before


def test_other_options_on_the_same_store_are_refused_by_name(folder: Path) -> None:
    words = ("shm-data", "prepare", folder / "raw", folder / "people.zarr", "--size", 64)
    refused = run(*words, "--refine", "knn", code=1)
    assert "refine was auto, now knn" in refused.stderr
    assert "--overwrite" in refused.stderr


def test_a_sound_store_verifies_and_a_flipped_byte_does_not(folder: Path, tmp_path: Path) -> None:
    run("shm-data", "verify", folder / "people.zarr")
    store = tmp_path / "people.zarr"
    shutil.copytree(folder / "people.zarr", store)
    file = store / "foreground" / "c" / "1" / "0" / "0" / "0"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    told = run("shm-data", "verify", store, code=1)
    assert "shard 1 of foreground is damaged" in told.stderr
    found = json.loads(run("shm-data", "verify", store, "--repair", "--json", code=1).stdout)
    assert [(each["array"], each["shard"]) for each in found["damages"]] == [("foreground", 1)]
    run("shm-data", "prepare", folder / "raw", store, "--size", 64)
    run("shm-data", "verify", store)
    assert all_files(store) == all_files(folder / "people.zarr")


def test_export_gives_back_the_files(folder: Path, tmp_path: Path) -> None:
    run("shm-data", "export", folder / "people.zarr", tmp_path / "files", "--split", "test")
    store = open_store(folder / "people.zarr")
    samples = list(store.samples("test"))
    for name in ("image", "alpha", "trimap", "foreground"):
        written = sorted(file.stem for file in (tmp_path / "files" / name).iterdir())
        assert written == [record["id"] for _, record in samples]
    slot, record = samples[0]
    with Image.open(tmp_path / "files" / "alpha" / f"{record['id']}.png") as picture:
        assert np.array_equal(np.asarray(picture), store.read(slot, record)["alpha"])


def test_the_samples_of_lowest_quality_are_listed_first(folder: Path) -> None:
    told = run("shm-data", "inspect", folder / "people.zarr", "--json", "--worst", 5).stdout
    described = json.loads(told)
    records = [record for _, record in open_store(folder / "people.zarr").samples()]
    lowest = sorted(records, key=lambda record: record["quality"]["quality"])[:5]
    listed = [(each["id"], each["quality"]) for each in described["worst"]]
    assert listed == [(record["id"], record["quality"]["quality"]) for record in lowest]
    assert described["worst"][0]["source"] == lowest[0]["source"]
    assert described["worst"][0]["cause"] in described["worst"][0]["figures"]
    assert 0 < described["quality"]["unknown"] < 1
    assert lowest[0]["id"] in run("shm-data", "inspect", folder / "people.zarr").stdout
    composites = json.loads(run("shm-data", "inspect", folder / "train.zarr", "--json").stdout)
    assert composites["worst"] == []


def test_a_sample_below_the_bound_is_rejected_with_its_figure(tmp_path: Path) -> None:
    write_people(tmp_path / "raw", 5)
    file = tmp_path / "raw" / "masks" / "p0003.png"
    with Image.open(file) as mask:
        shifted = np.roll(np.asarray(mask), 20, axis=1)
    Image.fromarray(shifted).save(file)
    words = ("shm-data", "prepare", tmp_path / "raw", tmp_path / "people.zarr", "--size", 64)
    options = ("--trimap", "fixed", "--refine", "none", "--workers", 1, "--reject-below", 0.3)
    told = run(*words, *options, "--json", code=1).stdout
    (reject,) = json.loads(told)["rejected"]
    assert reject["source"] == "images/p0003.png"
    assert "is below 0.3; unsupported" in reject["reason"]
    config = open_store(tmp_path / "people.zarr").attributes["config"]
    assert config["sample"]["reject_below"] == 0.3
    assert config["sample"]["trimap"]["mode"] == "fixed"


def test_a_band_that_no_trimap_would_use_is_wrong_usage(tmp_path: Path) -> None:
    words = ("shm-data", "prepare", tmp_path, tmp_path / "people.zarr")
    refused = run(*words, "--erode", "1%", "--kernel", "cross", code=2)
    assert "--kernel, --erode, of mattes too, add --trimap fixed or random" in refused.stderr


def test_a_random_band_gives_the_same_bytes_again_and_others_with_another_seed(
    tmp_path: Path,
) -> None:
    write_people(tmp_path / "raw", 3)
    files = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / f"{number}.zarr"
        band = ("--trimap", "random", "--erode", "6px", "--dilate", "12px")
        words = ("shm-data", "prepare", tmp_path / "raw", out, "--size", 64, *band)
        run(*words, "--refine", "none", "--seed", seed, "--workers", 1)
        files.append(all_files(out / "trimap"))
    assert files[0] == files[1] != files[2]


def test_a_truncated_shard_is_repaired(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "train.zarr"
    shutil.copytree(folder / "train.zarr", store)
    with (store / "image" / "c" / "0" / "0" / "0" / "0").open("r+b") as file:
        file.truncate(20)
    run("shm-data", "verify", "--repair", store, code=1)
    run(*composite(folder, store))
    assert all_files(store) == all_files(folder / "train.zarr")


def test_the_people_are_never_overwritten_with_composites(folder: Path) -> None:
    before = all_files(folder / "people.zarr")
    refused = run(*composite(folder, folder / "people.zarr"), "--overwrite", code=1)
    assert "holds the people" in refused.stderr
    assert all_files(folder / "people.zarr") == before


def test_export_overwrites_no_file_of_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "p0000.png").write_text("mine")
    refused = run("shm-data", "export", folder / "people.zarr", tmp_path, code=1)
    assert "holds other files" in refused.stderr
    assert (tmp_path / "image" / "p0000.png").read_text() == "mine"


def test_altered_metadata_is_one_line(folder: Path, tmp_path: Path) -> None:
    for old, new in (('"slots": 140', '"slots": 12'), ('"kind": "prepared"', '"kind": "lazy"')):
        store = tmp_path / "store.zarr"
        shutil.copytree(folder / "people.zarr", store, dirs_exist_ok=True)
        text = (folder / "people.zarr" / "zarr.json").read_text()
        assert old in text
        (store / "zarr.json").write_text(text.replace(old, new))
        assert "metadata" in run("shm-data", "verify", store, code=1).stderr


def test_all_of_a_group_share_the_split_that_the_corpus_names(tmp_path: Path) -> None:
    write_people(tmp_path / "raw", 6)
    splits = ("train", "", "test", "", "train", "test")
    groups = ("anna", "anna", "bob", "bob", "carl", "carl")
    rows = [
        f"images/p{n:04d}.png,masks/p{n:04d}.png,{group},{split}"
        for n, (group, split) in enumerate(zip(groups, splits, strict=True))
    ]
    (tmp_path / "raw" / "manifest.csv").write_text("\n".join(["image,mask,group,split", *rows]))
    out = tmp_path / "people.zarr"
    told = run("shm-data", "prepare", tmp_path / "raw", out, "--size", 64, "--workers", 1, code=1)
    assert "'images/p0005.png': its group 'carl' is in the split train already" in told.stderr
    found = {r["source"]: (r["group"], r["split"]) for _, r in open_store(out).samples()}
    assert sorted(found.values()) == [
        ("anna", "train"), ("anna", "train"), ("bob", "test"), ("bob", "test"), ("carl", "train")
    ]  # fmt: skip
