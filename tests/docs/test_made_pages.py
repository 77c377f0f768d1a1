"""What of the pages is made by scripts: that it is what the scripts make."""

import contextlib
import inspect
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs.draw import PICTURES, halved, portrait, prepared, rough, trimaps, write, wrong
from docs.reference import PAGE, TOPICS, find, page
from shm.metrics import sad
from shm.pipeline.values import UNKNOWN
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


def test_the_figures_below_the_pictures_are_those_of_the_pictures() -> None:
    told = (ROOT / "docs" / "explanation.md").read_text()
    person = portrait()
    for name, trimap in trimaps(person).items():
        row = re.search(rf"\| {name} \| (\d+) % \| (\d+) pixels \|", told)
        assert row, name
        seen = [100 * (trimap == UNKNOWN).mean(), wrong(trimap, person.alpha).sum()]
        assert [float(figure) for figure in row.groups()] == pytest.approx(seen, rel=0.1)
    pattern = r"SAD ([\d.]+) where the\smask has ([\d.]+)\..* ([\d.]+), of ([\d.]+)\."
    errors = re.search(pattern, told, re.DOTALL)
    assert errors
    masks = [halved(person.alpha), rough(person.alpha)]
    pairs = [(prepared(person, mask).alpha, mask) for mask in masks]
    found = [sad(alpha / 255, person.alpha / 255) for pair in pairs for alpha in pair]
    assert [float(figure) for figure in errors.groups()] == pytest.approx(found, rel=0.02)


def test_what_a_docstring_of_the_reference_refers_to_is_in_the_reference() -> None:
    names = [name for topic in TOPICS.values() for name in topic]
    parts = {name: own_names(find(name)) for name in names}
    known = [*names, *(f"{name}.{part}" for name in names for part in parts[name])]
    for name in names:
        text = inspect.getdoc(find(name)) or ""
        for word in re.findall(r"(?<!`)`([A-Za-z_][\w.]*)`(?!`)", text):
            listed = any(each == word or each.endswith(f".{word}") for each in known)
            told = listed or word.partition(".")[0] in parts[name]
            assert told or word.isupper() or word.endswith("Error"), f"{name}: `{word}`"


def own_names(thing: object) -> set[str]:
    """Return the names of what a function is given, or of what a class has."""
    if inspect.isclass(thing):
        return {*dir(thing), *inspect.signature(thing).parameters}
    return {*inspect.signature(thing).parameters} if callable(thing) else set()


def test_the_costs_in_the_table_are_what_the_formula_gives() -> None:
    scaling = ROOT / "docs" / "scaling.md"
    (block,) = (block for block in blocks_of(scaling) if block.language == "python")
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(block.text, block.where, "exec"), {"__name__": "__main__"})  # noqa: S102
    rows = told.getvalue().strip().splitlines()
    assert len(rows) == 6
    assert all(row in scaling.read_text().splitlines() for row in rows)
