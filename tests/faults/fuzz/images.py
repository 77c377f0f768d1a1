"""Pictures of every format and mode, as anybody may have made or bent them."""

import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shm.datasets.image import (
    ImageError,
    has_alpha,
    image_size,
    may_annotate,
    read_annotation,
    read_cutout,
    read_photo,
    read_thumbnail,
)
from tests.faults.fuzz.mutation import bend_picture
from tests.faults.fuzz.scratch import scratch
from tests.faults.fuzz.target import Target

MAX_PIXELS = 2**16

SIZE = (20, 24)
"""Height and width of the seeds."""


def read_picture(data: bytes) -> None:
    """Read a file in every way; what one way says holds of the others."""
    path = scratch("image") / "picture"
    path.write_bytes(data)
    size = _read(path, image_size)
    photo = _read(path, read_photo)
    annotation = _read(path, read_annotation)
    cutout = _read(path, read_cutout)
    if photo is not None:
        assert photo.shape == (*size, 3)
        assert photo.dtype == np.uint8
        corner = (slice(3, 13), slice(2, 9))
        part = read_photo(path, max_pixels=MAX_PIXELS, content=data, part=corner)
        assert np.array_equal(part, photo[corner])
    if annotation is not None:
        assert annotation.shape == size
        assert annotation.dtype in (np.uint8, np.uint16)
    if cutout is not None:
        assert (cutout[0].shape, cutout[1].shape) == ((*size, 3), size)
        assert has_alpha(path, max_pixels=MAX_PIXELS)
    for read in (has_alpha, may_annotate):
        assert _read(path, read) in (True, False, None)
    thumbnail = _read(path, read_thumbnail)
    assert thumbnail is None or thumbnail.shape == (32, 32)


def _read(path: Path, read: Callable[..., Any]) -> Any:
    """Return what a reader makes of a file, None where it refuses it as promised."""
    try:
        return read(path, max_pixels=MAX_PIXELS)
    except ImageError as error:
        refused = error
    assert "\n" not in str(refused)
    assert refused.path == path
    return None


@cache
def pictures() -> list[bytes]:
    """Return a small picture of every format and mode that Pillow writes."""
    return list(_pictures())


def _pictures() -> Iterator[bytes]:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    pixels = np.stack([rows * 12, columns * 10, rows + columns, 255 - rows * 8], axis=-1)
    rgba = Image.fromarray(pixels.astype(np.uint8))
    modes = {mode: rgba.convert(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")}
    modes["I;16"] = Image.fromarray((rows * 3000).astype(np.uint16))
    modes["F"] = Image.fromarray(rows.astype(np.float32))
    exif = Image.Exif()
    exif[0x0112] = 6
    written: list[tuple[str, str, dict[str, Any]]] = [
        *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        ("PNG", "P", {"transparency": bytes(range(0, 200, 10))}),
        ("PNG", "RGB", {"exif": exif, "transparency": (0, 0, 0)}),
        *(("JPEG", mode, {}) for mode in ("L", "RGB", "CMYK")),
        ("JPEG", "RGB", {"exif": exif, "progressive": True}),
        *(("WEBP", mode, {"lossless": True}) for mode in ("RGB", "RGBA")),
        ("WEBP", "RGB", {"exif": exif}),
        *(("TIFF", mode, {}) for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F")),
        *(
            ("TIFF", "RGB", {"compression": name})
            for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")
        ),
        ("TIFF", "1", {"compression": "group4"}),
        ("TIFF", "RGB", {"exif": exif, "big_tiff": True}),
        *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")),
        *(("GIF", mode, {}) for mode in ("L", "P")),
        *(("PPM", mode, {}) for mode in ("1", "L", "RGB", "I;16", "RGBA")),
    ]
    for form, mode, settings in written:
        buffer = io.BytesIO()
        modes[mode].save(buffer, form, **settings)
        yield buffer.getvalue()
    yield b"P2 20 20 255\n" + b"7 " * 400
    yield b"P1 20 20\n" + b"1 0 " * 200
    buffer = io.BytesIO()
    modes["RGB"].save(buffer, "MPO", save_all=True, append_images=[modes["RGB"].resize((8, 8))])
    yield buffer.getvalue()


TARGETS = {
    "image": Target(run=read_picture, seeds=pictures, mutate=bend_picture, max_length=6000),
}
