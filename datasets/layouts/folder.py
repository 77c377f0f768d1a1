"""Any folder of photos with masks, mattes or trimaps beside them, paired by their names."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from shm.datasets.image import ImageError, may_annotate, read_annotation
from shm.datasets.layouts import roles
from shm.datasets.layouts.roles import Key, Role
from shm.datasets.pairs import Found, Pair, Reject
from shm.datasets.tree import Tree, is_composed, stem_of, suffix_of
from shm.pipeline.annotation import is_binary

EXPECTS = (
    "photos with masks, mattes or trimaps beside them: images/a.jpg and masks/a.png, "
    "or a.jpg and a_mask.png"
)

_SAMPLES = 8  # annotations of one folder that are decoded to tell masks from mattes


@dataclass
class _Photos:
    """The photos, what has been found for each, and three ways to look one up."""

    found: dict[str, dict[str, str]] = field(default_factory=dict)
    by_stem: dict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_core: dict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    anywhere: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, path: str, role: Role, **files: str) -> None:
        self.found[path] = dict(files)
        self.by_stem[role.keys[0]].append(path)
        self.by_core[role.keys[-1]].append(path)
        for stem in {stem_of(path), role.keys[-1][1]}:
            self.anywhere[stem].append(path)

    def beside(self, role: Role) -> list[str]:
        """Return the photos in the folder that corresponds to an annotation's."""
        for key in role.keys:
            if key in self.by_stem:
                return self.by_stem[key]
        for key in role.keys:
            if len(self.by_core.get(key, ())) == 1:
                return self.by_core[key]
        return []

    def elsewhere(self, role: Role) -> list[str]:
        """Return the photo with the annotation's stem in any folder, if there is just one."""
        for _, stem in role.keys:
            if stem in self.anywhere:
                photos = self.anywhere[stem]
                return photos if len(photos) == 1 else []
        return []


def find(tree: Tree) -> Found:
    """Pair the photos of a tree with what stands beside them."""
    left_alone = [path for path in tree.images if roles.apart(path) is not None]
    named = {path: roles.role_of(path) for path in tree.images if roles.apart(path) is None}
    photos, notes = _sort_out(named)
    rejects = _attach(photos, notes, named)
    taken = _attach_twins(tree.root, photos)
    pairs = []
    for path, files in photos.found.items():
        if path in taken:
            continue
        if any(role in files for role in roles.ANNOTATIONS):
            pairs.append(Pair(image=path, **files))
        else:
            rejects.append(Reject(path, "no mask, matte or trimap beside it"))
            left_alone += [file for file in files.values() if file != path]
    return Found(pairs=tuple(pairs), rejects=tuple(rejects), left_alone=tuple(left_alone))


def _sort_out(named: dict[str, Role]) -> tuple[_Photos, list[str]]:
    """Return the photos, and the paths of all that goes with them."""
    photos, others = _Photos(), []
    for path, role in named.items():
        if role.name in (None, "image"):
            photos.add(path, role)
        else:
            others.append(path)
    told = {key for path in others if named[path].by_folder for key in named[path].keys[:1]}
    notes = []
    for path in others:
        role = named[path]
        # `blue-label.jpg` is no label, where no `blue.jpg` stands beside it and it has a mask.
        misread = not role.by_folder and (role.folder == "image" or role.keys[0] in told)
        if misread and not photos.beside(role):
            photos.add(path, role)
        # A foreground with a matte and no photo is a photo whose colours are true.
        elif role.name == "foreground" and not photos.beside(role):
            photos.add(path, role, foreground=path)
        else:
            notes.append(path)
    return photos, notes


def _attach(photos: _Photos, notes: Iterable[str], named: dict[str, Role]) -> list[Reject]:
    """Give each annotation to its photo; return those without one, and those too many."""
    rejects, lost = [], []
    # PNG first: where a mask was saved twice, the other is likely to be lossy.
    for path in sorted(notes, key=lambda path: (suffix_of(path) != ".png", path)):
        beside = photos.beside(named[path])
        if beside:
            rejects += _give(photos, beside, path, named[path])
        else:
            lost.append(path)
    claims: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for path in lost:
        elsewhere = photos.elsewhere(named[path]) if named[path].by_folder else []
        if elsewhere and named[path].name not in photos.found[elsewhere[0]]:
            claims[elsewhere[0], named[path].name].append(path)
        else:
            rejects.append(_without_photo(path, named[path]))
    for (photo, _), paths in claims.items():
        if len(paths) == 1:
            rejects += _give(photos, [photo], paths[0], named[paths[0]])
        else:
            rejects += [_without_photo(path, named[path]) for path in paths]
    return rejects


def _give(photos: _Photos, owners: list[str], path: str, role: Role) -> list[Reject]:
    name = str(role.name)
    # Of two photos whose names differ only in their Unicode form, it is that of its own form.
    form = is_composed(path)
    owners = [photo for photo in owners if is_composed(photo) == form] or owners
    free = [photo for photo in owners if name not in photos.found[photo]]
    for photo in free:
        photos.found[photo][name] = path
    if free:
        return []
    taken = photos.found[owners[0]][name]
    return [Reject(path, f"a second {name} for {owners[0]}: {taken} is taken")]


def _without_photo(path: str, role: Role) -> Reject:
    noun = "matte" if role.name == "alpha" else role.name
    return Reject(path, f"a {noun} without a photo")


def _attach_twins(root: Path, photos: _Photos) -> set[str]:
    """Take `a.png` for the mask or matte of `a.jpg` beside it, where its content may be one.

    Whether a folder's twins are masks or mattes, the first few of them decide together.
    """
    twins: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for same in photos.by_stem.values():
        plain = [path for path in same if suffix_of(path) in (".jpg", ".jpeg", ".webp")]
        exact = [path for path in same if suffix_of(path) == ".png"]
        bare = not any(role in photos.found[path] for path in same for role in roles.ANNOTATIONS)
        if len(plain) == len(exact) == 1 and bare and _may_annotate(root / exact[0]):
            twins[PurePosixPath(exact[0]).parent.as_posix()].append((plain[0], exact[0]))
    taken = set()
    for pairs in twins.values():
        hard = [_is_mask(root / annotation) for _, annotation in pairs[:_SAMPLES]]
        name = "mask" if 2 * sum(hard) >= len(hard) else "alpha"
        for photo, annotation in pairs:
            photos.found[photo][name] = annotation
            taken.add(annotation)
    return taken


def _may_annotate(path: Path) -> bool:
    try:
        return may_annotate(path)
    except ImageError:
        return True  # it will be rejected with its reason when it is read


def _is_mask(path: Path) -> bool:
    try:
        return is_binary(read_annotation(path))
    except ImageError:
        return True
