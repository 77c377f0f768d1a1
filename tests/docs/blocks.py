"""The fenced blocks of a Markdown page, in their order, each with what its mark says of it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

ROOT = Path(__file__).parents[2]

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
"""Pages whose blocks are run."""

MARKDOWN = (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")

Language: TypeAlias = Literal["shell", "python", "toml", "json", "text"]

Kind: TypeAlias = Literal["run", "parsed", "shown"]
"""What is done with a block."""

LANGUAGES: dict[str, Language] = {
    "": "shell",
    "shell": "shell",
    "python": "python",
    "toml": "toml",
    "json": "json",
    "text": "text",
}
"""What may stand behind a fence. `text` is what a program says, or a list: it is not run."""

REASONS = frozenset(
    {
        "needs a GPU",
        "needs several GPUs",
        "needs the network",
        "needs a camera",
        "needs your own server",
        "takes minutes",
        "takes a checkout",
    }
)
"""What may stand in ``<!-- not run: REASON -->`` above a block, which then is only parsed."""

PROGRAMS = re.compile(r"(shm|shm-data|python|torchrun|make|pip) ")
"""How a line begins that should be run: a block of `text` is no way around that."""

_FENCE = re.compile(r"(?P<indent> *)(?P<ticks>```+|~~~+)(?P<language>[^`]*)")
_MARK = re.compile(r"<!-- (?P<key>[a-z ]+): (?P<value>.+?) -->")


class PageError(AssertionError):
    """A page is not written as the tests understand it."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block.

    Attributes
    ----------
    page : Path
    line : int
        Of its first line.
    not_run : str
        Why it is only parsed; empty where it is run.
    file : str
        The file that it is the content of, for later blocks of the page; empty where it is none.
    """

    page: Path
    line: int
    language: Language
    text: str
    not_run: str = ""
    file: str = ""

    @property
    def where(self) -> str:
        """Return where it stands, as editors jump to it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def kind(self) -> Kind:
        """Return what is done with it."""
        if self.language == "text":
            return "shown"
        return "parsed" if self.not_run else "run"


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page; raises `PageError` at a mark or language that nobody knows."""
    return blocks_in(page.read_text(), page)


def blocks_in(text: str, page: Path) -> list[Block]:
    """Return the blocks of the text of a page; raises as `blocks_of` does."""
    found, lines = [], text.splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.fullmatch(lines[at])
        if fence is None:
            at += 1
            continue
        end = at + 1
        while lines[end].strip() != fence["ticks"]:
            end += 1
        name, where = fence["language"].strip(), f"{page.relative_to(ROOT)}:{at + 1}"
        if name not in LANGUAGES:
            raise PageError(f"{where}: {name!r} is no language of {', '.join(LANGUAGES)}")
        mark = _mark(lines[at - 1] if at else "", where)
        inside = [line.removeprefix(fence["indent"]) for line in lines[at + 1 : end]]
        block = Block(
            page=page,
            line=at + 2,
            language=LANGUAGES[name],
            text="\n".join(inside) + "\n",
            not_run=mark.get("not run", ""),
            file=mark.get("file", ""),
        )
        if block.language == "text" and any(map(PROGRAMS.match, inside)):
            raise PageError(f"{where}: commands in a block of text, which is not run")
        found.append(block)
        at = end + 1
    marks = sum(_MARK.fullmatch(line) is not None for line in lines)
    if marks != sum(bool(block.not_run or block.file) for block in found):
        raise PageError(f"{page.relative_to(ROOT)}: a mark stands above no block")
    return found


def _mark(line: str, where: str) -> dict[str, str]:
    mark = _MARK.fullmatch(line)
    if mark is None:
        return {}
    if mark["key"] == "file" or (mark["key"] == "not run" and mark["value"] in REASONS):
        return {mark["key"]: mark["value"]}
    raise PageError(f"{where}: unknown mark {line!r}: not run: {' | '.join(sorted(REASONS))}")


def paragraphs_of(page: Path) -> list[str]:
    """Return a page's running text, each paragraph, entry and row of a table as one line."""
    found: list[str] = []
    lines: list[str] = []
    for line in [*outside_of_blocks(page).splitlines(), ""]:
        if not line.strip() or line.startswith("|") or line.lstrip().startswith("- "):
            found.append(" ".join(lines))
            lines = []
        if line.startswith("|"):
            found.append(line)
        elif line.strip():
            lines.append(line.strip())
    return found


def outside_of_blocks(page: Path) -> str:
    """Return a page's text with its fenced blocks blanked, line by line."""
    lines, inside, kept = page.read_text().splitlines(), "", []
    for line in lines:
        fence = _FENCE.fullmatch(line)
        if not inside and fence is not None:
            inside = fence["ticks"]
            kept.append("")
        elif inside:
            inside = "" if line.strip() == inside else inside
            kept.append("")
        else:
            kept.append(line)
    return "\n".join(kept)
