"""Finds photos to paste people on, and what their annotations say of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from shm.datasets.backgrounds import coco, voc
from shm.datasets.backgrounds.background import (
    Background,
    BackgroundError,
    merged,
    plain,
)
from shm.datasets.tree import list_tree


def find_all_backgrounds(roots: Sequence[Path]) -> list[Background]:
    """Find the photos of several folders, as `find_backgrounds`, with ids unique among them all."""
    return _with_unique_ids([found for root in roots for found in find_backgrounds(root)])


def find_backgrounds(root: Path) -> list[Background]:
    """Find the photos of a folder: of Pascal VOC, of COCO, and others.

    The collections may be the folder itself, a folder in it, or what it stands in, where that is
    VOC's ``JPEGImages`` or one of COCO's image folders. VOC's label maps are no photos.

    Parameters
    ----------
    root : Path
        A folder.

    Returns
    -------
    list of Background
        Sorted by source.

    Raises
    ------
    BackgroundError
        There is no such folder, or no image in it.
    """
    if root.exists() and not root.is_dir():
        raise BackgroundError(f"{root} is a file: give the folder of backgrounds that it is in")
    if not root.is_dir():
        raise BackgroundError(f"{root}: there is no such folder of backgrounds")
    tree = list_tree(root)
    found = coco.find(tree)
    for image, background in voc.find(tree).items():
        found[image] = merged([found[image], background]) if image in found else background
    # What COCO or VOC do not list is a plain photo of the folder.
    for image in tree.images:
        if image not in found and not voc.is_label_map(image):
            name = PurePosixPath(tree.root.name, image)
            found[image] = plain(tree, image, id=name.with_suffix("").as_posix())
    for reject in tree.rejects:
        unread = plain(tree, reject.source, id=f"{tree.root.name}/{reject.source}")
        found[reject.source] = replace(unread, unfit=reject.reason)
    if not found:
        raise BackgroundError(f"{root}: no image in this folder of backgrounds")
    return _with_unique_ids(sorted(found.values(), key=lambda background: background.source))


def _with_unique_ids(found: list[Background]) -> list[Background]:
    """Give those that share an id their source for one, and a number where they share that too."""
    ids = Counter(background.id for background in found)
    sources: Counter[str] = Counter()
    unique = []
    for background in found:
        name = background.id
        if ids[name] > 1:
            name = background.source
            sources[name] += 1
            if sources[name] > 1:
                name = f"{name}~{sources[name]}"
        unique.append(replace(background, id=name))
    return unique
