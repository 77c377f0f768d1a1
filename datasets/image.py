"""Reads photos, annotations and cut-outs that anybody may have made, upright and bounded."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from shm.datasets.decoder import FORMATS, ImageError, decode, is_upright, opened, turned, upright
from shm.pipeline.values import Alpha, RgbImage, Size

__all__ = [
    "FORMATS",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "MIN_SIDE",
    "Annotation",
    "ImageError",
    "has_alpha",
    "image_size",
    "may_annotate",
    "read_annotation",
    "read_cutout",
    "read_photo",
    "read_thumbnail",
]

MAX_PIXELS = 100_000_000
"""Height × width above which a file is refused before it is decoded."""

MIN_SIDE = 16
"""A photo with a shorter side than this, in pixels, is refused."""

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
"""Suffixes of files that are taken for images, in lower case."""

UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".avif", ".jp2", ".jxl", ".psd", ".tga", ".exr", ".hdr", ".svg"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"}
)
"""Suffixes of images in formats that shm does not read, in lower case."""

Annotation: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""A mask, matte or trimap as its file holds it, (H, W)."""


def read_photo(
    path: Path,
    *,
    max_pixels: int = MAX_PIXELS,
    content: bytes | None = None,
    part: tuple[slice, slice] | None = None,
) -> RgbImage:
    """Read a photo upright, as red, green and blue.

    Grey becomes three equal channels, palettes and CMYK become RGB, 16 bit becomes 8, an alpha
    channel is dropped. Colour profiles are ignored: the values are taken for sRGB.

    Parameters
    ----------
    path : Path
        A still picture in one of `FORMATS`; the suffix does not matter.
    max_pixels : int
        Height × width above which the file is refused undecoded.
    content : bytes, optional
        What the file holds, where that was read already.
    part : (rows, columns), optional
        Of the upright photo, with start and stop: return that alone.

    Returns
    -------
    uint8 array, (H, W, 3)
        RGB, 0..255, turned by the EXIF orientation.

    Raises
    ------
    ImageError
        The file is missing, empty, damaged, too large, animated, no image, or smaller than
        `MIN_SIDE` on a side.
    """
    with opened(path, max_pixels, content) as image:
        _check_sides(image, path)
        decode(image, path)
        if part is not None and image.mode == "RGB" and is_upright(image):
            rows, columns = part
            box = (columns.start, rows.start, columns.stop, rows.stop)
            return np.asarray(image.crop(box))  # a third of the time is else spent on copies
        deep = _deep_grey(image, path)
        pixels = _colours(image) if deep is None else _to_8_bit(deep)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        whole = upright(pixels, image)
        return whole if part is None else np.ascontiguousarray(whole[part])


def read_annotation(path: Path, *, max_pixels: int = MAX_PIXELS) -> Annotation:
    """Read a mask, matte or trimap upright, as the values that its file means.

    - grey and 1 bit: the values as they are, so {0, 1} stays {0, 1};
    - a palette of greys: the greys; a palette of colours: the indices, since such files are label
      maps (as Pascal VOC's), unless black stands at another index than 0;
    - an alpha channel that is not constant: that channel;
    - colours: the largest of the three channels, so that a red region on black counts as marked.

    Parameters
    ----------
    path : Path
        A still picture in one of `FORMATS`.
    max_pixels : int
        Height × width above which the file is refused undecoded.

    Returns
    -------
    uint8 or uint16 array, (H, W)
        uint16 where the file has 16 bits, else uint8; turned by the EXIF orientation.

    Raises
    ------
    ImageError
        As `read_photo`, without the lower bound on the size.
    """
    with opened(path, max_pixels) as image:
        decode(image, path)
        deep = _deep_grey(image, path)
        if deep is not None:
            return upright(deep, image)
        return upright(_annotation_values(image), image)


def read_cutout(path: Path, *, max_pixels: int = MAX_PIXELS) -> tuple[RgbImage, Alpha]:
    """Read a cut-out: the colours and the alpha channel of one file.

    Parameters
    ----------
    path : Path
        A picture with an alpha channel, not premultiplied, as PNG and WebP hold it.
    max_pixels : int
        Height × width above which the file is refused undecoded.

    Returns
    -------
    uint8 array, (H, W, 3)
        RGB, 0..255; under alpha 0 whatever the file holds there.
    uint8 array, (H, W)
        Alpha, 0..255.

    Raises
    ------
    ImageError
        As `read_photo`, and where the file has no alpha channel.
    """
    with opened(path, max_pixels) as image:
        if not _has_alpha(image):
            raise ImageError("no alpha channel: not a cut-out", path)
        _check_sides(image, path)
        decode(image, path)
        pixels: NDArray[np.uint8] = np.asarray(image.convert("RGBA"))
        return upright(pixels[:, :, :3], image), upright(pixels[:, :, 3], image)


def read_thumbnail(path: Path, side: int = 32, *, max_pixels: int = MAX_PIXELS) -> Alpha:
    """Read a picture as a square of greys, to compare what two files show.

    Returns
    -------
    uint8 array, (side, side)
        Luma, 0..255, upright; the aspect ratio is not kept.

    Raises
    ------
    ImageError
        As `read_photo`, without the lower bound on the size.
    """
    with opened(path, max_pixels) as image:
        image.draft("L", (4 * side, 4 * side))  # JPEG decodes an eighth of the side at once
        decode(image, path)
        deep = _deep_grey(image, path)
        colours = _colours(image) if deep is None else _to_8_bit(deep)
        grey = Image.fromarray(colours).convert("L").resize((side, side), Image.Resampling.BOX)
        pixels: NDArray[np.uint8] = np.asarray(grey)
        return upright(pixels, image)


def image_size(path: Path, *, max_pixels: int = MAX_PIXELS) -> Size:
    """Return (height, width) after the EXIF orientation; reads the header, decodes no pixel.

    Raises
    ------
    ImageError
        As `read_photo`, except for damage behind the header.
    """
    with opened(path, max_pixels) as image:
        swapped = turned(image)
        return (image.width, image.height) if swapped else (image.height, image.width)


def has_alpha(path: Path, *, max_pixels: int = MAX_PIXELS) -> bool:
    """Return whether the header promises an alpha channel.

    Raises
    ------
    ImageError
        As `image_size`.
    """
    with opened(path, max_pixels) as image:
        return _has_alpha(image)


def may_annotate(path: Path, *, max_pixels: int = MAX_PIXELS) -> bool:
    """Return whether a picture's content may be a mask, matte or trimap, rather than a photo.

    So it may where it is grey, has a palette, has an alpha channel that is not constant, or has
    three channels that are equal.

    Raises
    ------
    ImageError
        As `read_photo`, without the lower bound on the size.
    """
    with opened(path, max_pixels) as image:
        if not _has_alpha(image) and image.mode not in ("RGB", "YCbCr", "CMYK"):
            return True
        decode(image, path)
        pixels = np.asarray(image.convert("RGBA"))
        colours, alpha = pixels[::4, ::4, :3].astype(np.int16), pixels[:, :, 3]
        spread = int((colours.max(axis=2) - colours.min(axis=2)).max())
        return bool(alpha.min() != alpha.max()) or spread <= 8


def _has_alpha(image: ImageFile) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _check_sides(image: ImageFile, path: Path) -> None:
    if min(image.size) < MIN_SIDE:
        size = f"{image.width}×{image.height} pixels"
        raise ImageError(f"{size}: smaller than {MIN_SIDE}×{MIN_SIDE}", path)


def _colours(image: ImageFile) -> RgbImage:
    # A palette with several transparent entries goes through RGBA, or Pillow would warn.
    whole = image.convert("RGBA") if image.mode == "P" else image
    return np.asarray(whole if whole.mode == "RGB" else whole.convert("RGB"))  # which copies


def _deep_grey(image: ImageFile, path: Path) -> NDArray[np.uint16] | None:
    """Return the values of a 16 bit grey picture, None for all others."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":  # 16 bit PGM, or 32 bit TIFF
        values = np.asarray(image)
        if values.min() >= 0 and values.max() <= np.iinfo(np.uint16).max:
            return values.astype(np.uint16)
    if image.mode in ("I", "F"):
        raise ImageError("values of 32 bits: save it with 8 or 16 bits a channel", path)
    return None


def _to_8_bit(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _annotation_values(image: ImageFile) -> NDArray[np.uint8]:
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    if image.mode == "L" and not _has_alpha(image):
        return np.asarray(image)
    if image.mode == "P" and "transparency" not in image.info:
        return _palette_values(image)
    if _has_alpha(image):
        channels = np.asarray(image.convert("RGBA"))
        alpha: NDArray[np.uint8] = channels[:, :, 3]
        if alpha.min() != alpha.max():
            return alpha
        if image.mode == "P":
            return _palette_values(image)
        colours = channels[:, :, :3]
    else:
        colours = np.asarray(image.convert("RGB"))
    largest: NDArray[np.uint8] = colours.max(axis=2)
    return largest


def _palette_values(image: ImageFile) -> NDArray[np.uint8]:
    indices: NDArray[np.uint8] = np.asarray(image)
    palette = np.zeros((256, 3), np.uint8)
    entries = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    palette[: len(entries)] = entries
    used = np.flatnonzero(np.bincount(indices.ravel(), minlength=256))
    colours = palette[used]
    grey = bool((colours == colours[:, :1]).all())
    black = used[(colours == 0).all(axis=1)]
    if grey or (len(black) and black[0] != 0):
        greys: NDArray[np.uint8] = palette.max(axis=1)[indices]
        return greys
    return indices
