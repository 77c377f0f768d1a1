"""Photos with a mask and their true alpha: a corpus of yours, or generated people.

A corpus is a folder with images/, masks/ and alphas/ (or truth/alphas/, as `shm-data sample` has
them), matched by stem.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from shm.datasets.image import read_annotation, read_photo
from shm.datasets.sample import SampleConfig, write_portrait
from shm.metrics import sad
from shm.pipeline.annotation import alpha_from_annotation, fit_annotation, mask_from_annotation
from shm.pipeline.resize import resize
from shm.pipeline.size import size_within
from shm.pipeline.values import Alpha, RgbImage


@dataclass(frozen=True, kw_only=True)
class Photo:
    """The files of one photo of a corpus."""

    image: Path
    mask: Path
    alpha: Path


def list_photos(folder: Path) -> dict[str, Photo]:
    """Return the photos of a corpus that have a mask and an alpha, by stem."""
    alphas = folder / "alphas" if (folder / "alphas").is_dir() else folder / "truth" / "alphas"
    folders = {"image": folder / "images", "mask": folder / "masks", "alpha": alphas}
    for part in folders.values():
        if not part.is_dir():
            raise click.UsageError(f"{part}: no such folder; a corpus has images, masks, alphas")
    by_stem = {
        name: {path.stem: path for path in sorted(part.iterdir()) if path.suffix}
        for name, part in folders.items()
    }
    stems = sorted(set.intersection(*map(set, by_stem.values())))
    if not stems:
        raise click.UsageError(f"{folder}: no image has a mask and an alpha of the same stem")
    return {stem: Photo(**{name: by_stem[name][stem] for name in folders}) for stem in stems}


def read(photo: Photo, size: int) -> tuple[RgbImage, Alpha, Alpha]:
    """Return photo, mask and true alpha at the sample's size, as `prepare` would make them."""
    image = read_photo(photo.image)
    full = (image.shape[0], image.shape[1])
    small = size_within(full, size)
    marked = mask_from_annotation(fit_annotation(read_annotation(photo.mask), full))
    halves = resize(np.where(marked, np.uint8(255), np.uint8(0)), small) >= 128
    truth = alpha_from_annotation(fit_annotation(read_annotation(photo.alpha), full))
    mask = np.where(halves, np.uint8(255), np.uint8(0))
    return resize(image, small), mask, resize(truth, small)


@contextmanager
def corpus_or_people(corpus: Path | None, people: int, size: int) -> Iterator[Path]:
    """Give the corpus, or, where there is none, one of generated people for the time being."""
    if corpus is not None:
        yield corpus
        return
    with tempfile.TemporaryDirectory(prefix="shm-people-") as folder:
        for index in range(people):
            write_portrait(Path(folder), SampleConfig(people=people, size=size), index)
        yield Path(folder)


def mask_errors(photos: dict[str, Photo], size: int) -> dict[str, float]:
    """Return the SAD of each photo's mask, which ranks them."""
    pairs = {stem: read(photo, size)[1:] for stem, photo in photos.items()}
    return {stem: sad(mask / 255, truth / 255) for stem, (mask, truth) in pairs.items()}


def parts(mask_sads: dict[str, float]) -> dict[str, list[str]]:
    """Return the photos of each part that figures are given for, by falling SAD of the mask."""
    order = sorted(mask_sads, key=lambda photo: (-mask_sads[photo], photo))
    hairy = order[: (len(order) + 1) // 2]
    return {"all": order, "tuning": order[0::2], "held out": order[1::2], "hairy": hairy}
