"""The pictures of the pages, made by what they explain: python docs/draw.py [FOLDER]."""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shm.datasets.sample.backgrounds import cut_photo, scenes_without_people
from shm.datasets.sample.person import random_person
from shm.datasets.sample.render import Portrait, render
from shm.pictures import contact_sheet
from shm.pipeline.composite import blend, centre_crop, cut_background
from shm.pipeline.prepare import PrepareConfig, Prepared, RawSample, prepare
from shm.pipeline.seed import generator
from shm.pipeline.trimap import Reach, TrimapConfig, trimap_from_alpha
from shm.pipeline.values import Alpha, RgbImage, Trimap

SIZE, INDEX = 512, 2
"""Longer side of the generated portrait, and which of those of seed 0 it is."""

SCENE = 5
"""Of the sample corpus's backgrounds, the one that the person is pasted on."""

PALE: tuple[int, int, int] = (255, 238, 225)

SIX, FOUR = 164, 230
"""Side in pixels of a tile where there are six in a row, and where there are four."""

SMOOTHED, WAVES = 2.0, 0.05
"""Of the rough mask: sigma in pixels of `SIZE`, and how far its threshold wanders from a half."""

SHARES = (0.01, 0.04)
"""Reach of the fixed bands, as a share of the subject's size."""


def portrait(size: int = SIZE) -> Portrait:
    """Return a generated person with hair, whose truth is known."""
    return render(random_person(0, INDEX, size), 0, INDEX)


def halved(alpha: Alpha) -> Alpha:
    """Return the best mask that there is, the true alpha cut at a half: 0 or 255."""
    return np.where(alpha >= 128, np.uint8(255), np.uint8(0))


def rough(alpha: Alpha) -> Alpha:
    """Return a mask as a quick segmentation gives it, 0 or 255: its outline smooth, and wavy."""
    height, width = alpha.shape
    sigma = SMOOTHED * max(height, width) / SIZE
    soft = cv2.GaussianBlur(alpha.astype(np.float32) / 255, (0, 0), sigma)
    noise = generator(0, "docs", "mask").standard_normal((24, 24)).astype(np.float32)
    waves = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(soft + WAVES * waves >= 0.5, np.uint8(255), np.uint8(0))


def prepared(person: Portrait, mask: Alpha) -> Prepared:
    """Return the sample that the defaults make of photo and mask."""
    return prepare(RawSample(image=person.image, mask=mask), PrepareConfig())


def chain(size: int = SIZE) -> RgbImage:
    """Show photo, rough mask, trimap, alpha, the cut-out, and a composite."""
    person = portrait(size)
    mask = rough(person.alpha)
    sample = prepared(person, mask)
    frame = (person.alpha.shape[0], person.alpha.shape[1])
    scene = cut_photo(scenes_without_people()[SCENE])
    crop = centre_crop((scene.shape[0], scene.shape[1]), frame)
    behind = (checkerboard(person.image), cut_background(scene, crop, frame))
    cut_out, pasted = (blend(sample.foreground, sample.alpha, each) for each in behind)
    pictures = (person.image, mask, sample.trimap, sample.alpha, cut_out, pasted)
    titles = ("photo", "rough mask", "trimap", "alpha", "cut-out", "composite")
    return contact_sheet([pictures], titles, SIX)


def alphas(size: int = SIZE) -> RgbImage:
    """Show a detail of the hair: two masks, what becomes of each, and the truth."""
    person = portrait(size)
    cut = hairiest(person.alpha, size // 4)
    pictures = [person.image]
    for mask in (halved(person.alpha), rough(person.alpha)):
        pictures += [mask, prepared(person, mask).alpha]
    titles = ("photo, detail", "good mask", "its alpha", "rough mask", "its alpha", "true alpha")
    shown = [enlarged(each[cut], SIX) for each in (*pictures, person.alpha)]
    return contact_sheet([shown], titles, SIX)


def bands(size: int = SIZE) -> RgbImage:
    """Show the unknown region, adaptive, narrow and wide, and the hair that each misses."""
    person = portrait(size)
    found = trimaps(person)
    titles = [*found, *(f"{name.removeprefix('fixed, ')}: hair it misses" for name in found)]
    pictures = [*found.values(), *(lost(each, person.alpha) for each in found.values())]
    return contact_sheet([pictures], titles, SIX)


def trimaps(person: Portrait) -> dict[str, Trimap]:
    """Return the trimaps of `bands`, around the good mask, each by its name."""
    mask = halved(person.alpha)
    found = {"adaptive": prepared(person, mask).trimap}
    for share in SHARES:
        reach = Reach(value=share, relative=True)
        config = TrimapConfig(mode="fixed", erode=reach, dilate=reach)
        found[f"fixed, {100 * share:g} %"] = trimap_from_alpha(mask, config)
    return found


def wrong(trimap: Trimap, alpha: Alpha) -> NDArray[np.bool_]:
    """Return where a trimap is certain and errs, by more than a twentieth of alpha's range."""
    found = ((trimap == 0) & (alpha > 12)) | ((trimap == 255) & (alpha < 243))
    return np.asarray(found, np.bool_)


def lost(trimap: Trimap, alpha: Alpha) -> RgbImage:
    """Show in red where a trimap is certain, and wrong."""
    seen = cv2.dilate(wrong(trimap, alpha).astype(np.uint8), np.ones((3, 3), np.uint8))
    shown = np.repeat(np.where(trimap == 128, 170, 255).astype(np.uint8)[..., None], 3, axis=2)
    shown[seen.astype(bool)] = (200, 30, 30)
    return shown


def halo(size: int = SIZE) -> RgbImage:
    """Show what the photo's own colours carry into a composite, and the estimated ones do not.

    All are pasted with the alpha that `prepare` made of the good mask, and the estimate is of it.
    """
    person = portrait(size)
    sample = prepared(person, halved(person.alpha))
    cut = hairiest(person.alpha, size // 7)
    behind = plain(person.image, PALE)
    ways = (person.image, sample.foreground, person.foreground)
    pasted = [blend(colours, sample.alpha, behind)[cut] for colours in ways]
    pictures = [enlarged(each, FOUR) for each in (person.image[cut], *pasted)]
    titles = ("photo, detail", "its own colours", "estimated", "true colours")
    return contact_sheet([pictures], titles, FOUR)


def checkerboard(like: RgbImage) -> RgbImage:
    """Return what stands for nothing, behind a cut-out."""
    side = max(like.shape) // 32
    rows, columns = (np.arange(length) // side % 2 for length in like.shape[:2])
    grey = np.where(rows[:, None] == columns, np.uint8(225), np.uint8(255))
    return np.repeat(grey[..., None], 3, axis=2)


def plain(like: RgbImage, colour: tuple[int, int, int]) -> RgbImage:
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


def enlarged(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a detail at the size of a tile, its pixels as they are."""
    shown = cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST)
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
