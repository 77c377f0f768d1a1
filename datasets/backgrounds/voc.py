"""Which photos of Pascal VOC show a person (Everingham et al., IJCV 2010).

A VOC folder holds ``JPEGImages/ID.jpg``, ``Annotations/ID.xml`` and, in ``ImageSets/Main``, lists
such as ``person_trainval.txt`` with a flag for each ID: 1 shows a person, 0 a person who is hard to
see, -1 none. DOI 10.1007/s11263-009-0275-4.
"""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from shm.datasets.backgrounds.background import PEOPLE, Background, BackgroundError
from shm.datasets.tree import Tree, folders_of, leads_out, stem_of

_LARGEST = 2**20
"""Bytes of an annotation, of which VOC's have a few thousand: as a tree, XML may take eighty times
as many."""

_PHOTOS = "JPEGImages"
_LABEL_MAPS = ("SegmentationClass", "SegmentationObject", "SegmentationClassAug")


def find(tree: Tree) -> dict[str, Background]:
    """Return the photos of all VOC folders in a tree, or around it, by their path in the tree.

    Raises
    ------
    BackgroundError
        A list of people leads out of its VOC folder.
    """
    people: dict[Path, set[str]] = {}
    found = {}
    for image in tree.images:
        folder = _voc_folder(tree, image)
        if folder is None:
            continue
        if folder not in people:
            people[folder] = _flagged_people(folder)
        background = _background(folder, stem_of(image), tree.root / image)
        if stem_of(image) in people[folder]:
            # The lists know of people that a missing or damaged XML file does not show.
            background = _with_person(background)
        found[image] = background
    return found


def is_label_map(image: str) -> bool:
    """Return whether an image is one of VOC's segmentations, which look like photos by name."""
    folders = folders_of(image)
    return bool(folders) and folders[-1] in _LABEL_MAPS


def _voc_folder(tree: Tree, image: str) -> Path | None:
    folders = folders_of(image)
    if _PHOTOS in folders:
        return tree.root.joinpath(*folders[: folders.index(_PHOTOS)])
    return tree.root.parent if tree.root.name == _PHOTOS else None


def _background(folder: Path, name: str, path: Path) -> Background:
    classes, note = _annotated_classes(folder, folder / "Annotations" / f"{name}.xml")
    return Background(
        id=f"{folder.name}/{name}",
        path=path,
        source=(Path(folder.name) / path.relative_to(folder)).as_posix(),
        person=None if classes is None else not PEOPLE.isdisjoint(map(str.casefold, classes)),
        classes=tuple(sorted(classes or ())),
        note=note,
    )


def _with_person(background: Background) -> Background:
    classes = tuple(sorted({*background.classes, "person"}))
    return replace(background, person=True, classes=classes, note=None)


def _annotated_classes(folder: Path, path: Path) -> tuple[set[str] | None, str | None]:
    """Return the classes of a photo's objects, or None and a note where there is none."""
    if not path.is_file():
        return None, None
    if leads_out(folder, path):
        return None, f"{path.name} is a link that leads out of the corpus"
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("too large")  # noqa: TRY301 - told below
        root = parse(path).getroot()
        objects = root.findall("object")
        names = {(each.findtext("name") or "").strip() for each in objects}
        # Objects that stand elsewhere, or are called otherwise, would count for nobody.
        named = [each for each in root.iter() if "object" in str(each.tag).casefold()]
        if root.tag == "annotation" and "" not in names and len(named) == len(objects):
            return names, None
    except (ParseError, DefusedXmlException, LookupError, ValueError, OSError):
        pass
    return None, f"{path.name} is damaged or not VOC's"


def _flagged_people(folder: Path) -> set[str]:
    people = set()
    for path in sorted((folder / "ImageSets" / "Main").glob("person_*.txt")):
        if not path.is_file():
            continue
        if leads_out(folder, path):  # without it, people would count as nobody
            raise BackgroundError(
                f"{path}: a link that leads out of the corpus: copy the file instead"
            )
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            match = re.fullmatch(r"\s*(\S+)\s+(-?\d+)\s*", line)
            if match is not None and match[2] != "-1":
                people.add(match[1])
    return people
