"""What is to be predicted: photos and videos, in files, folders, patterns or standard input."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from shm.datasets.image import IMAGE_SUFFIXES
from shm.datasets.video import VIDEO_SUFFIXES
from shm.pipeline.errors import ShmError

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


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that could not be predicted, and why, in a line."""

    source: str
    reason: str


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
        Inputs that are missing, and those that would have another's results.

    Raises
    ------
    PredictError
        There is nothing.
    """
    found: dict[PurePath, Source] = {}
    failures: list[Failure] = []
    for given in inputs:
        sources = list(_sources_of(given, target))
        if not sources:
            failures.append(Failure(source=given, reason=_nothing(given)))
        for source in sources:
            other = found.setdefault(source.name, source)
            if other.path != source.path:
                reason = f"would have the same results as {other.path}: predict them apart"
                failures.append(Failure(source=str(source.path), reason=reason))
    if not found:
        told = "; ".join(f"{each.source}: {each.reason}" for each in failures[:3])
        raise PredictError(told or "nothing to predict: give photos, videos or folders of them")
    return tuple(found.values()), tuple(failures)


def _nothing(given: str) -> str:
    if Path(given).is_dir():
        return "there is no photo and no video in this folder"
    return "no file fits this pattern" if glob.has_magic(given) else "no such file or folder"


def _sources_of(given: str, target: Path | None) -> Iterator[Source]:
    path = Path(given)
    if given == STANDARD_INPUT:
        yield Source(path=path, name=PurePath("stdin"))
    elif path.is_dir():
        for inside in _below(path, target):
            yield Source(path=inside, name=inside.relative_to(path).with_suffix(""))
    elif path.exists():
        yield Source(path=path, name=PurePath(path.stem))
    elif glob.has_magic(given):
        root = Path(given[: _first_magic(given)].rpartition("/")[0])
        for match in map(Path, sorted(glob.glob(given, recursive=True))):  # noqa: PTH207 - `**`
            if match.is_file() and _is_media(match):
                yield Source(path=match, name=_inside(match, root).with_suffix(""))


def _first_magic(pattern: str) -> int:
    return min(pattern.find(sign) for sign in "*?[" if sign in pattern)


def _inside(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else Path(path.name)


def _below(folder: Path, target: Path | None) -> Iterator[Path]:
    """Yield a folder's photos and videos, at any depth, in the order of their names."""
    results = None if target is None else target.resolve()
    for at, folders, files in os.walk(folder):
        here = Path(at)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != results
        )
        for name in sorted(files):
            if not name.startswith(".") and _is_media(here / name):
                yield here / name


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES
