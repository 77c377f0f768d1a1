"""How corpora lay their files out. A layout turns a tree of files into pairs; add yours here."""

from collections.abc import Callable
from typing import NamedTuple

from shm.datasets.layouts import adobe, aisegment, folder, manifest, p3m, rgba
from shm.datasets.pairs import Found
from shm.datasets.tree import Tree


class Layout(NamedTuple):
    """A way to lay a corpus out.

    Attributes
    ----------
    find : callable
        Makes pairs of a tree, or returns None where the tree is laid out in another way.
    expects : str
        What it looks for, as one line for people.
    """

    find: Callable[[Tree], Found | None]
    expects: str


LAYOUTS: dict[str, Layout] = {
    "manifest": Layout(manifest.find, manifest.EXPECTS),
    "aisegment": Layout(aisegment.find, aisegment.EXPECTS),
    "adobe": Layout(adobe.find, adobe.EXPECTS),
    "p3m": Layout(p3m.find, p3m.EXPECTS),
    "rgba": Layout(rgba.find, rgba.EXPECTS),
    "folder": Layout(folder.find, folder.EXPECTS),
}
"""By name, in the order in which ``auto`` tries them: the most particular first."""
