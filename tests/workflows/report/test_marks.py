"""Marks that are set on the page of a store, and what becomes of them."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from shm.datasets.marks import read_marks
from shm.datasets.store import open_store
from tests.datasets.stores import all_files
from tests.workflows.corpora import Options, inspected, run, write_backgrounds
from tests.workflows.pages import ids, mark, open_sample, opened, prepare, save, tally


def rejected(store: Path) -> dict[str, str]:
    return {each["source"]: each["reason"] for each in inspected(store)["rejected"]}


def test_marks_that_were_saved_are_obeyed(
    folder: Path, page: Page, tmp_path: Path, there: Options
) -> None:
    mark(page, {"p0001": "reject", "p0003": "keep"})
    saved = save(page, tmp_path / "marks.json")
    found = json.loads(saved.read_text())
    assert [(each["source"], each["mark"]) for each in found["marks"]] == [
        ("images/p0001.png", "reject"),
        ("images/p0003.png", "keep"),
    ]
    shutil.copytree(folder / "people.zarr", folder / "again.zarr")
    options = ("--marks", saved, "--max-rejects", 1, *there)
    told = run(*prepare(folder, "again.zarr"), *options).stderr
    assert "changed, marked or marked no more, made again: images/p0001.png" in told
    assert rejected(folder / "again.zarr")["images/p0001.png"] == "marked to be rejected"
    run("shm-data", "verify", folder / "again.zarr")
    before = all_files(folder / "again.zarr")
    assert "made again" not in run(*prepare(folder, "again.zarr"), *options).stderr
    run(*prepare(folder, "new.zarr"), *options)
    assert before == all_files(folder / "again.zarr") == all_files(folder / "new.zarr")
    # Without the marks it is again what it was.
    run(*prepare(folder, "again.zarr"), "--max-rejects", 1, *there)
    assert all_files(folder / "again.zarr") == all_files(folder / "people.zarr")


def test_a_photo_that_is_marked_to_be_kept_is_kept_whatever_its_quality(
    folder: Path, page: Page, tmp_path: Path, there: Options
) -> None:
    mark(page, {"p0003": "keep"})
    saved = save(page, tmp_path / "marks.json")
    words = (*prepare(folder, "strict.zarr"), "--reject-below", 0.3, "--max-rejects", 2, *there)
    run(*words)
    assert "is below 0.3" in rejected(folder / "strict.zarr")["images/p0003.png"]
    run(*words, "--marks", saved)
    assert "images/p0003.png" not in rejected(folder / "strict.zarr")
    records = {each["source"]: each for _, each in open_store(folder / "strict.zarr").samples()}
    assert records["images/p0003.png"]["mark"] == "keep"


def write_marks(path: Path, *rows: dict[str, Any], **more: object) -> Path:
    content = {"format": "shm marks 1", "store": "people.zarr", "marks": list(rows), **more}
    path.write_text(json.dumps(content))
    return path


def test_marks_of_other_photos_are_told_and_do_not_count(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    file = write_marks(
        tmp_path / "marks.json",
        {"source": "images/p0001.png", "sha256": "0" * 64, "mark": "reject"},
        {"source": "images/none.png", "sha256": "", "mark": "keep"},
    )
    words = (*prepare(folder, "others.zarr"), "--marks", file, "--max-rejects", 1, *there)
    told = run(*words).stderr
    assert "images/p0001.png: changed since it was marked: the mark does not count" in told
    assert "images/none.png: marked, but no photo of the corpus" in told
    assert all_files(folder / "others.zarr") == all_files(folder / "people.zarr")


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**26 + 1)


MARK = {"source": "images/p0001.png", "sha256": "", "mark": "keep"}

NO_MARKS: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: path, "No such file"),
    (lambda path: path.mkdir(), "Is a directory"),
    (lambda path: path.write_bytes(b"\xff"), "it is no JSON"),
    (lambda path: path.write_text("[" * 100_000), "it is no JSON"),
    (huge, "larger than any file of marks"),
    (lambda path: path.write_text("[]"), "its format is not"),
    (lambda path: write_marks(path, format="2"), "its format is not"),
    (lambda path: write_marks(path, marks={}), "it has no list of marks"),
    (lambda path: write_marks(path, MARK | {"mark": "maybe"}), "mark 1 needs source"),
    (lambda path: write_marks(path, MARK | {"annotations": [1]}), "mark 1 needs source"),
    (lambda path: write_marks(path, MARK, MARK | {"mark": "reject"}), "two different marks"),
]


@pytest.mark.parametrize(("make", "told"), NO_MARKS)
def test_what_holds_no_marks_is_a_line(
    folder: Path, tmp_path: Path, make: Callable[[Path], object], told: str
) -> None:
    file = tmp_path / "marks.json"
    make(file)
    refused = run(*prepare(folder, "no.zarr"), "--marks", file, code=1).stderr
    assert told in refused
    assert str(file) in refused
    assert not (folder / "no.zarr").exists()


def copied(folder: Path, tmp_path: Path) -> Path:
    """Return a corpus and its store that a test may change."""
    shutil.copytree(folder / "raw", tmp_path / "raw")
    shutil.copytree(folder / "people.zarr", tmp_path / "people.zarr")
    return tmp_path


def invert(mask: Path) -> None:
    Image.fromarray(255 - np.asarray(Image.open(mask))).save(mask)


@pytest.mark.parametrize("verdict", ["keep", "reject"])
def test_a_mark_does_not_count_where_the_mask_changed(
    folder: Path, page: Page, tmp_path: Path, there: Options, verdict: str
) -> None:
    folder = copied(folder, tmp_path)
    mark(page, {"p0001": verdict})
    words = (*prepare(folder, "people.zarr"), "--marks", save(page, tmp_path / "marks.json"))
    words = (*words, "--reject-below", 0.0, "--max-rejects", 1, *there)
    run(*words)
    assert ("images/p0001.png" in rejected(folder / "people.zarr")) == (verdict == "reject")
    invert(folder / "raw/masks/p0001.png")
    told = run(*words).stderr
    assert "images/p0001.png: its mask changed since it was marked: the mark does not" in told
    assert "images/p0001.png" not in rejected(folder / "people.zarr")
    records = {each["source"]: each for _, each in open_store(folder / "people.zarr").samples()}
    assert "mark" not in records["images/p0001.png"]


def test_a_mark_on_a_duplicate_is_told_as_one(folder: Path, tmp_path: Path, there: Options) -> None:
    folder = copied(folder, tmp_path)
    for kind in ("images", "masks"):
        shutil.copy(folder / f"raw/{kind}/p0001.png", folder / f"raw/{kind}/p0001b.png")
    file = write_marks(
        tmp_path / "marks.json", {"source": "images/p0001b.png", "sha256": "", "mark": "keep"}
    )
    words = (*prepare(folder, "new.zarr"), "--marks", file, "--max-rejects", 1, *there)
    told = " ".join(run(*words).stderr.split())
    assert "images/p0001b.png: marked, but rejected before it is looked at (the same file" in told
    assert "no photo of the corpus" not in told


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = write_marks(tmp_path / "marks.json", MARK)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert [*read_marks(file)] == [MARK["source"]]


def test_marks_of_composites_are_obeyed_when_their_people_are_made_again(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    folder = copied(folder, tmp_path)
    backgrounds = write_backgrounds(tmp_path / "behind", 12)
    made = ("shm-data", "composite", folder / "people.zarr", folder / "lazy.zarr", "--lazy")
    run(*made, "--backgrounds", backgrounds, "--per-foreground", 2, *there)
    run("shm-data", "report", folder / "lazy.zarr", "--out", folder / "report.html")
    with opened(folder / "report.html") as page:
        name = next(each for each in ids(page) if each.startswith("p0002-"))
        mark(page, {name: "reject"})
        twin = page.locator(f'#sheet > li[data-id^="p0002-"]:not([data-id="{name}"]) .mark')
        assert twin.inner_text() == "✕ reject"
        saved = save(page, tmp_path / "marks.json")
    words = (*prepare(folder, "people.zarr"), "--marks", saved, "--max-rejects", 1, *there)
    assert "does not count" not in run(*words).stderr
    assert rejected(folder / "people.zarr")["images/p0002.png"] == "marked to be rejected"


def test_a_second_round_of_marks_holds_the_first(
    folder: Path, page: Page, tmp_path: Path, there: Options
) -> None:
    folder = copied(folder, tmp_path)
    mark(page, {"p0001": "reject", "p0002": "keep"})
    words = (*prepare(folder, "people.zarr"), "--max-rejects", 1, *there)
    run(*words, "--marks", save(page, tmp_path / "marks.json"))
    run("shm-data", "report", folder / "people.zarr", "--out", folder / "report.html")
    page.goto((folder / "report.html").as_uri())
    assert tally(page) == "1 to keep, 1 to reject"
    mark(page, {"p0004": "reject"})
    second = save(page, tmp_path / "second.json")
    page.locator("#rejects ~ details", has_text="marked to be rejected").click()
    line = page.locator("li", has_text="images/p0001.png")
    line.locator('button[data-mark="reject"]').click()  # as good as new
    assert tally(page) == "1 to keep, 1 to reject"
    page.reload()
    assert tally(page) == "1 to keep, 1 to reject"
    run(*words, "--marks", second)
    assert {"images/p0001.png", "images/p0004.png"} < rejected(folder / "people.zarr").keys()
    assert {each.verdict for each in read_marks(second).values()} == {"keep", "reject"}


def test_a_photo_that_was_rejected_for_its_quality_can_be_marked_to_be_kept(
    folder: Path, tmp_path: Path, there: Options
) -> None:
    words = (*prepare(folder, "strict.zarr"), "--reject-below", 0.3, "--max-rejects", 2, *there)
    run(*words)
    run("shm-data", "report", folder / "strict.zarr", "--out", tmp_path / "report.html")
    with opened(tmp_path / "report.html") as page:
        page.locator("#rejects ~ details", has_text="is below").click()
        page.locator("#rejects ~ details button", has_text="Keep").click()
        saved = save(page, tmp_path / "marks.json")
    assert "does not count" not in run(*words, "--marks", saved).stderr
    assert "images/p0003.png" not in rejected(folder / "strict.zarr")
    run(*words)  # without the marks it is rejected again
    run("shm-data", "verify", folder / "strict.zarr")
    assert "is below" in rejected(folder / "strict.zarr")["images/p0003.png"]


def test_marks_of_changed_photos_are_told_and_not_saved(page: Page, tmp_path: Path) -> None:
    stale = {"source": "images/p0001.png", "sha256": "0" * 64, "mark": "reject"}
    file = write_marks(tmp_path / "old.json", stale)
    mark(page, {"p0002": "keep"})
    for _ in range(2):  # the same file, once more
        page.locator("#load").set_input_files(file)
        page.locator("#told", has_text="loaded old.json").wait_for()
        page.locator("#find").focus()
        assert tally(page) == (
            "1 to keep, 0 to reject; 1 mark is of a changed photo, and does not count"
        )
    assert page.locator('#sheet > li[data-id="p0001"] .mark').inner_text() == ""
    for wrong in (stale | {"annotations": None}, stale | {"mark": "toString"}, None):
        rows = [] if wrong is None else [wrong]
        page.locator("#load").set_input_files(write_marks(tmp_path / "x.json", *rows, format="2"))
        page.locator("#told", has_text="x.json: no marks of a report").wait_for()
        page.locator("#load").set_input_files(write_marks(tmp_path / "y.json", *rows))
        told = "loaded y.json" if wrong is None else "y.json: one of its marks is none"
        page.locator("#told", has_text=told).wait_for()
    for _ in range(2):
        saved = save(page, tmp_path / "marks.json")
        assert page.locator("#told").inner_text() == "saved as marks.json"
    assert [*read_marks(saved)] == ["images/p0002.png"]
    open_sample(page, "p0001")  # marked anew, it counts
    page.keyboard.press("k")
    page.keyboard.press("Escape")
    assert tally(page) == "2 to keep, 0 to reject"
