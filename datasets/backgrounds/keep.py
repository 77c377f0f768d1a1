"""A background as it goes into a store: its own file, a smaller JPEG, or its pixels."""

import hashlib
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from shm.datasets.backgrounds.background import Background
from shm.datasets.image import MAX_PIXELS, ImageError, image_size, read_photo
from shm.datasets.jpeg import encode_jpeg
from shm.pipeline.resize import resize
from shm.pipeline.values import RgbImage, Size

LARGEST = 2**20
"""Bytes of a file above which it is encoded again, if it may be."""

QUALITIES = (95, 90, 80, 70, 50, 25)
"""Of the JPEG: the first that gives no more than `LARGEST` bytes."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is kept of a background.

    `content` are the bytes, `photo` what they hold, `encoding` says whether they are the ``file``
    itself, another ``JPEG``, or its ``pixels``, row by row. `sha256` is the file's, `pixels` that
    of the photo in it: two files of one picture share it, whichever of them is kept as it is.
    """

    content: bytes
    photo: RgbImage
    encoding: str
    sha256: str
    pixels: str

    @property
    def size(self) -> Size:
        """Return the photo's (height, width)."""
        return self.photo.shape[0], self.photo.shape[1]


def kept_size(size: Size, cover: int | None) -> Size:
    """Return the (height, width) that is kept of a background of a size."""
    height, width = size
    if cover is None or min(size) <= cover:
        return size
    scale = cover / min(size)
    return max(cover, round(height * scale)), max(cover, round(width * scale))


def most_pixel_bytes(
    backgrounds: Iterable[Background], cover: int | None, *, max_pixels: int = MAX_PIXELS
) -> int:
    """Return the bytes of the largest of some backgrounds, decoded; unreadable ones apart."""
    most = 1
    for background in backgrounds:
        with suppress(ImageError):
            size = image_size(background.path, max_pixels=max_pixels)
            most = max(most, 3 * math.prod(kept_size(size, cover)))
    return most


def keep(
    background: Background,
    cover: int | None,
    *,
    max_pixels: int = MAX_PIXELS,
    largest: int,
    decoded: bool = False,
) -> Kept:
    """Read a background, and return what is to be kept of it.

    The file itself, if it has at most `largest` bytes and no side to spare: the pixels are those
    that everybody decodes from it. Otherwise it is reduced until its shorter side is `cover`, and
    encoded as JPEG: since a background is no label, nothing is lost but bytes.

    Parameters
    ----------
    cover : int or None
        Pixels that the shorter side of a background needs at most; None keeps every file.
    max_pixels : int
        Height × width above which a file is refused undecoded.
    largest : int
        Bytes that a file may have.
    decoded : bool
        Keep the pixels instead of a file: parts of them are read in no time.

    Raises
    ------
    ImageError
        The file can't be read.
    """
    content = background.path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    photo = read_photo(background.path, max_pixels=max_pixels, content=content)
    pixels = hashlib.sha256(photo.tobytes()).hexdigest()
    size = kept_size((photo.shape[0], photo.shape[1]), cover)
    spare = size != photo.shape[:2]
    if not decoded and math.prod(size) > MAX_PIXELS:
        limit = f"{MAX_PIXELS / 1e6:g} megapixels that are decoded out of a store"
        raise ImageError(f"{size[1]}×{size[0]} pixels, more than the {limit}", background.path)
    if len(content) <= largest and not spare and not decoded:
        return Kept(content=content, photo=photo, encoding="file", sha256=sha256, pixels=pixels)
    photo = resize(photo, size) if spare else photo
    if decoded:
        raw = photo.tobytes()
        return Kept(content=raw, photo=photo, encoding="pixels", sha256=sha256, pixels=pixels)
    for quality in QUALITIES:
        content = encode_jpeg(photo, quality)
        if len(content) <= largest:
            again = read_photo(background.path, max_pixels=max_pixels, content=content)
            return Kept(
                content=content,
                photo=again,
                encoding=f"JPEG {quality}",
                sha256=sha256,
                pixels=pixels,
            )
    raise ImageError(f"more than {largest / 1e6:g} MB, even as a small JPEG", background.path)
