"""What of the pages is made by scripts: that it is what the scripts make."""

import contextlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from docs.draw import PICTURES, write
from docs.reference import PAGE, page
from tests.docs.blocks import ROOT, blocks_of

MOST = 100_000
"""Bytes of a picture."""


def test_the_reference_is_what_the_docstrings_say() -> None:
    assert PAGE.read_text() == page(), "python docs/reference.py writes it anew"


def test_the_pictures_of_the_pages_can_be_made_again(tmp_path: Path) -> None:
    folder = ROOT / "docs" / "pictures"
    assert {path.stem for path in folder.iterdir()} == set(PICTURES)
    for made in write(tmp_path, size=160):
        kept = folder / made.name
        assert kept.stat().st_size < MOST
        shown, again = (np.asarray(Image.open(path).convert("RGB")) for path in (kept, made))
        assert shown.shape == again.shape
        assert again.std() > 10


def test_the_costs_in_the_table_are_what_the_formula_gives() -> None:
    scaling = ROOT / "docs" / "scaling.md"
    (block,) = (block for block in blocks_of(scaling) if block.language == "python")
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(block.text, block.where, "exec"), {"__name__": "__main__"})  # noqa: S102
    rows = told.getvalue().strip().splitlines()
    assert len(rows) == 6
    assert all(row in scaling.read_text().splitlines() for row in rows)
