"""The files below a folder, as POSIX paths relative to it, and nothing that lies outside."""

import os
import unicodedata
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shm.datasets.image import IMAGE_SUFFIXES, MAX_PIXELS, UNREAD_SUFFIXES
from shm.datasets.pairs import CorpusError, Reject

_CLUTTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What stands below `root`, sorted; hidden files and the clutter of desktops are not in it.

    Attributes
    ----------
    root : Path
        The folder, with links resolved.
    images : tuple of str
        Files with a suffix of `IMAGE_SUFFIXES`.
    others : tuple of str
        All other files.
    rejects : tuple of Reject
        Links that lead out of the folder or nowhere, names that are no text, image formats that
        are not read.
    manifest : str or None
        The manifest that the user pointed at, where that was a file.
    max_pixels : int
        Height × width above which no image is to be read.
    """

    root: Path
    images: tuple[str, ...]
    others: tuple[str, ...]
    rejects: tuple[Reject, ...] = ()
    manifest: str | None = None
    max_pixels: int = MAX_PIXELS


def list_tree(root: Path, *, max_pixels: int = MAX_PIXELS) -> Tree:
    """List the files below a folder, or of the folder around a manifest.

    Links to folders are not followed; a link to a file inside the folder counts as a file.

    Raises
    ------
    CorpusError
        There is no such folder, or it is a device or a pipe.
    """
    if not root.exists():
        raise CorpusError(f"{root}: there is no such folder")
    if not (root.is_dir() or root.is_file()):
        raise CorpusError(f"{root}: neither a folder nor a file")
    manifest = root.name if root.is_file() else None
    root = (root.parent if manifest else root).resolve()
    images, others, rejects = [], [], []

    def closed(error: OSError) -> None:
        path = Path(error.filename).relative_to(root).as_posix()
        why = (error.strerror or "its file system gives no reason").lower()
        rejects.append(Reject(printable(path), f"a folder that may not be read: {why}"))

    for folder, folders, files in os.walk(root, onerror=closed):
        at = Path(folder).relative_to(root)
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = sorted(
            name
            for name in folders
            if not (_ignored(name) or name in links or _is_store(Path(folder, name)))
        )
        for name in sorted([*files, *links]):
            if _ignored(name):
                continue
            path = (at / name).as_posix()
            reason = _refusal(root, path)
            if reason is not None:
                rejects.append(Reject(printable(path), reason))
            elif suffix_of(path) in IMAGE_SUFFIXES and name not in links:
                images.append(path)
            else:
                others.append(path)
    return Tree(
        root=root,
        images=tuple(sorted(images)),
        others=tuple(sorted(others)),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.source)),
        manifest=manifest,
        max_pixels=max_pixels,
    )


def suffix_of(path: str) -> str:
    """Return the suffix in lower case, with its dot."""
    return PurePosixPath(path).suffix.lower()


def stem_of(path: str) -> str:
    """Return the name without its suffix, composed (NFC), so that names of a Mac compare equal."""
    return unicodedata.normalize("NFC", PurePosixPath(path).stem)


def is_composed(path: str) -> bool:
    """Return whether a path's name is composed (NFC) as it stands, which `stem_of` makes of any."""
    return unicodedata.is_normalized("NFC", PurePosixPath(path).name)


def folders_of(path: str) -> tuple[str, ...]:
    """Return the folders that a relative path leads through."""
    return PurePosixPath(path).parts[:-1]


def printable(path: str) -> str:
    """Return a path that can be encoded and shown on one line."""
    try:
        raw = path.encode("utf-8", "surrogateescape")  # as file systems give names that are no text
    except UnicodeEncodeError:
        raw = path.encode("utf-8", "surrogatepass")
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def safe_path(root: Path, path: str) -> str | None:
    """Return a path that a list names as a POSIX path below `root`, or None if it leads outside."""
    pure = PurePosixPath(path.replace("\\", "/"))
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0]:
        return None
    try:
        path.encode()
        inside = "\0" not in path and (root / pure).resolve().is_relative_to(root)
    except (OSError, RuntimeError, UnicodeEncodeError):  # links in a circle, no text, too long
        return None
    return pure.as_posix() if inside else None


def leads_out(root: Path, path: Path) -> bool:
    """Return whether links lead from a path below `root` to what lies outside, or to nothing."""
    try:
        return not path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return True


def summarise(files: Iterable[str], depth_of: Callable[[str], int | None]) -> tuple[str, ...]:
    """Return files in a few lines: whole folders, several files of one kind, or single files.

    Parameters
    ----------
    files : iterable of str
        Relative paths.
    depth_of : callable
        How many leading folders of a path lead to one to name as a whole; None if there is none.
    """
    groups: dict[str, list[str]] = {}
    for file in files:
        depth, folders = depth_of(file), folders_of(file)
        if depth is not None:
            group = "/".join(folders[:depth]) + "/"
        elif folders:
            group = "/".join(folders) + f"/*{suffix_of(file)}"
        else:
            group = file
        groups.setdefault(group, []).append(file)
    return tuple(
        names[0] if len(names) == 1 and not group.endswith("/") else f"{group} ({_files(names)})"
        for group, names in sorted(groups.items())
    )


def _files(names: Sized) -> str:
    return "1 file" if len(names) == 1 else f"{len(names)} files"


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _CLUTTER


def _is_store(folder: Path) -> bool:
    """Return whether a folder is a zarr store, perhaps the one that is about to be made."""
    try:
        return (folder / "zarr.json").is_file()
    except OSError:
        return False


def _refusal(root: Path, path: str) -> str | None:
    """Return why a file can be no part of a corpus, None if it may."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not valid UTF-8: rename it"
    full = root / path
    if full.is_symlink():
        try:
            target = full.resolve(strict=True)
        except (OSError, RuntimeError):
            return "a link that leads nowhere"
        if not target.is_relative_to(root):
            what = "folder" if target.is_dir() else "file"
            return f"a link that leads out of the corpus: copy the {what} instead"
    if not (full.is_file() or full.is_dir()):
        return "not a regular file"
    if suffix_of(path) in UNREAD_SUFFIXES:
        return f"{suffix_of(path)} files are not read: save it as JPEG, PNG, WebP or TIFF"
    return None
