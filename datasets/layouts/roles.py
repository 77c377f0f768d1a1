"""What the names of folders and files say about the part that a file plays."""

import re
from dataclasses import dataclass

from shm.datasets.tree import folders_of, stem_of

ANNOTATIONS = ("mask", "alpha", "trimap")
"""The roles of files that say something about a photo."""

_FOLDERS: dict[str, str] = {
    **dict.fromkeys(["image", "images", "img", "imgs", "photo", "photos", "rgb"], "image"),
    **dict.fromkeys(
        ["input", "inputs", "jpg", "jpeg", "jpegs", "original", "originals", "src"], "image"
    ),
    **dict.fromkeys(["mask", "masks", "seg", "segs", "segmentation", "segmentations"], "mask"),
    **dict.fromkeys(["label", "labels", "annotation", "annotations"], "mask"),
    **dict.fromkeys(["alpha", "alphas", "matte", "mattes", "matting", "gt"], "alpha"),
    **dict.fromkeys(["trimap", "trimaps"], "trimap"),
    **dict.fromkeys(["foreground", "foregrounds", "fg"], "foreground"),
}
"""The role that a folder's name, in lower case, gives to what stands below it."""

_ANNOTATION_AFFIXES: dict[str, str] = {
    **dict.fromkeys(["mask", "masks", "seg", "segm", "segmentation", "label", "labels"], "mask"),
    **dict.fromkeys(["alpha", "matte", "gt"], "alpha"),
    "trimap": "trimap",
    **dict.fromkeys(["fg", "foreground"], "foreground"),
}
_IMAGE_AFFIXES = ["image", "img", "photo", "rgb", "input"]

_APART = re.compile(
    r"backgrounds?|bgs?|truth|vocdevkit|voc20\d\d|jpegimages|coco(20\d\d)?|(train|val|test)20\d\d",
    re.IGNORECASE,
)
"""Folders that stand beside a corpus and are no part of it."""


def _affix_pattern(words: list[str]) -> re.Pattern[str]:
    either = "|".join(words)
    return re.compile(
        rf"(?P<first>.+)[_\-. ](?P<after>{either})|(?P<before>{either})[_\-. ](?P<last>.+)",
        re.IGNORECASE,
    )


_ANNOTATION_AFFIX = _affix_pattern(list(_ANNOTATION_AFFIXES))
_IMAGE_AFFIX = _affix_pattern(_IMAGE_AFFIXES)
_FOLDER_AFFIX = _affix_pattern([word for word in _FOLDERS if len(word) > 3 or word == "gt"])

Key = tuple[tuple[str, ...], str]
"""Folders without what gives the role, and a stem."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """The part that a file plays, as far as its name tells.

    Attributes
    ----------
    folder, affix : {'image', 'mask', 'alpha', 'trimap', 'foreground'} or None
        What the innermost telling folder says, and what the stem says.
    keys : tuple of Key
        What to look for in the files that belong to this one: the plain stem first, then the stem
        without the affix of an annotation, then without that of a photo.
    """

    folder: str | None
    affix: str | None
    keys: tuple[Key, ...]

    @property
    def name(self) -> str | None:
        """The role. A folder tells more than an affix, but not than `_trimap`, nor if of photos."""
        if self.affix == "trimap" or self.folder in (None, "image"):
            return self.affix or self.folder
        return self.folder

    @property
    def by_folder(self) -> bool:
        """Whether the role is the folder's, whatever the stem says."""
        return self.folder is not None and self.name == self.folder

    @property
    def is_annotation(self) -> bool:
        """Whether the file says something about a photo, rather than being one."""
        return self.name in ANNOTATIONS


def role_of(path: str) -> Role:
    """Return the role of a file, from the folders of its relative path and from its stem."""
    folders, stem = folders_of(path), stem_of(path)
    folder, place = _telling_folder(folders)
    affix, bare = _affix(stem)
    core = _without(_IMAGE_AFFIX, bare)
    if affix is None and core != stem and folder is None:
        affix = "image"
    keys = tuple((place, name) for name in dict.fromkeys((stem, bare, core)))
    return Role(folder=folder, affix=affix, keys=keys)


def apart(path: str) -> int | None:
    """Return how many leading folders lead to one that is no part of a corpus, None if none is."""
    for depth, folder in enumerate(folders_of(path), start=1):
        if _APART.fullmatch(folder):
            return depth
    return None


def _telling_folder(folders: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Return the role that the innermost telling folder gives, and the folders without it.

    Of `train_masks`, which tells too, `train` remains: it stands beside `train`.
    """
    for at in reversed(range(len(folders))):
        word = folders[at].lower()
        rest: tuple[str, ...] = ()
        match = _FOLDER_AFFIX.fullmatch(folders[at])
        if match is not None:
            word = (match["after"] or match["before"]).lower()
            rest = (match["first"] or match["last"],)
        if word in _FOLDERS:
            return _FOLDERS[word], (*folders[:at], *rest, *folders[at + 1 :])
    return None, folders


def _affix(stem: str) -> tuple[str | None, str]:
    match = _ANNOTATION_AFFIX.fullmatch(stem)
    if match is None:
        return None, stem
    word = (match["after"] or match["before"]).lower()
    return _ANNOTATION_AFFIXES[word], match["first"] or match["last"]


def _without(pattern: re.Pattern[str], stem: str) -> str:
    match = pattern.fullmatch(stem)
    return stem if match is None else match["first"] or match["last"]
