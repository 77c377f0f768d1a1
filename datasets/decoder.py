"""Opens pictures safely: a few formats, a header that passes, and one reason for any failure.

Nothing is decoded before its header has passed: format, size in pixels, number of frames. What a
decoder raises, whatever it is, becomes an `ImageError` of one line.
"""

import errno
import io
import os
import re
import stat
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffImagePlugin
from PIL.ImageFile import ImageFile

from shm.pipeline.errors import ShmError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
"""Pillow's names of the only decoders that are ever tried."""

MANY = 100
"""Frames of a TIFF beyond which they are not counted."""

LARGEST_TILE = 2**24
"""Pixels that a tile of a TIFF may have, however few the picture may."""

_TILE_TAGS = (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH)

MOST_SCANS = 100
"""Scans of a JPEG beyond which it is refused; a progressive one has about ten."""

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What begins a segment of a JPEG, in its header as between its scans."""

_UPRIGHT = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""By EXIF orientation, what turns the pixels upright: swap the axes, flip rows, flip columns."""

_NOT_THE_FILE = (errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC)
"""What goes wrong with the machine rather than with a file: it may be read another time."""

_Value = TypeVar("_Value", bound=np.generic)


class ImageError(ShmError, ValueError):
    """A file can't be read as an image; the message is the reason, `path` is the file."""

    def __init__(self, reason: str, path: Path) -> None:
        super().__init__(reason)
        self.path = path

    def __reduce__(self) -> tuple[type, tuple[str, Path]]:
        """Survive the way from one process to another."""
        return type(self), (str(self), self.path)


@contextmanager
def opened(path: Path, max_pixels: int, content: bytes | None = None) -> Iterator[ImageFile]:
    """Open a picture whose header passes; decoding it is up to the body.

    With `content`, that is taken for what the file holds.

    Raises
    ------
    ImageError
        The file is missing, empty, no image, animated or too large; also in place of whatever the
        body of the ``with`` raises.
    """
    try:
        # Warnings are for programmers; what matters in them is checked here or raised.
        source = _opened_file(path) if content is None else io.BytesIO(content)
        with _quiet, source as file:
            image = _identified(file, path)
            _check_header(image, path, max_pixels)
            yield image
    except ImageError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in _NOT_THE_FILE:
            raise
        raise ImageError(_reason(error), path) from error


def _opened_file(path: Path) -> IO[bytes]:
    """Open a file to read; a pipe would be waited for, and a device has no end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        what = "a folder, not an image" if stat.S_ISDIR(mode) else "not a regular file"
        raise ImageError(what, path)
    return _File(io.FileIO(path))


class _File(io.BufferedReader):
    """A file of which no more is ever asked than it has.

    A chunk of a PNG may claim four gigabytes, and Python makes room for as much as it is asked for.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > io.DEFAULT_BUFFER_SIZE:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


class _Quiet:
    """Ignores what Pillow warns of, as long as any thread is at a picture.

    Python's filters are one thing for all threads: who comes first sets them, who goes last puts
    them back.
    """

    def __init__(self) -> None:
        self._lock, self._readers, self._filters = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._filters.enter_context(warnings.catch_warnings())
                modules = r"(PIL|shm\.datasets\.(image|decoder))(\.|$)"
                warnings.filterwarnings("ignore", module=modules)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                self._filters.close()


_quiet = _Quiet()


def _identified(file: IO[bytes], path: Path) -> ImageFile:
    """Return the image behind the first decoder of `FORMATS` that knows the file.

    `Image.open` would refuse or warn at a number of pixels of its own before the size is known.
    """
    Image.init()
    prefix = file.read(64)
    if not prefix:
        raise ImageError("the file is empty", path)
    if prefix.startswith(b"version https://git-lfs"):
        raise ImageError("a Git LFS pointer, not the image itself: run `git lfs pull`", path)
    damage: Exception | None = None
    for name in FORMATS:
        opens, accepts = Image.OPEN[name]
        if accepts is not None and accepts(prefix[:16]) is not True:
            continue
        file.seek(0)
        try:
            return opens(file, str(path))
        except (SyntaxError, IndexError, TypeError, KeyError, EOFError, struct.error) as error:
            damage = error
    if damage is not None:
        raise ImageError(f"damaged: its header can't be read ({_one_line(damage)})", path)
    known = ", ".join(FORMATS[:-1])
    raise ImageError(f"not an image ({known} and {FORMATS[-1]} are read)", path)


def _check_header(image: ImageFile, path: Path, max_pixels: int) -> None:
    size = f"{image.width}×{image.height} pixels"
    if image.width * image.height > max_pixels:
        limit = f"{max_pixels / 1e6:g} megapixels allowed"
        raise ImageError(f"{size}, more than the {limit} (--max-megapixels)", path)
    tile = _tile_pixels(image)
    if tile > max(max_pixels, LARGEST_TILE):
        raise ImageError(f"tiles of {tile / 1e6:g} megapixels: save it as a usual TIFF", path)
    frames = _count_frames(image)
    if frames > 1:
        many = f"{frames} frames" if frames < MANY else f"{MANY} frames or more"
        raise ImageError(f"{many}: save the one that counts as a still picture", path)


def _tile_pixels(image: ImageFile) -> int:
    """Return the pixels of a TIFF's tile, which is decoded whole, however small the picture."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0
    sides = [image.tag_v2.get(tag, 0) for tag in _TILE_TAGS]
    return int(sides[0] * sides[1]) if all(isinstance(side, int) for side in sides) else 0


def _count_frames(image: ImageFile) -> int:
    """Count the frames of a picture, of a TIFF up to `MANY`."""
    if image.format in ("JPEG", "MPO"):
        return 1  # phones keep depth maps and previews behind the photo
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1)
    # Pillow compares each directory with all before it: 40,000 of them, 4 MB, take 20 seconds.
    count = 1
    with suppress(EOFError):
        while count < MANY:
            image.seek(count)
            count += 1
    image.seek(0)
    return count


def decode(image: ImageFile, path: Path) -> None:
    """Decode a picture whose header passed.

    Raises
    ------
    ImageError
        It is a JPEG of more scans than any has: each goes over all pixels again, in 50 bytes.
    """
    if image.format in ("JPEG", "MPO") and image.fp is not None:
        position = image.fp.tell()
        image.fp.seek(0)
        scans = _count_scans(image.fp.read())
        image.fp.seek(position)
        if scans > MOST_SCANS:
            raise ImageError(f"more than {MOST_SCANS} scans: save it as a usual JPEG", path)
    image.load()


def _count_scans(data: bytes) -> int:
    """Count the scans of a JPEG up to its end, or a few more than `MOST_SCANS`."""
    scans, at = 0, 2
    while scans <= MOST_SCANS and (found := _MARKER.search(data, at)) is not None:
        marker, at = data[found.end() - 1], found.end()
        if marker == 0xD9:  # previews and films of phones stand behind the end
            break
        scans += marker == 0xDA
        at += int.from_bytes(data[at : at + 2], "big")
    return scans


def _reason(error: Exception) -> str:
    text = _one_line(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "the file may not be read: permission denied"
    if isinstance(error, MemoryError):
        return "it does not fit in memory"
    cut = ("truncated", "premature", "not enough", "unexpected end", "eof")
    if isinstance(error, EOFError) or any(word in text.lower() for word in cut):
        return "truncated: the file ends early"
    return f"damaged: {text}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def turned(image: ImageFile) -> bool:
    """Return whether the EXIF orientation swaps the sides of a picture that is not decoded yet."""
    # Pillow has swapped the sides of a turned TIFF already.
    return image.format != "TIFF" and _UPRIGHT[_orientation(image)][0]


def is_upright(image: ImageFile) -> bool:
    """Return whether a decoded picture is stored as it is meant to be seen."""
    return _UPRIGHT[_orientation(image)] == _UPRIGHT[1]


def upright(pixels: NDArray[_Value], image: ImageFile) -> NDArray[_Value]:
    """Return the pixels, (H, W) or (H, W, C), of a decoded picture as it is meant to be seen."""
    # Pillow has turned a TIFF while loading it, and has deleted the tag.
    swap, flip_rows, flip_columns = _UPRIGHT[_orientation(image)]
    pixels = pixels.swapaxes(0, 1) if swap else pixels
    pixels = pixels[::-1] if flip_rows else pixels
    pixels = pixels[:, ::-1] if flip_columns else pixels
    return np.ascontiguousarray(pixels)


def _orientation(image: ImageFile) -> int:
    # Before the pixels of a PNG are read, asking Pillow for EXIF data would decode them.
    if image.format == "PNG" and "exif" not in image.info and not _late_exif(image):
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, IndexError, OSError, struct.error):
        return 1  # unreadable EXIF data: shown as stored by every viewer
    return value if value in _UPRIGHT else 1


def _late_exif(image: ImageFile) -> bool:
    """Return whether a PNG has EXIF or XMP data behind its pixels: rare, then worth decoding."""
    if image.fp is None:
        return False
    position = image.fp.tell()
    image.fp.seek(0)
    data = image.fp.read()
    image.fp.seek(position)
    return b"eXIf" in data or b"tiff:Orientation" in data
