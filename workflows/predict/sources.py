"""What is to be predicted: photos and videos, in files, folders, patterns or standard input."""

import fnmatch
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from shm.datasets.image import IMAGE_SUFFIXES
from shm.datasets.tree import list_tree
from shm.datasets.video import VIDEO_SUFFIXES
from shm.pipeline.errors import ShmError
from shm.workflows.predict.failures import Failure

STANDARD_INPUT = "-"


class PredictError(ShmError, ValueError):
    """There is nothing to predict, or not in the way that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A photo or a video.

    Parameters
    ----------
    path : Path
        ``-`` for standard input.
    name : PurePath
        What its results are called: below a folder that was given the path from there, without the
        suffix.
    """

    path: Path
    name: PurePath

    @property
    def is_video(self) -> bool:
        """Whether its suffix is a video's."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    @property
    def is_standard_input(self) -> bool:
        """Whether it comes through standard input."""
        return str(self.path) == STANDARD_INPUT


def list_sources(
    inputs: Sequence[str], target: Path | None
) -> tuple[tuple[Source, ...], tuple[Failure, ...]]:
    """List what the inputs stand for; what lies in `target`, the results' folder, is none.

    Parameters
    ----------
    inputs : strings
        Files, folders (at any depth), patterns (``photos/**/*.jpg``), or ``-``.
    target : Path, optional

    Returns
    -------
    sources : tuple of Source
    failures : tuple of Failure
        Inputs that are missing, pictures of kinds that are not read, and those that would have
        another's results.

    Raises
    ------
    PredictError
        There is nothing, or results would lie among the inputs.
    """
    found: dict[tuple[PurePath, bool], Source] = {}
    failures: list[Failure] = []
    for given in inputs:
        sources, refused = _sources_of(given, target)
        failures += refused
        if not sources and not refused:
            failures.append(Failure(source=given, reason=_nothing(given, target)))
        for source in sources:
            other = found.setdefault((source.name, source.is_video), source)
            if other.path != source.path:
                reason = f"would have the same results as {other.path}: predict them apart"
                failures.append(Failure(source=str(source.path), reason=reason))
    if not found:
        told = "; ".join(f"{each.source}: {each.reason}" for each in failures[:3])
        raise PredictError(told or "nothing to predict: give photos, videos or folders of them")
    return tuple(found.values()), tuple(failures)


def _nothing(given: str, target: Path | None) -> str:
    if any(_sources_of(given, None)):
        return f"all of it lies in {target}, where results go: give another --out"
    if Path(given).is_dir():
        return "there is no photo and no video in this folder"
    return "no file fits this pattern" if glob.has_magic(given) else "no such file or folder"


def _sources_of(given: str, target: Path | None) -> tuple[list[Source], list[Failure]]:
    path = Path(given)
    if given == STANDARD_INPUT:
        return [Source(path=path, name=PurePath("stdin"))], []
    if path.is_dir():
        return _below(path, target)
    if path.is_file():
        return [Source(path=path, name=PurePath(path.stem))], []
    if os.path.lexists(path):
        return [], [
            Failure(source=given, reason="not a regular file, or a link that leads nowhere")
        ]
    return list(_matching(given, target)), []


def _below(folder: Path, target: Path | None) -> tuple[list[Source], list[Failure]]:
    """List a folder's photos and videos, at any depth, and what looks like one and isn't read."""
    results = None if target is None else Path(os.path.realpath(target))
    if results == Path(os.path.realpath(folder)):
        raise PredictError(
            f"{target}: results would lie among the photos that they are of: give another --out"
        )
    tree = list_tree(folder)
    videos = [name for name in tree.others if Path(name).suffix.lower() in VIDEO_SUFFIXES]
    sources = [
        Source(path=folder / name, name=PurePath(name).with_suffix(""))
        for name in sorted((*tree.images, *videos))
        if not _lies_in(folder / name, results)
    ]
    refused = [
        Failure(source=str(folder / each.source), reason=each.reason)
        for each in tree.rejects
        if not _lies_in(folder / each.source, results)
    ]
    return sources, refused


def _matching(pattern: str, target: Path | None) -> Iterator[Source]:
    if not glob.has_magic(pattern):
        return
    results = None if target is None else Path(os.path.realpath(target))
    root = Path(pattern[: _first_magic(pattern)].rpartition("/")[0])
    start = Path(pattern).anchor
    parts = pattern.removeprefix(start).split("/")
    for path in map(Path, sorted({*_expanded(start, [part for part in parts if part])})):
        if path.is_file() and _is_media(path) and not _lies_in(path, results):
            inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
            yield Source(path=path, name=inside.with_suffix(""))


def _expanded(folder: str, parts: Sequence[str]) -> Iterator[str]:
    """Yield what a pattern matches below a folder, as `glob` does, but for links to folders.

    ``**`` does not follow them, as `list_tree` does not: two that lead back would take for ever.
    """
    if not parts:
        yield folder
        return
    part, rest = parts[0], parts[1:]
    if not glob.has_magic(part):
        if os.path.lexists(os.path.join(folder, part)):  # noqa: PTH118 - `.` and `..` stay
            yield from _expanded(os.path.join(folder, part), rest)  # noqa: PTH118
        return
    deep = part == "**"
    if deep:
        yield from _expanded(folder, rest)
    try:
        with os.scandir(folder or ".") as found:
            entries = [each for each in found if each.name[0] != "." or part[0] == "."]
    except OSError:
        return
    for each in entries:
        inside = os.path.join(folder, each.name)  # noqa: PTH118
        if deep and each.is_dir(follow_symlinks=False):
            yield from _expanded(inside, parts)
        elif (deep and not rest) or (not deep and fnmatch.fnmatch(each.name, part)):
            yield from _expanded(inside, rest)


def _first_magic(pattern: str) -> int:
    return min(pattern.find(sign) for sign in "*?[" if sign in pattern)


def _lies_in(path: Path, folder: Path | None) -> bool:
    # Not Path.resolve, which raises at links that lead to themselves.
    return folder is not None and Path(os.path.realpath(path)).is_relative_to(folder)


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES
