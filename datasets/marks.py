"""Marks that a person set on a store's page: which photos to keep, and which to reject."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from shm.pipeline.errors import ShmError

FORMAT = "shm marks 1"

LARGEST = 2**26
"""Bytes of a file of marks: some 300,000 of them."""

Verdict: TypeAlias = Literal["keep", "reject"]


class MarksError(ShmError, ValueError):
    """A file holds no marks."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What somebody thought of a photo when it and its annotations had these bytes.

    Attributes
    ----------
    verdict : str
        ``keep`` or ``reject``.
    sha256 : str
        Of the photo.
    annotations : dict of str, optional
        SHA-256 of its mask, alpha, trimap, foreground, by these names; without it the mark is of
        the photo, whatever they are.
    """

    verdict: Verdict
    sha256: str
    annotations: Mapping[str, str] | None = None


Marks: TypeAlias = Mapping[str, Mark]
"""By the photo's path in its corpus."""


def read_marks(path: Path) -> Marks:
    """Read the file that the page of ``shm-data report`` saves.

    Raises
    ------
    MarksError
        There is no such file, or it holds something else.
    """
    try:
        size = path.stat().st_size
        found: Any = None if size > LARGEST else json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise MarksError(
            f"{path}: {error.strerror or error}: name the file that the page's `Save marks` wrote"
        ) from error
    except (ValueError, RecursionError) as error:
        raise _no_marks(path, "it is no JSON") from error
    if size > LARGEST:
        raise _no_marks(path, "larger than any file of marks")
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _no_marks(path, f"its format is not {FORMAT!r}")
    rows = found.get("marks")
    if not isinstance(rows, list):
        raise _no_marks(path, "it has no list of marks")
    marks: dict[str, Mark] = {}
    for number, row in enumerate(rows, start=1):
        if not _is_mark(row):
            raise _no_marks(path, f"mark {number} needs source, sha256, and keep or reject")
        mark = Mark(verdict=row["mark"], sha256=row["sha256"], annotations=row.get("annotations"))
        if marks.setdefault(row["source"], mark) != mark:
            raise MarksError(f"{path}: two different marks on {row['source']!r}: keep one")
    return marks


def _is_mark(row: object) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("source"), str)
        and isinstance(row.get("sha256"), str)
        and row.get("mark") in get_args(Verdict)
        and _is_hashes(row.get("annotations", {}))
    )


def _is_hashes(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(each, str) for each in found.values())


def _no_marks(path: Path, why: str) -> MarksError:
    return MarksError(f"{path}: {why}: give the file that the page of `shm-data report` saved")
