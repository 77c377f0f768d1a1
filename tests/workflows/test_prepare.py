"""``prepare``: which inputs become which entries, and what real processes make of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shm.datasets.corpus import open_corpus
from shm.datasets.store import open_store
from shm.workflows.prepare.entries import PrepareRun, list_entries
from tests.datasets.stores import all_files
from tests.workflows.corpora import Options, run, write_people


def test_a_photo_without_the_annotation_asked_for_says_so(tmp_path: Path) -> None:
    write_people(tmp_path, 3)  # masks only
    corpus = open_corpus(tmp_path)
    assert all(entry.pair for entry in list_entries(corpus, PrepareRun(annotation="mask")))
    entries = list_entries(corpus, PrepareRun(annotation="alpha"))
    assert len(entries) == 3
    for entry in entries:
        assert entry.reject is not None
        assert entry.reject.reason.startswith("it has no alpha, only another annotation")


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_bytes(
    chain: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "people.zarr"
    run("shm-data", "prepare", chain / "raw", out, "--size", 64, "--workers", workers)
    assert all_files(out) == all_files(chain / "people.zarr")


def test_a_cluster_elsewhere_gives_the_same_bytes(
    chain: Path, tmp_path: Path, there: Options
) -> None:
    out = tmp_path / "people.zarr"
    words = ("shm-data", "prepare", chain / "raw", out, "--size", 64)
    run(*words, *there)
    assert all_files(out) == all_files(chain / "people.zarr")
    refused = run(*words, "--scheduler", "foo", code=1)
    assert "no scheduler's address" in refused.stderr


def test_a_finished_command_run_again_changes_nothing(chain: Path) -> None:
    before = all_files(chain / "people.zarr")
    run("shm-data", "prepare", chain / "raw", chain / "people.zarr", "--size", 64)
    assert all_files(chain / "people.zarr") == before


def test_other_options_on_the_same_store_are_refused_by_name(chain: Path) -> None:
    words = ("shm-data", "prepare", chain / "raw", chain / "people.zarr", "--size", 64)
    refused = run(*words, "--refine", "knn", code=1)
    assert "made otherwise: with --refine auto, now --refine knn" in refused.stderr
    assert "Run again with the old options (--refine auto)" in refused.stderr
    assert "--overwrite" in refused.stderr


def test_a_sample_below_the_bound_is_rejected_with_its_figure(
    tmp_path: Path, there: Options
) -> None:
    write_people(tmp_path / "raw", 5)
    file = tmp_path / "raw" / "masks" / "p0003.png"
    with Image.open(file) as mask:
        shifted = np.roll(np.asarray(mask), 20, axis=1)
    Image.fromarray(shifted).save(file)
    words = ("shm-data", "prepare", tmp_path / "raw", tmp_path / "people.zarr", "--size", 64)
    options = ("--trimap", "fixed", "--refine", "none", *there, "--reject-below", 0.3)
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
    tmp_path: Path, there: Options
) -> None:
    write_people(tmp_path / "raw", 3)
    files = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / f"{number}.zarr"
        band = ("--trimap", "random", "--erode", "6px", "--dilate", "12px")
        words = ("shm-data", "prepare", tmp_path / "raw", out, "--size", 64, *band)
        run(*words, "--refine", "none", "--seed", seed, *there)
        files.append(all_files(out / "trimap"))
    assert files[0] == files[1] != files[2]


def test_all_of_a_group_share_the_split_that_the_corpus_names(
    tmp_path: Path, there: Options
) -> None:
    write_people(tmp_path / "raw", 6)
    splits = ("train", "", "test", "", "train", "test")
    groups = ("anna", "anna", "bob", "bob", "carl", "carl")
    rows = [
        f"images/p{n:04d}.png,masks/p{n:04d}.png,{group},{split}"
        for n, (group, split) in enumerate(zip(groups, splits, strict=True))
    ]
    (tmp_path / "raw" / "manifest.csv").write_text("\n".join(["image,mask,group,split", *rows]))
    out = tmp_path / "people.zarr"
    told = run("shm-data", "prepare", tmp_path / "raw", out, "--size", 64, *there, code=1)
    assert "'images/p0005.png': its group 'carl' is in the split train already" in told.stderr
    found = {r["source"]: (r["group"], r["split"]) for _, r in open_store(out).samples()}
    assert sorted(found.values()) == [
        ("anna", "train"), ("anna", "train"), ("bob", "test"), ("bob", "test"), ("carl", "train")
    ]  # fmt: skip


@pytest.mark.parametrize("words", [("", "x.zarr"), ("raw", "")])
def test_an_empty_name_is_wrong_usage(tmp_path: Path, words: tuple[str, str]) -> None:
    """As a variable that is not set gives it: it would be the folder where one stands."""
    assert "an empty name" in run("shm-data", "prepare", *words, code=2).stderr
    assert not list(tmp_path.iterdir())


def test_a_link_to_nothing_is_no_place_for_a_store(tmp_path: Path) -> None:
    raw = write_people(tmp_path / "raw", 2)
    (tmp_path / "link.zarr").symlink_to(tmp_path / "none.zarr")
    told = run("shm-data", "prepare", raw, tmp_path / "link.zarr", code=1).stderr
    assert "link.zarr is a link to nothing: name the place that it leads to" in told


def test_a_store_of_another_kind_is_refused_by_that(chain: Path) -> None:
    people, train, lazy = (chain / f"{name}.zarr" for name in ("people", "train", "lazy"))
    told = run("shm-data", "prepare", chain / "raw", train, code=1).stderr
    assert "holds composited samples: name another store" in told
    told = run("shm-data", "materialise", lazy, people, code=1).stderr
    assert "holds prepared samples: name another store" in told


def test_a_store_in_which_nothing_was_accepted_is_in_nobody_s_way(
    tmp_path: Path, there: Options
) -> None:
    """As a mistaken path leaves it: many photos without a mask, told in one line."""
    raw, out = write_people(tmp_path / "raw", 8), tmp_path / "people.zarr"
    told = run("shm-data", "prepare", raw / "images", out, "--size", 64, *there, code=1).stderr
    (line,) = [each for each in told.splitlines() if "for one reason" in each]
    assert line.startswith("  rejected 8 for one reason, ")
    assert "'p0000.png', 'p0001.png', 'p0002.png' and 5 more (inspect lists them)" in line
    assert "8 rejected, more than --max-rejects 0: mend these and run it again\n" in told
    told = run("shm-data", "prepare", raw, out, "--size", 64, *there).stderr
    assert "8 photos accepted, 0 rejected" in told
    assert f"next: shm-data report {out} --corpus {raw}" in told


def test_quiet_still_says_that_too_many_were_rejected(tmp_path: Path, there: Options) -> None:
    raw = write_people(tmp_path / "raw", 3)
    (raw / "masks" / "p0001.png").unlink()
    words = ("shm-data", "prepare", raw, tmp_path / "people.zarr", "--size", 64, *there, "--quiet")
    told = run(*words, code=1).stderr
    assert told.startswith("1 rejected, more than --max-rejects 0")
    assert told.count("\n") == 1
