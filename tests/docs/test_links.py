"""Links of all Markdown files: what is here is there, and what is elsewhere is an address."""

import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.blocks import MARKDOWN, ROOT, outside_of_blocks

_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"#{1,6} (.+)")


def links_of(page: Path) -> list[str]:
    text = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "``", outside_of_blocks(page))
    return _LINK.findall(text)


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: Counter[str] = Counter()
    anchors = set()
    for line in outside_of_blocks(page).splitlines():
        heading = _HEADING.fullmatch(line)
        if heading is None:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "")
        kept = "".join(c for c in text.lower().strip() if _stays(c)).replace(" ", "-")
        anchors.add(f"{kept}-{found[kept]}" if found[kept] else kept)
        found[kept] += 1
    return frozenset(anchors)


def _stays(letter: str) -> bool:
    return letter in " -_" or unicodedata.category(letter)[0] in "LNM"


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_resolves(page: Path) -> None:
    for link in links_of(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("http", "https"), link
            assert parts.hostname, link
            assert "." in parts.hostname, link
            assert not re.search(r"[<>\"{}|\\^`\s]", link), link
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        assert target.exists(), f"{page.name}: {link}"
        assert target.is_relative_to(ROOT), f"{page.name}: {link}"
        if parts.fragment:
            assert parts.fragment in anchors_of(target), f"{page.name}: {link}"


def test_anchors_are_those_of_github() -> None:
    links = anchors_of(ROOT / "docs" / "reliability.md")
    assert {"what-is-not-promised", "two-commands-at-once", "on-a-cluster"} <= links


def test_every_page_is_in_the_index() -> None:
    docs = ROOT / "docs"
    listed = {(docs / link).resolve() for link in links_of(docs / "README.md") if ":" not in link}
    assert set(docs.rglob("*.md")) - {docs / "README.md"} <= listed
