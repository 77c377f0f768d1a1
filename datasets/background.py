"""A photo to paste people on."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shm.datasets.tree import Tree
from shm.pipeline.errors import ShmError


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
