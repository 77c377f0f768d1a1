"""A page of a store to look at in a browser, and what is done to it there."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from tests.workflows.browser import open_page
from tests.workflows.corpora import Options, run, write_people

MARKUP = "<img src=x onerror=document.title='owned'>&amp;\"'.png"
"""A file's name that would be more than that, were it not escaped."""

PEOPLE = 10


def write_report(folder: Path, there: Options) -> Path:
    """Write a corpus in which one mask is shifted and one name is markup, its store, their page."""
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


def prepare(folder: Path, out: str, *more: object) -> Options:
    words = ("shm-data", "prepare", folder / "raw", folder / out, "--size", 64, "--trimap", "fixed")
    return *words, "--refine", "none", *more


@contextmanager
def opened(file: Path) -> Iterator[Page]:
    """Open a page; nothing may go wrong in it, and it may ask for nothing."""
    with open_page() as (page, wrong):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        yield page
        assert not wrong
        assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def ids(page: Page) -> list[str]:
    """Return the ids of the cards that are to be seen, in their order."""
    cards = page.locator("#sheet > li:visible")
    return [str(name) for name in cards.evaluate_all("all => all.map((each) => each.dataset.id)")]


def open_sample(page: Page, name: str) -> None:
    page.locator(f'#sheet > li[data-id="{name}"] button').click()
    page.locator("#panel[open]").wait_for()


def mark(page: Page, verdicts: dict[str, str]) -> None:
    for name, verdict in verdicts.items():
        open_sample(page, name)
        page.locator(f'#verdict button[data-mark="{verdict}"]').click()
        page.keyboard.press("Escape")


def save(page: Page, out: Path) -> Path:
    """Save the marks of a page."""
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "marks.json"
    download.value.save_as(out)
    return out


def tally(page: Page) -> str:
    return page.locator("#tally").inner_text()


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
