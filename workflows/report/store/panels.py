"""What a page holds of one sample: its figures, and each of its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.datasets.composites.store import CompositeStore
from shm.datasets.files import file_sha256
from shm.datasets.image import MAX_PIXELS, read_annotation
from shm.datasets.opening import Samples
from shm.datasets.record import Record
from shm.datasets.tree import printable, safe_path
from shm.pipeline.errors import ShmError
from shm.pipeline.prepare import mask_at
from shm.pipeline.quality import FAULTS, worst_figure
from shm.pipeline.values import Size
from shm.workflows.report.encode import Encoding, encode_small
from shm.workflows.report.store.choice import Shown
from shm.workflows.report.store.figures import FIGURES, measured
from shm.workflows.report.store.survey import target_of

VIEWS = {
    "image": "Photo",
    "background": "Background",
    "mask": "Mask",
    "trimap": "Trimap",
    "alpha": "Alpha",
    "foreground": "Foreground",
}
"""Pictures of a sample in the order in which they are offered, and what people call them."""

MARKUP = 1500
"""Bytes of a page that a sample takes besides its pictures and texts."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One sample on a page.

    Attributes
    ----------
    id, source, split, group : str
    size : (height, width)
    side : int
        Longer side of its pictures here, pixels.
    why : tuple of str
        Why it is shown.
    figures : dict of float
        By the names of `FIGURES`.
    cause : str
        What lowers its quality most, in words.
    facts : dict of str
        How it was made, by what: its steps, its background.
    mark : dict, optional
        What a mark on it is of: the photo's ``source``, ``sha256`` and ``annotations``.
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
    side: int
    why: tuple[str, ...]
    figures: Mapping[str, float]
    cause: str
    facts: Mapping[str, str]
    mark: Mapping[str, Any] | None
    pictures: Mapping[str, str]
    thumbnails: tuple[str, str]

    @property
    def bytes(self) -> int:
        """Return about how much of a page it takes."""
        texts = (self.id, self.source, self.group, self.cause, *self.facts.values())
        pictures = (*self.pictures.values(), *self.thumbnails)
        return MARKUP + 2 * len("".join(texts)) + sum(map(len, pictures))


def panel_of(store: Samples, corpus: Path | None, shown: Shown, how: Encoding) -> Panel:
    """Read a sample and encode its pictures.

    Parameters
    ----------
    corpus : Path, optional
        Where the mask of a prepared person lies.
    how : Encoding

    Raises
    ------
    DamageError
        The store is damaged.
    """
    record = shown.record
    figures = dict(record["quality"])
    if isinstance(store, CompositeStore):
        person = store.foregrounds.record(record["foreground"]["slot"])
        arrays = dict(store.read(shown.slot, record, store.fields))
        # Where and how large the person stands is another matter than in their own photo.
        known = {"quality": figures["quality"]} if "quality" in figures else {}
        own = known | measured(arrays)
    else:
        person, own = record, figures
        arrays = dict(store.read(shown.slot, record, store.pictures))
    mask = None if corpus is None else _mask(corpus, record, limit_of(store))
    if mask is not None:
        arrays["mask"] = mask
    return Panel(
        id=printable(record["id"]),
        source=printable(record["source"]),
        split=printable(record["split"]),
        group=printable(record["group"]),
        size=_size(record["size"]),
        side=min(how.side, max(record["size"])),
        why=shown.why,
        figures={each.name: own[each.name] for each in FIGURES if each.name in own},
        cause=_cause(figures),
        facts=_facts(record),
        mark=target_of(person),
        pictures={name: how.encode(name, arrays[name]) for name in VIEWS if name in arrays},
        thumbnails=(encode_small(arrays["image"]), encode_small(arrays["alpha"])),
    )


def limit_of(store: Samples) -> int:
    """Return how many pixels the command that made a store read at most."""
    limit = store.attributes["config"].get("max_pixels", MAX_PIXELS)
    return limit if isinstance(limit, int) else MAX_PIXELS


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


def has_mask(record: Record) -> bool:
    """Return whether a sample was made from a mask."""
    return "mask" in record.get("annotations", {})


def _mask(corpus: Path, person: Record, max_pixels: int) -> NDArray[np.uint8] | None:
    """Read a person's mask at the sample's size; None where it is not the one it was made from."""
    root = corpus.resolve()
    name = person["annotations"]["mask"] if has_mask(person) else None
    if name is None or safe_path(root, name) is None:
        return None
    try:
        if file_sha256(root / name) != person["annotations_sha256"]["mask"]:
            return None
        values = read_annotation(root / name, max_pixels=max_pixels)
        return mask_at(values, _size(person["photo_size"]), _size(person["size"]))
    except (OSError, ShmError):
        return None


def _size(size: Sequence[int]) -> Size:
    height, width = size
    return height, width
