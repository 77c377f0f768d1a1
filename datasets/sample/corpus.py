"""The sample corpus on disk: portraits, rough masks, the truth, and backgrounds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shm.datasets.files import write_jpeg, write_png
from shm.datasets.sample.backgrounds import write_backgrounds
from shm.datasets.sample.person import random_person
from shm.datasets.sample.render import render
from shm.pipeline.errors import ShmError

MIN_SIZE = 64
"""The smallest long side of a portrait, in pixels."""


class SampleConfigError(ShmError, ValueError):
    """The sample corpus can't be made like that."""


class SampleFolderError(ShmError, FileExistsError):
    """The place for the sample corpus is taken by a file."""


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How many portraits, and how large.

    Attributes
    ----------
    people : int
        Portraits, at least 1.
    size : int
        The long side of each, in pixels, at least 64.
    seed : int
        Portrait i depends on the seed, the size and i alone.
    """

    people: int = 24
    size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        if self.people < 1:
            raise SampleConfigError(f"people = {self.people}: ask for at least 1")
        if self.size < MIN_SIZE:
            raise SampleConfigError(f"size = {self.size} pixels: at least {MIN_SIZE} are needed")


def write_scenery(folder: Path) -> int:
    """Write the backgrounds, to ``backgrounds/VOCdevkit/VOC2012``; returns how many there are.

    Raises
    ------
    SampleFolderError
        `folder` is a file.
    MissingPhotoError
        scikit-image is installed without its photos.
    """
    if folder.exists() and not folder.is_dir():
        raise SampleFolderError(f"{folder} is a file: name a folder for the sample corpus")
    return write_backgrounds(folder / "backgrounds")


def write_portrait(folder: Path, config: SampleConfig, index: int) -> None:
    """Write one portrait: photo, mask (alpha of at least 128), true alpha and foreground.

    They go to ``images``, ``masks``, ``truth/alphas`` and ``truth/foregrounds``. No portrait
    depends on another; the same configuration gives the same bytes. Files of the same names are
    replaced, each at once.
    """
    portrait = render(random_person(config.seed, index, config.size), config.seed, index)
    name = f"person_{index:04d}"
    mask = np.where(portrait.alpha >= 128, 255, 0).astype(np.uint8)
    write_jpeg(folder / "images" / f"{name}.jpg", portrait.image)
    write_png(folder / "masks" / f"{name}.png", mask)
    write_png(folder / "truth" / "alphas" / f"{name}.png", portrait.alpha)
    write_png(folder / "truth" / "foregrounds" / f"{name}.png", portrait.foreground)
