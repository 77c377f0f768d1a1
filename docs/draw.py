"""The pictures of the pages, made by what they explain: python docs/draw.py [FOLDER]."""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shm.datasets.sample.person import random_person
from shm.datasets.sample.render import Portrait, render
from shm.pictures import contact_sheet
from shm.pipeline.composite import blend
from shm.pipeline.foreground import estimate_foreground
from shm.pipeline.prepare import PrepareConfig, Prepared, RawSample, prepare
from shm.pipeline.trimap import Reach, TrimapConfig, trimap_from_alpha
from shm.pipeline.values import Alpha, RgbImage, Trimap

SIZE, INDEX = 512, 2
"""Longer side of the generated portrait, and which of those of seed 0 it is."""

TEAL: tuple[int, int, int] = (20, 150, 140)
PALE: tuple[int, int, int] = (255, 238, 225)

TILE = 230


def portrait(size: int = SIZE) -> Portrait:
    """Return a generated person with hair, whose truth is known."""
    return render(random_person(0, INDEX, size), 0, INDEX)


def rough(alpha: Alpha) -> Alpha:
    """Return the mask that a segmentation would give, 0 or 255."""
    return np.where(alpha >= 128, np.uint8(255), np.uint8(0))


def prepared(person: Portrait) -> Prepared:
    """Return the sample that the defaults make of photo and mask."""
    return prepare(RawSample(image=person.image, mask=rough(person.alpha)), PrepareConfig())


def chain(size: int = SIZE) -> RgbImage:
    """Show photo, mask, trimap, alpha, and the composite."""
    person = portrait(size)
    sample = prepared(person)
    pasted = blend(sample.foreground, sample.alpha, plain(person.image))
    pictures = (person.image, rough(person.alpha), sample.trimap, sample.alpha, pasted)
    return contact_sheet([pictures], ("photo", "mask", "trimap", "alpha", "composite"), TILE)


def alphas(size: int = SIZE) -> RgbImage:
    """Show a detail of the hair: the mask, the refined alpha, and the truth."""
    person = portrait(size)
    sample = prepared(person)
    cut = hairiest(person.alpha, size // 4)
    pictures = (person.image, rough(person.alpha), sample.trimap, sample.alpha, person.alpha)
    titles = ("photo, detail", "mask", "trimap", "refined", "true alpha")
    return contact_sheet([[enlarged(each[cut]) for each in pictures]], titles, TILE)


def bands(size: int = SIZE) -> RgbImage:
    """Show the unknown region: adaptive, of one width, narrow and wide."""
    person = portrait(size)
    mask = rough(person.alpha)
    found: list[Trimap] = [prepared(person).trimap]
    for share in (0.01, 0.04):
        reach = Reach(value=share, relative=True)
        found.append(trimap_from_alpha(mask, TrimapConfig(mode="fixed", erode=reach, dilate=reach)))
    narrow, wide = (lost(each, person.alpha) for each in found[1:])
    titles = ("adaptive", "fixed, 1 %", "fixed, 4 %", "1 %: hair it misses", "4 %: hair it misses")
    return contact_sheet([[*found, narrow, wide]], titles, TILE)


def lost(trimap: Trimap, alpha: Alpha) -> RgbImage:
    """Show in red where a trimap is certain, and wrong."""
    wrong = ((trimap == 0) & (alpha > 12)) | ((trimap == 255) & (alpha < 243))
    wrong = cv2.dilate(wrong.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    shown = np.repeat(np.where(trimap == 128, 170, 255).astype(np.uint8)[..., None], 3, axis=2)
    shown[wrong] = (200, 30, 30)
    return shown


def halo(size: int = SIZE) -> RgbImage:
    """Show what the photo's own colours carry into a composite, and the estimated ones do not."""
    person = portrait(size)
    cut = hairiest(person.alpha, size // 7)
    behind = plain(person.image, PALE)
    ways = (person.image, estimate_foreground(person.image, person.alpha), person.foreground)
    pasted = [blend(colours, person.alpha, behind)[cut] for colours in ways]
    pictures = [enlarged(each) for each in (person.image[cut], *pasted)]
    titles = ("photo, detail", "its own colours", "estimated", "true colours")
    return contact_sheet([pictures], titles, TILE)


def plain(like: RgbImage, colour: tuple[int, int, int] = TEAL) -> RgbImage:
    """Return a background of one colour."""
    return np.broadcast_to(np.array(colour, np.uint8), like.shape).copy()


def hairiest(alpha: Alpha, side: int) -> tuple[slice, slice]:
    """Return the square in which most pixels are soft."""
    soft = ((alpha > 12) & (alpha < 243)).astype(np.float32)
    sums = cv2.boxFilter(soft, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    half = side // 2
    inside = sums[half : alpha.shape[0] - half, half : alpha.shape[1] - half]
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(row), int(row) + side), slice(int(column), int(column) + side)


def enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a detail at the size of a tile, its pixels as they are."""
    shown = cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    return np.asarray(shown, np.uint8)


PICTURES: dict[str, Callable[[int], RgbImage]] = {
    "chain": chain,
    "alphas": alphas,
    "bands": bands,
    "halo": halo,
}


def write(folder: Path, size: int = SIZE) -> list[Path]:
    """Write the pictures, and return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, make in PICTURES.items():
        path = folder / f"{name}.webp"
        Image.fromarray(make(size)).save(path, quality=88, method=6)
        written.append(path)
    return written


def main() -> None:
    """Write them to the folder that is named, or to that of the pages."""
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")


if __name__ == "__main__":
    main()
