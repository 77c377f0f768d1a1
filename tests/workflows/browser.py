"""A real browser without a window, with a camera that Chromium itself makes up."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@contextmanager
def open_page(*options: str) -> Iterator[tuple[Page, list[str]]]:
    """Open an empty page; yield it, and the list of what goes wrong in it."""
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=installed, args=["--no-sandbox", *options]
            )
        except Error:
            if installed is not None:
                raise
            pytest.skip("no Chromium: apt install chromium, or playwright install chromium")
        page = browser.new_page(viewport={"width": 1000, "height": 760})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
        try:
            yield page, wrong
        finally:
            browser.close()
