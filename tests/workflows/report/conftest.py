"""A corpus, its store, and the store's page in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.workflows.corpora import Options
from tests.workflows.pages import opened, write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, there: Options) -> Path:
    return write_report(tmp_path_factory.mktemp("report"), there)


@pytest.fixture
def page(folder: Path) -> Iterator[Page]:
    with opened(folder / "report.html") as page:
        yield page
