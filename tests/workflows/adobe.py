"""A small tree like Adobe's with its four lists, and backgrounds named as COCO's and VOC's are."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

LISTS = {
    "Training_set": ("training_fg_names.txt", "training_bg_names.txt", 100),
    "Test_set": ("test_fg_names.txt", "test_bg_names.txt", 20),
}

FOREGROUNDS = {
    "Training_set/Adobe-licensed images/fg/1-12_o.jpg": (90, 64),
    "Training_set/Other/fg/net.old.png": (48, 70),
    "Test_set/Adobe-licensed images/fg/16452_o.png": (150, 110),
    "Test_set/Adobe-licensed images/fg/glass-1.png": (36, 31),
}
"""(height, width) of each: one is larger than its backgrounds, one is smaller than they are."""

COCO_SIZES = ((60, 80), (80, 60), (47, 71), (100, 40), (64, 90), (120, 120))
VOC_SIZES = ((75, 100), (100, 75), (41, 37), (66, 88), (151, 111), (38, 120), (90, 66))


class Pasted(NamedTuple):
    """A composite as the lists have it: files of colours, matte and background."""

    id: str
    colours: Path
    matte: Path
    background: Path


@dataclass(frozen=True)
class Tree:
    """``adobe``, ``coco`` and ``VOCdevkit`` in one folder."""

    root: Path

    @property
    def adobe(self) -> Path:
        """The folder of foregrounds and lists."""
        return self.root / "adobe"

    @property
    def backgrounds(self) -> tuple[object, ...]:
        """Options of ``composite`` that name both collections."""
        folders = (self.root / "VOCdevkit", self.root / "coco")
        return "--backgrounds", folders[0], "--backgrounds", folders[1]

    def composites(self, part: str) -> list[Pasted]:
        """Return what belongs on what, by the lists of a part, in their order."""
        people, scenes, each = LISTS[part]
        behind = iter((self.adobe / part / scenes).read_text().split())
        folders = (self.root / "VOCdevkit", self.root / "coco")
        photos = [file for folder in folders for file in folder.rglob("*.jpg")]
        by_name = {file.name: file for file in photos}
        assert len(by_name) == len(photos)
        pasted = []
        for name in (self.adobe / part / people).read_text().split():
            (colours,) = (self.adobe / part).rglob(f"fg/{name}")
            matte = colours.parent.parent / "alpha" / name
            for number in range(each):
                file = next(behind).split("2014_")[-1]
                pasted.append(Pasted(f"{name[:-4]}-{number:03d}", colours, matte, by_name[file]))
        return pasted


def write_tree(root: Path, each: tuple[int, int] = (100, 20)) -> Tree:
    """Write the tree; its lists have so many backgrounds a foreground to train and to test on."""
    random = np.random.default_rng(7)
    for name, size in FOREGROUNDS.items():
        colours = root / "adobe" / name
        matte = colours.parent.parent / "alpha" / colours.name
        save(colours, random.integers(0, 256, (*size, 3), np.uint8))
        save(matte, glass(size) if "glass" in name else hair(size, random))
    coco = root / "coco"
    for number, size in enumerate(COCO_SIZES):
        folder = "val2017" if number % 3 == 0 else "train2017"
        save(coco / folder / f"{581_000 + number:012d}.jpg", photo(size, random))
    voc = root / "VOCdevkit" / "VOC2012" / "JPEGImages"
    for number, size in enumerate(VOC_SIZES):
        save(voc / f"2008_{number:06d}.jpg", photo(size, random))
    for (part, (people, scenes, _)), count in zip(LISTS.items(), each, strict=True):
        foregrounds = [name for name in FOREGROUNDS if name.startswith(part)]
        names = [Path(name).name for name in reversed(foregrounds)]
        length = count * len(names)
        if part == "Training_set":
            drawn = random.integers(0, len(COCO_SIZES), length).tolist()
            years = ("train2014", "val2014")
            behind = [f"COCO_{years[n % 2]}_{581_000 + n:012d}.jpg" for n in drawn]
        else:
            drawn = random.integers(0, len(VOC_SIZES), length).tolist()
            behind = [f"2008_{n:06d}.jpg" for n in drawn]
        (root / "adobe" / part / people).write_text("\n".join(names) + "\n")
        (root / "adobe" / part / scenes).write_text("\n".join(behind) + "\n")
    return Tree(root)


def hair(size: tuple[int, int], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a matte of every value, 0..255, most of them next to the two ends, as JPEG has."""
    height, width = size
    alpha = np.zeros(size, np.uint8)
    alpha[height // 5 :, width // 4 : -width // 4] = 255
    near_black, near_white = ([0, 0, 0, 1, 2, 3], [255, 255, 255, 254, 253, 252])
    alpha = np.where(alpha, random.choice(near_white, size), random.choice(near_black, size))
    alpha[height // 3 : height // 3 + 256 // (width // 2) + 1, : width // 2] = 0
    alpha.reshape(-1)[width * (height // 3) :][:256] = np.arange(256)
    return alpha.astype(np.uint8)


def glass(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a matte that is nowhere opaque and nowhere transparent."""
    return np.linspace(1, 200, size[0] * size[1]).astype(np.uint8).reshape(size)


def photo(size: tuple[int, int], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a smooth picture that no other call gives."""
    coarse = random.integers(0, 256, (7, 9, 3), np.uint8)
    smooth = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.uint8)


def save(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
