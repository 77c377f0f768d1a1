"""Files that appear whole or not at all, and their hashes."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture, (H, W), (H, W, 3) or (H, W, 4), by way of a partial file beside it."""
    partial = path.with_name(f".{path.name}.partial")
    Image.fromarray(pixels).save(partial, format="PNG", compress_level=4)
    partial.replace(path)
