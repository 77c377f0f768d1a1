"""Which photos of COCO show a person (Lin et al., Microsoft COCO, ECCV 2014, arXiv 1405.0312).

A COCO folder holds ``annotations/instances_train2017.json`` and the photos in ``train2017``, or in
``images``. The file of the whole set has 450 MB: it is read as a stream, and what is kept of it
grows with the number of photos, not of outlines. Crowds of people count as people.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO

import ijson
from ijson import JSONError

from shm.datasets.backgrounds.background import (
    PEOPLE,
    Background,
    BackgroundError,
    merged,
    plain,
)
from shm.datasets.tree import Tree

_PREFIX = "instances_"

_KEYS = {
    f"{section}.item{key and '.'}{key}": (section, key)
    for section, keys in {
        "images": ("", "id", "file_name", "license"),
        "licenses": ("", "id", "name"),
        "categories": ("", "id", "name"),
        "annotations": ("", "image_id", "category_id"),
    }.items()
    for key in keys
}
"""The places in the file that matter; without a key, an item of a list as a whole."""

_LONGEST = 1000
"""Letters of a place in the file: each event is told its own, so that depth costs its square."""

_AT_ONCE = 4096
"""Bytes whose events are made before the first is seen here; more at once are no quicker."""


@dataclass
class _Instances:
    """What one file of annotations says, by photo and by number."""

    files: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    licences: dict[int, str] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    annotated: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    is_annotated: bool = False


def find(tree: Tree) -> dict[str, Background]:
    """Return the photos of all COCO folders in a tree, or around it, by their path in the tree.

    Only photos that a file of annotations lists: of the others nothing is known.

    Raises
    ------
    BackgroundError
        A file of annotations is no JSON, or not COCO's.
    """
    known = set(tree.images)
    found: dict[str, Background] = {}
    for path in _annotation_files(tree):
        for image, background in _photos(tree, path, known).items():
            found[image] = merged([found[image], background]) if image in found else background
    return found


def _annotation_files(tree: Tree) -> list[Path]:
    inside = [
        tree.root / path
        for path in tree.others
        if PurePosixPath(path).match(f"annotations/{_PREFIX}*.json")
    ]
    # The user may point at the image folder itself: coco/train2017, or coco/images/train2017.
    above = [
        folder / "annotations" / f"{_PREFIX}{tree.root.name}.json"
        for folder in (tree.root.parent, tree.root.parent.parent)
    ]
    return inside or [path for path in above if path.is_file()]


def _photos(tree: Tree, path: Path, known: set[str]) -> dict[str, Background]:
    collection, subset = path.parent.parent, path.stem.removeprefix(_PREFIX)
    try:
        with path.open("rb") as file:
            instances = _read(file)
    except (JSONError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BackgroundError(f"{path}: not COCO's annotations ({reason:.160})") from error
    categories = map(str.casefold, instances.categories.values())
    has_people = instances.is_annotated and not PEOPLE.isdisjoint(categories)
    found: dict[str, Background] = {}
    for number, (name, licence) in instances.files.items():
        image = _located(tree, collection, subset, name, known)
        if image is None:
            continue
        kinds = {instances.categories.get(kind) for kind in instances.annotated.get(number, ())}
        classes = tuple(sorted(kind for kind in kinds if kind is not None))
        person = not PEOPLE.isdisjoint(map(str.casefold, classes))
        note = "annotates no people" if not has_people else "annotates nothing in it"
        if None in kinds:
            note = "annotates what is in none of its categories"
        is_known = person or bool(has_people and kinds and None not in kinds)
        background = replace(
            plain(tree, image, id=f"{subset}/{PurePosixPath(name).stem}"),
            source=(tree.root / image).relative_to(collection.parent).as_posix(),
            person=person if is_known else None,
            classes=classes,
            licence=instances.licences.get(licence) if licence is not None else None,
            note=None if is_known else f"{path.name} {note}",
        )
        # A photo may be listed twice; a person in one entry is a person in both.
        found[image] = merged([found[image], background]) if image in found else background
    return found


def _located(tree: Tree, collection: Path, subset: str, name: str, known: set[str]) -> str | None:
    """Return where a photo stands in the tree: only files that have been found there count."""
    for folder in (subset, f"images/{subset}", "images", ""):
        path = collection / folder / name
        if path.is_relative_to(tree.root):
            image = path.relative_to(tree.root).as_posix()
            if image in known:
                return image
    return None


def _read(file: IO[bytes]) -> _Instances:
    """Read the four lists in one pass; each event is a prefix, what it is, and a value."""
    found = _Instances()
    item: dict[str, object] = {}
    for prefix, event, value in ijson.parse(file, use_float=True, buf_size=_AT_ONCE):
        found.is_annotated |= prefix == "annotations" and event == "start_array"
        if prefix not in _KEYS:  # nearly all events are corners of outlines
            if len(prefix) > _LONGEST:
                raise ValueError("lists in lists, or a name, without end")
            continue
        section, key = _KEYS[prefix]
        if key:
            item[key] = value
        elif event == "end_map":
            _keep(found, section, item)
            item = {}
    return found


def _keep(found: _Instances, section: str, item: dict[str, object]) -> None:
    if section == "images":
        licence = item.get("license")
        found.files[_number(item["id"])] = (
            str(item["file_name"]),
            None if licence is None else _number(licence),
        )
    elif section == "licenses":
        found.licences[_number(item["id"])] = str(item["name"])
    elif section == "categories":
        found.categories[_number(item["id"])] = str(item["name"])
    else:
        found.annotated[_number(item["image_id"])].add(_number(item["category_id"]))


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r:.40} where a number should stand")
    return value
