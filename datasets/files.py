"""Files that appear whole or not at all, and their hashes."""

import errno
import hashlib
import io
import os
import re
import uuid
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shm.pipeline.values import Alpha, RgbImage

Signature: TypeAlias = tuple[int, int]
"""Size and time of change (ns) of a file: where these are the same, its bytes are taken for so."""

PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")
"""What a file is called while it is written beside its place."""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside its place, then move it there; makes the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its own name may be as long as any, and another machine may have a process of this number.
    partial = path.with_name(f".{uuid.uuid4().hex[:16]}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:  # of a full disk it names no file
        raise type(error)(error.errno, error.strerror, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def is_full(error: BaseException) -> bool:
    """Return whether an error says that a disk is full, or that a quota is used up."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def signature(path: Path) -> Signature:
    """Return what tells a file from a changed one without reading it; raises OSError."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def remove_partials(folder: Path, *, deep: bool = True) -> None:
    """Delete what `write_bytes` left in a folder, and below where `deep`, when it was killed."""
    for leftover in (folder.rglob if deep else folder.glob)(".*.partial"):
        if PARTIAL.fullmatch(leftover.name):
            leftover.unlink(missing_ok=True)


def require_place(path: Path) -> None:
    """Raise `NotADirectoryError` where no folder can be made above a path."""
    above = next(each for each in path.absolute().parents if os.path.lexists(each))
    if not above.is_dir():
        told = f"{path} can't be made, since {above} is no folder: name another place"
        raise NotADirectoryError(told)


def write_jpeg(path: Path, pixels: RgbImage) -> None:
    """Write a JPEG of quality 95 that keeps the full resolution of colour (4:4:4)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
    write_bytes(path, buffer.getvalue())


def write_png(
    path: Path, pixels: RgbImage | Alpha | NDArray[np.uint16], *, profile: bytes | None = None
) -> None:
    """Write a PNG: grey (H, W) of 8 or 16 bits, RGB (H, W, 3) or RGBA (H, W, 4)."""
    write_bytes(path, png_bytes(pixels, profile=profile))


def png_bytes(
    pixels: RgbImage | Alpha | NDArray[np.uint16], *, profile: bytes | None = None
) -> bytes:
    """Return a picture as a PNG, with the ICC profile of its colours."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=4, icc_profile=profile)
    return buffer.getvalue()
