"""Pictures on the page of runs, as many and as large as it may hold."""

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shm.datasets.image import ImageError, read_photo
from shm.datasets.tree import printable
from shm.workflows.evaluate import Evaluation, SheetRow
from shm.workflows.report.encode import THUMBNAIL, encode, shrunk

MOMENTS = 12
"""Steps of a phase whose pictures are shown, evenly over those that there are."""

STEP = re.compile(r"step-\d+\.png")
"""What a picture of a step is called."""

HELD = 512_000_000
"""Bytes that the pictures of a run's worst predictions may take before they are encoded."""

SMALLEST = THUMBNAIL
"""Side below which pictures of predictions are rather left out than made smaller."""

MARKUP = 400
"""Bytes that a picture takes beside its own."""

PROBES = 4
"""Rows whose pictures say how large those of all will be."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What the nets of a run made of the same samples: (step, picture), of how many there are.

    `damaged` names files that can't be read, which are left out.
    """

    shown: Sequence[tuple[int, str]]
    there: int
    damaged: Sequence[str] = ()

    @property
    def bytes(self) -> int:
        """Return how much of a page they take."""
        return sum(len(picture) + MARKUP for _, picture in self.shown)


def moments_within(
    folders: Mapping[tuple[str, str], Path], limit: float
) -> dict[tuple[str, str], Moments]:
    """Read the pictures in some folders: as many of each, `MOMENTS` at most, as take `limit` bytes.

    The last of each folder is the first to be shown; folders without pictures are left out.
    """
    files = {key: _steps(folder) for key, folder in folders.items()}
    files = {key: found for key, found in files.items() if found}
    if not files:
        return {}
    encoded = cache(_encoded)
    last = sum(len(encoded(found[-1]) or "") for found in files.values())
    most = min(MOMENTS, int(limit / max(last, 1)))
    while True:
        moments = {
            key: _moments({file: encoded(file) for file in _evenly(found, most)}, len(found))
            for key, found in files.items()
        }
        if sum(each.bytes for each in moments.values()) <= limit or not most:
            return moments
        most -= 1


def _encoded(file: Path) -> str | None:
    try:
        return encode(read_photo(file))
    except (ImageError, OSError):
        return None


def _moments(pictures: Mapping[Path, str | None], there: int) -> Moments:
    return Moments(
        shown=[(_step(file), picture) for file, picture in pictures.items() if picture],
        there=there,
        damaged=[file.name for file, picture in pictures.items() if picture is None],
    )


def _steps(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("step-*.png")) if STEP.fullmatch(file.name)]


def _step(file: Path) -> int:
    return int(file.stem.removeprefix("step-"))


def _evenly(files: Sequence[Path], most: int) -> list[Path]:
    """Return so many files, evenly, the last one in any case."""
    places = np.linspace(len(files) - 1, 0, min(most, len(files))).round().astype(int)
    return [files[place] for place in np.unique(places).tolist()]


class Picture(NamedTuple):
    """A picture of a row, as a ``data:`` URL, and its size."""

    title: str
    url: str
    height: int
    width: int


class WorstRow(NamedTuple):
    """An image with a large error: what it is, and what the nets made of it."""

    caption: str
    pictures: Sequence[Picture]


@dataclass(frozen=True, kw_only=True)
class Worst:
    """Rows of the worst predictions of a run, the worst first.

    Attributes
    ----------
    rows : sequence of WorstRow
    side : int
        Pixels that no side of their pictures exceeds.
    smaller : bool
        Whether they are smaller than the samples.
    left_out : int
        Rows for which there was no room.
    """

    rows: Sequence[WorstRow]
    side: int
    smaller: bool
    left_out: int

    @property
    def bytes(self) -> int:
        """Return how much of a page they take."""
        return sum(map(_bytes, self.rows))


TITLES = ("image", "true trimap", "predicted trimap", "predicted alpha", "true alpha")
TRIMAPS = (1, 2)


def sheet_side(worst: int) -> int:
    """Return how large the pictures of so many rows may be before they take `HELD` bytes."""
    return math.isqrt(HELD // (7 * max(worst, 1)))  # RGB and four planes


def worst_within(found: Evaluation, limit: float) -> Worst:
    """Encode the worst predictions, as large as they may be for `limit` bytes."""
    columns = [column for column, _ in found.columns()]
    own = max((max(each.shape[:2]) for row in found.sheet for each in _there(row)), default=0)
    side = own
    probes = found.sheet[:: max(1, len(found.sheet) // PROBES)][:PROBES]
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        while probes and side > SMALLEST:
            rows = list(threads.map(_encoder(columns, side), probes))
            share = sum(map(_bytes, rows)) / len(probes) * len(found.sheet) / max(limit, 1)
            if share <= 1:
                break
            side = max(SMALLEST, int(side * min(0.9, share**-0.5)))
        rows = list(threads.map(_encoder(columns, side), found.sheet))
    while rows and sum(map(_bytes, rows)) > limit:
        rows.pop()
    left_out = len(found.sheet) - len(rows)
    return Worst(rows=rows, side=side, smaller=side < own, left_out=left_out)


def _there(row: SheetRow) -> Iterable[NDArray[np.uint8]]:
    return (each for each in row.pictures if each is not None)


def _encoder(columns: Sequence[int], side: int) -> Callable[[SheetRow], WorstRow]:
    def encoded(row: SheetRow) -> WorstRow:
        pictures = []
        for column in columns:
            pixels = row.pictures[column]
            if pixels is not None:
                small = shrunk(pixels, side, exact=column in TRIMAPS)
                pictures.append(Picture(TITLES[column], encode(small), *small.shape[:2]))
        return WorstRow(printable(row.caption.replace("\n", ", ")), pictures)

    return encoded


def _bytes(row: WorstRow) -> int:
    return sum(len(picture.url) + MARKUP for picture in row.pictures)
