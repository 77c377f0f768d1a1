"""Finds files that are the same, and photos of one name that show the same picture."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.datasets.files import file_sha256
from shm.datasets.image import MAX_PIXELS, ImageError, image_size, read_thumbnail
from shm.datasets.layouts import roles
from shm.datasets.pairs import Pair, Reject
from shm.datasets.tree import stem_of

_MEAN_DIFFERENCE = 4.0
"""Two thumbnails show one picture when their greys, 0..255, differ by less on average ..."""

_LARGEST_DIFFERENCE = 32.0
"""... and by less at each point: a small figure on a plain wall hardly moves the average ..."""

_ASPECT_DIFFERENCE = 0.02
"""... and their aspect ratios by less, in relation."""


Watch = Callable[[Collection[Any]], Iterator[Any]]
"""Passes items on one by one, and may show somebody how far they are."""


def equal_files(paths: Sequence[Path], watch: Watch = iter) -> list[list[int]]:
    """Return the indices of files with the same content, in groups of two and more.

    Only files of equal length are read. Files that can't be read are equal to none.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, path in enumerate(paths):
        try:
            by_length[path.stat().st_size].append(index)
        except OSError:
            continue
    alike = [indices for length, indices in by_length.items() if length and len(indices) > 1]
    by_digest: dict[str, list[int]] = defaultdict(list)
    for index in watch(list(chain.from_iterable(alike))):
        try:
            by_digest[file_sha256(paths[index])].append(index)
        except OSError:
            continue
    return sorted(group for group in by_digest.values() if len(group) > 1)


def without_duplicates(
    root: Path, pairs: Iterable[Pair], *, max_pixels: int = MAX_PIXELS, watch: Watch = iter
) -> tuple[list[Pair], list[Reject]]:
    """Return the pairs with each photo once, and a reject for each of its other copies.

    Copies are equal files, and photos of one stem that show the same picture. A copy with a matte
    wins, then one with a mask, then one in a folder with a telling name, then the first by path.

    Parameters
    ----------
    root : Path
        What the paths of the pairs are relative to.
    pairs : iterable of Pair
        In any order.
    max_pixels : int
        Larger photos are not compared by what they show.
    watch : callable
        Given the photos that have to be read, and passes them on.

    Returns
    -------
    list of Pair, list of Reject
        Both sorted by path.
    """
    ranked = sorted(pairs, key=_rank)
    doubles: dict[int, str] = {}
    for group in equal_files([root / pair.image for pair in ranked], watch):
        for index in group[1:]:
            doubles[index] = f"the same file as {ranked[group[0]].image}"
    by_stem: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(ranked):
        if index not in doubles:
            by_stem[stem_of(pair.image).casefold()].append(index)
    namesakes = [(stem, index) for stem, some in by_stem.items() if len(some) > 1 for index in some]
    for stem, some in groupby(watch(namesakes), key=itemgetter(0)):
        images = ((index, ranked[index].image) for _, index in some)
        doubles |= _same_pictures(root, images, len(by_stem[stem]), max_pixels)
    rejects = [Reject(ranked[index].image, reason, True) for index, reason in doubles.items()]
    kept = [pair for index, pair in enumerate(ranked) if index not in doubles]
    return (
        sorted(kept, key=lambda pair: pair.image),
        sorted(rejects, key=lambda reject: reject.source),
    )


def _rank(pair: Pair) -> tuple[bool, bool, bool, str, str]:
    unnamed = roles.role_of(pair.image).folder is None
    return pair.alpha is None, pair.mask is None, unnamed, pair.image, pair.mask or ""


def _same_pictures(
    root: Path, images: Iterable[tuple[int, str]], count: int, max_pixels: int
) -> dict[int, str]:
    """Return a reason for each photo that shows the same as one before it."""
    reasons: dict[int, str] = {}
    kept: list[tuple[str, tuple[int, int]]] = []
    seen = _Seen(count)
    for index, image in images:
        try:
            size = image_size(root / image, max_pixels=max_pixels)
            thumbnail = read_thumbnail(root / image, max_pixels=max_pixels)
        except ImageError:
            continue  # it will be rejected with its reason when it is read
        original = seen.find_or_add(thumbnail, size[0] / size[1])
        if original is None:
            kept.append((image, size))
        else:
            how = ", saved again" if kept[original][1] == size else " at another size"
            reasons[index] = f"the same photo as {kept[original][0]}{how}"
    return reasons


class _Seen:
    """The pictures seen so far, each a thumbnail, its mean and an aspect ratio."""

    def __init__(self, capacity: int) -> None:
        self._count = 0
        self._thumbnails = np.empty((capacity, 32 * 32), np.uint8)
        self._means = np.empty(capacity, np.float32)
        self._aspects = np.empty(capacity, np.float32)

    def find_or_add(self, thumbnail: NDArray[np.uint8], aspect: float) -> int | None:
        """Return the number of the picture that this one repeats, or None and add it."""
        count, mean = self._count, float(thumbnail.mean())
        # Thumbnails differ on average by no less than their means: few are left to compare.
        alike = np.flatnonzero(
            (np.abs(self._aspects[:count] / aspect - 1) < _ASPECT_DIFFERENCE)
            & (np.abs(self._means[:count] - mean) < _MEAN_DIFFERENCE)
        )
        difference = np.abs(self._thumbnails[alike].astype(np.int16) - thumbnail.reshape(-1))
        for number, row in zip(alike.tolist(), difference, strict=True):
            if row.mean() < _MEAN_DIFFERENCE and row.max() < _LARGEST_DIFFERENCE:
                return int(number)
        self._thumbnails[count] = thumbnail.reshape(-1)
        self._means[count], self._aspects[count] = mean, aspect
        self._count += 1
        return None
