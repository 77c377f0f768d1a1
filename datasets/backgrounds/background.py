"""A photo to paste people on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from shm.datasets.tree import Tree
from shm.pipeline.errors import ShmError

PEOPLE = frozenset({"person", "people", "pedestrian"})
"""What annotations call people, in lower case; VOC and COCO themselves only say ``person``."""


class BackgroundError(ShmError, FileNotFoundError):
    """A folder of backgrounds is missing, or holds no image."""


@dataclass(frozen=True, kw_only=True)
class Background:
    """A photo to paste people on.

    Attributes
    ----------
    id : str
        Unique among what `find_backgrounds` returned, e.g. ``VOC2012/2007_000027``.
    path : Path
        The file.
    source : str
        The collection's folder and the path in it, to show to people.
    person : bool or None
        Whether a person is annotated in it; None where it is not annotated.
    classes : tuple of str
        What is annotated in it, sorted.
    licence : str or None
        The licence that the annotations state.
    note : str or None
        Why it counts as not annotated, where its annotation is damaged.
    unfit : str or None
        Why it can't be used, whatever it shows.
    """

    id: str
    path: Path
    source: str
    person: bool | None
    classes: tuple[str, ...] = ()
    licence: str | None = None
    note: str | None = None
    unfit: str | None = None


def plain(tree: Tree, image: str, *, id: str) -> Background:  # noqa: A002 - the field's name
    """Return an image of the tree as a background of which nothing is known."""
    source = PurePosixPath(tree.root.name, image).as_posix()
    return Background(id=id, path=tree.root / image, source=source, person=None)


def known_person(copies: Iterable[Background]) -> bool | None:
    """Return what is known of any of the copies; a person in one is a person in all."""
    known = [copy.person for copy in copies if copy.person is not None]
    return any(known) if known else None


def merged(copies: Sequence[Background]) -> Background:
    """Return the first of some copies, with what is known of any of them."""
    licence = next((copy.licence for copy in copies if copy.licence), None)
    classes = tuple(sorted({name for copy in copies for name in copy.classes}))
    return replace(copies[0], person=known_person(copies), licence=licence, classes=classes)
