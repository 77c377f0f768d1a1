"""A person in a photo with their matte, as a notebook shows it."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.datasets.image import read_annotation, read_photo
from shm.datasets.raw import naming
from shm.datasets.tree import printable
from shm.pictures import thumbnail
from shm.pipeline.composite import blend, centre_crop, cut_background
from shm.pipeline.errors import ShmError
from shm.pipeline.values import Alpha, RgbImage, Trimap
from shm.workflows.report.encode import encode

Picture: TypeAlias = NDArray[Any] | str | Path
"""Pixels, or the file that has them."""

LARGEST = 65_535
"""Value that a mask may have, as a file of 16 bits may."""

SHOWN = 320
"""Longer side in pixels at which a notebook shows pictures."""

CHECKERBOARD = "repeating-conic-gradient(#999 0 25%, #666 0 50%) 0 0/16px 16px"


class PictureError(ShmError, ValueError):
    """An array is no photo, or no mask."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A photo, its trimap, alpha and true foreground colours, all of one size.

    Attributes
    ----------
    id : str
    image, foreground : uint8 (H, W, 3)
        RGB; the foreground is zero away from the subject.
    trimap, alpha : uint8 (H, W)
        0, 128, 255; and 0 transparent to 255 opaque.
    background : uint8 (H, W, 3), optional
        What is behind the person, of a composite.
    record : dict
        What a store knows of it: source, split, group, steps, quality.
    """

    id: str
    image: RgbImage
    trimap: Trimap
    alpha: Alpha
    foreground: RgbImage
    background: RgbImage | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    def cut_out(self) -> NDArray[np.uint8]:
        """Return the person alone: RGBA, uint8 (H, W, 4), with their true colours at the edge."""
        return np.dstack([self.foreground, self.alpha])

    def over(self, background: Picture) -> RgbImage:
        """Paste the person on a background, uint8 (H', W', 3) or a file, cut from its middle.

        Returns
        -------
        uint8 (H, W, 3)
            α F + (1 − α) B, rounded.

        Raises
        ------
        ShmError
            The file can't be read.
        """
        photo = read(background)
        size = (self.alpha.shape[0], self.alpha.shape[1])
        crop = centre_crop((photo.shape[0], photo.shape[1]), size)
        return blend(self.foreground, self.alpha, cut_background(photo, crop, size))

    def __repr__(self) -> str:
        height, width = self.alpha.shape
        return f"Sample({self.id!r}, {width} × {height} px)"

    def _repr_html_(self) -> str:
        pictures = {"photo": self.image, "trimap": self.trimap, "alpha": self.alpha}
        if self.background is not None:
            pictures["background"] = self.background
        shown = [figure(name, pixels) for name, pixels in pictures.items()]
        shown.append(figure("cut-out", self.cut_out(), behind=CHECKERBOARD))
        quality = self.record.get("quality", {}).get("quality")
        height, width = self.alpha.shape
        facts = [f"{width} × {height} px", *_facts(self.record)]
        facts += [] if quality is None else [f"quality {quality:.3g}"]
        told = html.escape(" · ".join([printable(self.id), *facts]))
        return f"<div><p><b>{told}</b></p><div style='display:flex;flex-wrap:wrap;gap:8px'>" + (
            "".join(shown) + "</div></div>"
        )


def _facts(record: Mapping[str, Any]) -> list[str]:
    return [printable(str(record[name])) for name in ("source", "split") if name in record]


def table(title: str, facts: Mapping[str, object]) -> str:
    """Return facts under a title as HTML."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption><b>{html.escape(title)}</b></caption>{rows}</table>"


def figure(name: str, pixels: NDArray[np.uint8], behind: str = "none") -> str:
    """Return a picture under its name as HTML."""
    url = encode(thumbnail(pixels, SHOWN))
    title = html.escape(name)
    return (
        f"<figure style='margin:0'><img src='{url}' alt='{title}' "
        f"style='background:{behind};max-width:100%'>"
        f"<figcaption>{title}</figcaption></figure>"
    )


def read(photo: Picture) -> RgbImage:
    """Return a photo's pixels.

    Raises
    ------
    ShmError
        Its file can't be read, or the array is no uint8 (H, W, 3).
    """
    if isinstance(photo, str | Path):
        with naming(str(photo)):
            return read_photo(Path(photo))
    pixels = np.asarray(photo)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PictureError(
            f"a photo of {pixels.dtype} {pixels.shape}: give uint8 (H, W, 3), RGB from 0 to 255"
        )
    return np.ascontiguousarray(pixels)


def read_values(annotation: Picture) -> NDArray[Any]:
    """Return an annotation's values as they stand.

    Raises
    ------
    ShmError
        Its file can't be read, or the array is none of whole numbers, (H, W).
    """
    if isinstance(annotation, str | Path):
        with naming(str(annotation)):
            return read_annotation(Path(annotation))
    values = np.asarray(annotation)
    if values.ndim != 2 or values.dtype.kind not in "bui" or not values.size:
        raise PictureError(
            f"a mask or trimap of {values.dtype} {values.shape}: give whole numbers or bool, (H, W)"
        )
    if values.min() < 0 or values.max() > LARGEST:
        raise PictureError(
            f"a mask or trimap of values from {values.min()} to {values.max()}: give 0 to {LARGEST}"
        )
    return values.astype(np.uint8) * np.uint8(255) if values.dtype == bool else values
