"""The page of a store in a real browser: looked through, marked, and its marks obeyed."""

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from shm.datasets.store import open_store
from tests.datasets.stores import all_files
from tests.workflows.browser import open_page
from tests.workflows.corpora import Options, inspected, run, write_people

MARKUP = "<img src=x onerror=document.title='owned'>&amp;\"'.png"
"""A file's name that would be more than that, were it not escaped."""

PEOPLE = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, there: Options) -> Path:
    """A corpus in which one mask is shifted and one name is markup, its store and their page."""
    folder = tmp_path_factory.mktemp("report")
    write_people(folder / "raw", PEOPLE)
    shifted = folder / "raw" / "masks" / "p0003.png"
    Image.fromarray(np.roll(np.asarray(Image.open(shifted)), 20, axis=1)).save(shifted)
    (folder / "raw" / "images" / "p0009.png").rename(folder / "raw" / "images" / MARKUP)
    (folder / "raw" / "masks" / "p0009.png").rename(folder / "raw" / "masks" / MARKUP)
    (folder / "raw" / "images" / "q<b>.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    (folder / "raw" / "masks" / "q<b>.png").write_bytes(b"")
    run(*prepare(folder, "people.zarr"), "--max-rejects", 1, *there)
    words = ("shm-data", "report", folder / "people.zarr", "--corpus", folder / "raw")
    told = json.loads(run(*words, "--out", folder / "report.html", "--json").stdout)
    assert (told["shown"], told["masks"], told["side"]) == (PEOPLE, PEOPLE, 64)
    return folder


@pytest.fixture
def page(folder: Path) -> Iterator[Page]:
    with open_page() as (page, wrong):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / "report.html").as_uri())
        yield page
        assert not wrong
        assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def prepare(folder: Path, out: str, *more: object) -> Options:
    words = ("shm-data", "prepare", folder / "raw", folder / out, "--size", 64, "--trimap", "fixed")
    return *words, "--refine", "none", *more


def ids(page: Page) -> list[str]:
    """Return the ids of the cards that are to be seen, in their order."""
    cards = page.locator("#sheet > li:visible")
    return [str(card.get_attribute("data-id")) for card in cards.all()]


def open_sample(page: Page, name: str) -> None:
    page.locator(f'#sheet > li[data-id="{name}"] button').click()
    page.locator("#panel[open]").wait_for()


def box(page: Page, place: str) -> dict[str, float]:
    found = page.locator(place).bounding_box()
    assert found is not None
    return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}


def pixel(page: Page, x: float, y: float) -> tuple[int, ...]:
    """Return the colour at a place of the frame, in shares of its size."""
    shot = page.locator("#frame").screenshot()
    picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
    height, width = picture.shape[:2]
    return tuple(picture[int(y * (height - 1)), int(x * (width - 1))].tolist())


def test_samples_are_found_filtered_and_sorted(page: Page) -> None:
    store_order = ids(page)
    assert len(store_order) == PEOPLE
    assert store_order[0] == "p0003"  # the shifted mask: of the lowest quality
    page.locator("#falling").check()
    assert ids(page)[-1] == "p0003"
    page.locator("#sort").select_option("id")
    assert ids(page) == sorted(ids(page), reverse=True)
    page.locator("#find").fill("p000")
    assert len(ids(page)) == PEOPLE - 1
    assert page.locator("#count").inner_text() == f"{PEOPLE - 1} of {PEOPLE}"
    page.locator("#find").fill("")
    page.locator("#why").select_option("worst")
    assert "p0003" in ids(page)
    assert len(ids(page)) == PEOPLE // 4
    page.locator("#why").select_option("")
    page.locator("#split").select_option("test")
    assert 0 < len(ids(page)) < PEOPLE


def test_a_sample_is_looked_at_from_all_sides(page: Page) -> None:
    open_sample(page, "p0000")
    page.locator('input[name="behind"][value="red"]').check()
    corner, other = (0.03, 0.5), (0.97, 0.5)
    photo = pixel(page, *corner)  # before, at the left of the slider
    assert pixel(page, *other) == (224, 0, 0)  # after: the cut-out
    page.locator("#slide").fill("0")
    assert pixel(page, *corner) == (224, 0, 0)
    page.locator("#slide").fill("100")
    assert pixel(page, *corner) == photo
    for view, colour in (("alpha", (0, 0, 0)), ("trimap", (0, 0, 0)), ("mask", (0, 0, 0))):
        page.locator("#before").select_option(view)
        assert pixel(page, *corner) == colour
        assert pixel(page, 0.5, 0.5) == (255, 255, 255)
    fit = box(page, "#frame")["width"]
    page.locator('input[name="zoom"][value="400"]').check()
    assert box(page, "#frame")["width"] == 4 * 64
    page.locator('input[name="zoom"][value="fit"]').check()
    assert box(page, "#frame")["width"] == fit
    page.locator("#next").click()
    assert page.locator("#panel-id").inner_text() != "p0000"
    page.keyboard.press("Escape")
    assert not page.locator("#panel[open]").count()


def test_the_slider_follows_the_pointer(page: Page) -> None:
    open_sample(page, "p0000")
    frame = box(page, "#frame")
    middle = frame["y"] + frame["height"] / 2
    page.mouse.move(frame["x"] + frame["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 0.8, middle)
    page.mouse.up()
    assert float(page.locator("#slide").input_value()) == pytest.approx(80, abs=1)


def test_markup_in_a_file_s_name_is_a_name(page: Page) -> None:
    assert page.title().startswith("people.zarr")
    assert page.locator("img[src=x]").count() == 0
    card = page.locator("#sheet > li", has_text="onerror")
    assert card.get_attribute("data-photo") == f"images/{MARKUP}"
    card.locator("button").click()
    assert f"images/{MARKUP}" in page.locator("#facts").inner_text()
    page.keyboard.press("Escape")
    page.locator("#rejects ~ details summary").first.click()
    assert page.locator("#rejects ~ details code").first.inner_text() == "images/q<b>.png"
    assert page.title().startswith("people.zarr")


def test_all_of_it_works_by_keyboard(page: Page) -> None:
    page.locator("#sheet button").first.focus()
    page.keyboard.press("Enter")
    first = page.locator("#panel-id").inner_text()
    page.keyboard.press("r")
    assert page.locator("#said").inner_text().endswith("marked reject")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    page.keyboard.press("1")
    assert page.locator("#after").input_value() == "image"
    page.keyboard.press("s")
    assert page.locator("#before").input_value() == "image"
    page.keyboard.press("b")
    assert page.locator('input[value="black"]').is_checked()
    page.keyboard.press("+")
    assert page.locator('input[name="zoom"][value="100"]').is_checked()
    page.keyboard.press("Escape")
    assert page.locator("#tally").inner_text() == "1 to keep, 1 to reject"
    page.reload()  # the browser remembers
    assert page.locator("#tally").inner_text() == "1 to keep, 1 to reject"
    page.locator("#marked").select_option("reject")
    assert ids(page) == [first]


def marks(page: Page, verdicts: dict[str, str], out: Path) -> Path:
    """Mark samples in the page, and save that."""
    for name, verdict in verdicts.items():
        open_sample(page, name)
        page.locator(f'#verdict button[data-mark="{verdict}"]').click()
        page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "marks.json"
    download.value.save_as(out)
    return out


def rejected(store: Path) -> dict[str, str]:
    return {each["source"]: each["reason"] for each in inspected(store)["rejected"]}


def test_marks_that_were_saved_are_obeyed(
    folder: Path, page: Page, tmp_path: Path, there: Options
) -> None:
    saved = marks(page, {"p0001": "reject", "p0003": "keep"}, tmp_path / "marks.json")
    found = json.loads(saved.read_text())
    assert [(each["source"], each["mark"]) for each in found["marks"]] == [
        ("images/p0001.png", "reject"),
        ("images/p0003.png", "keep"),
    ]
    shutil.copytree(folder / "people.zarr", folder / "again.zarr")
    options = ("--marks", saved, "--max-rejects", 1, *there)
    told = run(*prepare(folder, "again.zarr"), *options).stderr
    assert "changed or marked since, made again: images/p0001.png" in told
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
    saved = marks(page, {"p0003": "keep"}, tmp_path / "marks.json")
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


MARK = {"source": "images/p0001.png", "sha256": "", "mark": "keep"}

NO_MARKS: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: path, "No such file"),
    (lambda path: path.mkdir(), "Is a directory"),
    (lambda path: path.write_bytes(b"\xff"), "it is no JSON"),
    (lambda path: path.write_text("[" * 100_000), "it is no JSON"),
    (lambda path: path.write_text("[]"), "its format is not"),
    (lambda path: write_marks(path, format="2"), "its format is not"),
    (lambda path: write_marks(path, marks={}), "it has no list of marks"),
    (lambda path: write_marks(path, MARK | {"mark": "maybe"}), "mark 1 needs source"),
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


def test_pictures_are_made_smaller_until_the_page_is_no_larger_than_asked(
    tmp_path: Path, there: Options
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    raw = write_people(tmp_path / "raw", 4, 400)
    for photo in (raw / "images").iterdir():
        Image.fromarray(noise ^ np.asarray(Image.open(photo))).save(photo)
    words = ("shm-data", "prepare", raw, tmp_path / "people.zarr", "--refine", "none", *there)
    run(*words, "--trimap", "fixed")
    sides = []
    for megabytes in (1, 64):
        page = tmp_path / f"{megabytes}.html"
        words = ("shm-data", "report", tmp_path / "people.zarr", "--out", page)
        told = json.loads(run(*words, "--megabytes", megabytes, "--json").stdout)
        assert told["bytes"] == page.stat().st_size < megabytes * 1.2e6
        sides.append(told["side"])
    assert sides[0] < sides[1] == 400


def test_composites_are_shown_with_what_is_behind_them(chain: Path, tmp_path: Path) -> None:
    words = ("shm-data", "report", chain / "lazy.zarr", "--out", tmp_path / "report.html")
    run(*words, "--samples", 12)
    with open_page() as (page, wrong):
        page.goto((tmp_path / "report.html").as_uri())
        assert len(ids(page)) == 12
        page.locator("#sheet button").first.click()
        views = page.locator("#before option").all_inner_texts()
        assert views == ["Photo", "Background", "Trimap", "Alpha", "Foreground", "Cut-out"]
        assert "VOC2012/JPEGImages/" in page.locator("#facts").inner_text()
        page.keyboard.press("r")
        page.keyboard.press("Escape")
        assert re.match(r"0 to keep, 1 to reject", page.locator("#tally").inner_text())
        objects = page.locator("figure", has_text="Objects in the backgrounds")
        assert "chair" in objects.inner_text()
        assert page.locator("#left-out ~ details").count() == 1
        assert not wrong


def test_what_can_not_be_shown_is_a_line(chain: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "report.html")
    assert "no such store" in run("shm-data", "report", tmp_path / "x", *out, code=1).stderr
    no_folder = ("--out", tmp_path / "file" / "report.html")
    (tmp_path / "file").write_text("")
    told = run("shm-data", "report", chain / "people.zarr", *no_folder, code=1).stderr
    assert str(tmp_path / "file") in told
    nowhere = ("--corpus", tmp_path / "nowhere")
    told = run("shm-data", "report", chain / "people.zarr", *nowhere, *out, code=1).stderr
    assert f"{tmp_path / 'nowhere'}: there is no such folder" in told
    assert not (tmp_path / "report.html").exists()
