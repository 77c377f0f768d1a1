"""Adobe's Deep Image Matting set: ``Training_set/{Adobe-licensed images,Other}/{fg,alpha}``.

Each photo comes as the true colours of its foreground with a matte (Xu et al., Deep Image Matting,
CVPR 2017, arXiv 1703.03872). Lists of names beside the folders say which files count. The 1,000
trimaps of the published test composites belong to composites, not to photos, and are left alone.
"""

from collections import defaultdict
from pathlib import Path, PurePosixPath

from shm.datasets.pairs import Found, Pair, Reject
from shm.datasets.tree import Tree, folders_of, printable, stem_of

EXPECTS = "{Training_set,Test_set}/{Adobe-licensed images,Other}/{fg,alpha}/NAME"

_COLLECTIONS = ("adobe-licensed images", "other")
_ROLES = {"fg": "fg", "alpha": "alpha", "trimaps": "trimap"}

_Key = tuple[tuple[str, ...], str]


def find(tree: Tree) -> Found | None:
    """Pair the foregrounds with their mattes; None without a folder ``…/{…}/fg`` of Adobe's."""
    files: dict[_Key, dict[str, str]] = defaultdict(dict)
    left_alone, rejects = [], []
    for path in tree.images:
        folders = folders_of(path)
        role = _ROLES.get(folders[-1]) if len(folders) > 1 else None
        if role is None or folders[-2].lower() not in _COLLECTIONS:
            left_alone.append(path)
        elif role in (roles := files[folders[:-1], stem_of(path)]):
            rejects.append(Reject(path, f"{roles[role]} beside it has the same name"))
        else:
            roles[role] = path
    if not any("fg" in roles for roles in files.values()):
        return None
    listed, named_wrongly = _read_lists(tree, files)
    rejects += named_wrongly
    pairs = []
    for key, roles in files.items():
        names = _names_for(key, listed)
        if "fg" in roles and names is not None and key[1] not in names:
            rejects.append(Reject(roles["fg"], "no list of names has it"))
            left_alone += [path for role, path in roles.items() if role != "fg"]
        elif "fg" in roles and "alpha" in roles:
            pairs.append(_pair(key, roles))
        elif "fg" in roles:
            rejects.append(Reject(roles["fg"], "no matte in the alpha folder beside it"))
            left_alone += [roles["trimap"]] if "trimap" in roles else []
        else:
            rejects += (
                [Reject(roles["alpha"], "a matte without a photo")] if "alpha" in roles else []
            )
            left_alone += [roles["trimap"]] if "trimap" in roles else []
    return Found(
        pairs=tuple(pairs),
        rejects=tuple(rejects),
        left_alone=tuple(left_alone),
        lists=tuple(path for path in tree.others if _is_list(path)),
    )


def _pair(key: _Key, roles: dict[str, str]) -> Pair:
    return Pair(
        image=roles["fg"],
        alpha=roles["alpha"],
        trimap=roles.get("trimap"),
        foreground=roles["fg"],
        split=next((split for folder in key[0] if (split := _split(folder))), None),
    )


def _split(folder: str) -> str | None:
    name = folder.lower()
    return "train" if name.startswith("train") else "test" if name.startswith("test") else None


def _is_list(path: str) -> bool:
    return path.lower().endswith("fg_names.txt")


def _read_lists(
    tree: Tree, files: dict[_Key, dict[str, str]]
) -> tuple[dict[tuple[str, ...], set[str]], list[Reject]]:
    """Return the stems that each folder's lists name, and a reject for each name without a file."""
    listed: dict[tuple[str, ...], set[str]] = defaultdict(set)
    rejects = []
    for path in filter(_is_list, tree.others):
        folder = folders_of(path)
        present = {
            stem
            for (folders, stem), roles in files.items()
            if "fg" in roles and folders[: len(folder)] == folder
        }
        for number, name in _lines(tree.root / path):
            stem = stem_of(name)
            if PurePosixPath(name.replace("\\", "/")).name != name:
                reason = f"line {number} of {path}: a path where a file name should stand"
                rejects.append(Reject(printable(name), reason))
                continue
            listed[folder].add(stem)
            if stem not in present:
                reason = f"line {number} of {path} names it, but no fg folder holds it"
                rejects.append(Reject(printable(name), reason))
    return listed, rejects


def _lines(path: Path) -> list[tuple[int, str]]:
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    lines = [line.strip() for line in text.splitlines()]
    return [(number, line) for number, line in enumerate(lines, start=1) if line]


def _names_for(key: _Key, listed: dict[tuple[str, ...], set[str]]) -> set[str] | None:
    """Return the names of the innermost list that governs a file, None where there is no list."""
    folders = key[0]
    for depth in range(len(folders), -1, -1):
        if folders[:depth] in listed:
            return listed[folders[:depth]]
    return None
