"""The samples that every contender holds: composites of one store, as JPEG and PNG files, too."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PARTS = {
    "image": "image.jpg",
    "alpha": "alpha.png",
    "foreground": "foreground.jpg",
    "background": "background.jpg",
}
"""What a sample is, and how its file ends: what the losses of SHM and DIM need."""

JPEG_QUALITY = 95


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Composites of the training split, as files ``000007.image.jpg``; and their stores by form."""

    files: Path
    stores: Mapping[str, Path]

    def names(self) -> list[str]:
        """Return the samples' names in order."""
        return sorted(path.name.partition(".")[0] for path in self.files.glob("*.alpha.png"))

    def __iter__(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Yield the name of each sample, and its files' bytes by part."""
        for name in self.names():
            yield name, {part: self.path(name, part).read_bytes() for part in PARTS}

    def path(self, name: str, part: str) -> Path:
        """Return the file of one part of a sample."""
        return file_of(self.files, name, part)


def file_of(folder: Path, name: str, part: str) -> Path:
    """Return where a part of a sample is kept among files."""
    return folder / f"{name}.{PARTS[part]}"


def write_files(folder: Path, samples: Iterator[Mapping[str, NDArray[np.uint8]]]) -> int:
    """Write samples as files, for all peers to hold the very same; returns how many.

    Colours as JPEG of quality 95 with halved resolution of colour (OpenCV's and Pillow's default),
    alpha as PNG: of four ways to compress it, Pillow's default is the quickest to read with OpenCV.
    """
    from PIL import Image

    folder.mkdir(parents=True)
    count = 0
    for sample in samples:
        for part in PARTS:
            buffer, picture = io.BytesIO(), Image.fromarray(sample[part])
            if part == "alpha":
                picture.save(buffer, "PNG")
            else:
                picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
            file_of(folder, f"{count:06d}", part).write_bytes(buffer.getvalue())
        count += 1
    return count


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
