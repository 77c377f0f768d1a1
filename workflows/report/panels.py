"""What a page holds of one sample: its figures, and each of its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm.datasets.composites.store import CompositeStore
from shm.datasets.files import file_sha256
from shm.datasets.image import read_annotation
from shm.datasets.opening import Samples
from shm.datasets.record import Record
from shm.datasets.tree import printable, safe_path
from shm.pictures import thumbnail
from shm.pipeline.errors import ShmError
from shm.pipeline.prepare import mask_at
from shm.pipeline.quality import FAULTS, worst_figure
from shm.pipeline.values import Size
from shm.workflows.report.choice import Shown
from shm.workflows.report.encode import encode, encode_small

VIEWS = {
    "image": "Photo",
    "background": "Background",
    "mask": "Mask",
    "trimap": "Trimap",
    "alpha": "Alpha",
    "foreground": "Foreground",
}
"""Pictures of a sample in the order in which they are offered, and what people call them."""

LISTED = ("quality", "unknown", "band_mean", "subject", "brightness", "softness", "unsupported")
"""Figures that samples are sorted by and listed with."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One sample on a page.

    Attributes
    ----------
    id, source, split, group : str
    size : (height, width)
    why : tuple of str
        Why it is shown.
    figures : dict of float
    cause : str
        What lowers its quality most, in words.
    facts : dict of str
        How it was made, by what: its steps, its background.
    mark : dict
        What a mark on it is of: the photo's ``source`` and ``sha256``.
    pictures : dict of str
        By `VIEWS`, as ``data:`` URLs.
    thumbnails : tuple of str
        Photo and alpha.
    """

    id: str
    source: str
    split: str
    group: str
    size: tuple[int, int]
    why: tuple[str, ...]
    figures: Mapping[str, float]
    cause: str
    facts: Mapping[str, str]
    mark: Mapping[str, str]
    pictures: Mapping[str, str]
    thumbnails: tuple[str, str]

    @property
    def bytes(self) -> int:
        """Return how much of a page it takes."""
        return sum(map(len, (*self.pictures.values(), *self.thumbnails)))


def panel_of(store: Samples, shown: Shown, corpus: Path | None, side: int) -> Panel:
    """Read a sample and encode its pictures.

    Parameters
    ----------
    corpus : Path, optional
        Where its mask lies.
    side : int
        Pixels that no side of a picture exceeds.

    Raises
    ------
    DamageError
        The store is damaged.
    """
    record = shown.record
    person = record["foreground"] if isinstance(store, CompositeStore) else record
    names = store.fields if isinstance(store, CompositeStore) else store.pictures
    arrays: dict[str, NDArray[np.uint8]] = dict(store.read(shown.slot, record, names))
    mask = None if corpus is None else _mask(corpus, record)
    if mask is not None:
        arrays["mask"] = mask
    figures = record.get("quality", {})
    return Panel(
        id=printable(record["id"]),
        source=printable(record["source"]),
        split=printable(record["split"]),
        group=printable(record["group"]),
        size=_size(record["size"]),
        why=shown.why,
        figures={name: figures[name] for name in LISTED if name in figures},
        cause=_cause(figures),
        facts=_facts(record),
        mark={"source": person["source"], "sha256": person.get("sha256", "")},
        pictures={name: encode(thumbnail(arrays[name], side)) for name in VIEWS if name in arrays},
        thumbnails=(encode_small(arrays["image"]), encode_small(arrays["alpha"])),
    )


def _cause(figures: Mapping[str, float]) -> str:
    name = worst_figure(dict(figures))
    return FAULTS[name].cause if name else ""


def _facts(record: Record) -> dict[str, str]:
    """Return how a sample was made, in words."""
    facts = {step: printable(way) for step, way in record.get("steps", {}).items()}
    if "background" in record:
        facts["background"] = printable(record["background"]["source"])
        if record["background"].get("licence"):
            facts["licence of the background"] = printable(record["background"]["licence"])
    if "second" in record:
        facts["behind"] = printable(record["second"]["source"])
    return facts


def _mask(corpus: Path, person: Record) -> NDArray[np.uint8] | None:
    """Read a person's mask at the sample's size; None where it is not the one it was made from."""
    name = person["annotations"].get("mask") if "annotations" in person else None
    root = corpus.resolve()
    if name is None or safe_path(root, name) is None:
        return None
    try:
        if file_sha256(root / name) != person["annotations_sha256"]["mask"]:
            return None
        values = read_annotation(root / name)
        return mask_at(values, _size(person["photo_size"]), _size(person["size"]))
    except (OSError, ShmError):
        return None


def _size(size: Sequence[int]) -> Size:
    height, width = size
    return height, width
