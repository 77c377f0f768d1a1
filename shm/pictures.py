"""Picture grids of a training run: what the nets make of the same few samples, step after step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shm.pipeline.values import Alpha, RgbImage, Trimap

_GAP = 4
_TITLE = 20
"""Height in pixels of the line of titles."""


@dataclass(frozen=True, kw_only=True)
class PictureRow:
    """One validation sample; all of one size.

    Parameters
    ----------
    image : uint8 (H, W, 3)
    true_trimap, trimap : uint8 (H, W)
        0, 128, 255.
    alpha, true_alpha : uint8 (H, W)
    """

    image: RgbImage
    true_trimap: Trimap
    trimap: Trimap
    alpha: Alpha
    true_alpha: Alpha


TITLES = ("image", "true trimap", "trimap", "alpha", "true alpha")


def picture_grid(rows: Sequence[PictureRow], side: int = 192) -> RgbImage:
    """Lay samples out, one a row, in the columns of `TITLES`; as `contact_sheet`."""
    columns = [(row.image, row.true_trimap, row.trimap, row.alpha, row.true_alpha) for row in rows]
    return contact_sheet(columns, TITLES, side)


def alpha_of_first_row(grid: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the predicted alpha of the first sample from a picture grid: uint8 (side, side, 3)."""
    pitch = grid.shape[1] // len(TITLES)
    left, side = TITLES.index("alpha") * pitch, pitch - _GAP
    return grid[_TITLE : _TITLE + side, left : left + side]


def contact_sheet(
    rows: Sequence[Sequence[NDArray[np.uint8] | None]],
    titles: Sequence[str],
    side: int = 192,
    captions: Sequence[str] = (),
) -> RgbImage:
    """Lay pictures out in rows and titled columns.

    Parameters
    ----------
    rows : sequences of uint8 (H, W) or (H, W, 3)
        As many in each as there are titles, of any sizes; None leaves a place empty.
    titles : strings
    side : int
        Side of a tile in pixels; pictures are shrunk to fit into it, never stretched.
    captions : strings, optional
        What stands to the left of each row.

    Returns
    -------
    uint8 (_TITLE + len(rows) * (side + 4), len(titles) * (side + 4), 3)
        RGB, on white; as wide again as a tile for captions.

    Raises
    ------
    ValueError
        There is no row.
    """
    if not rows:
        raise ValueError("a contact sheet needs at least one row of pictures")
    pitch = side + _GAP
    first = 1 if captions else 0
    width = (len(titles) + first) * pitch
    sheet = Image.new("RGB", (width, _TITLE + len(rows) * pitch), "white")
    draw = ImageDraw.Draw(sheet)
    for top, caption in enumerate(captions):
        lines = [line for part in caption.split("\n") for line in wrap(part, side // 7)]
        draw.text((4, _TITLE + top * pitch + 4), "\n".join(lines), fill="black")
    for column, title in enumerate(titles, first):
        draw.text((column * pitch + 4, 4), title, fill="black")
    for top, row in enumerate(rows):
        for left, pixels in enumerate(row, first):
            if pixels is None:
                continue
            tile = Image.fromarray(thumbnail(pixels, side)).convert("RGB")
            y, x = (side - tile.height) // 2, (side - tile.width) // 2
            sheet.paste(tile, (left * pitch + x, _TITLE + top * pitch + y))
    return np.array(sheet)


def thumbnail(pixels: NDArray[np.uint8], side: int = 192) -> NDArray[np.uint8]:
    """Return a picture, (H, W) or (H, W, 3), shrunk so that no side exceeds `side` pixels."""
    tile = Image.fromarray(pixels)
    tile.thumbnail((side, side))
    return np.array(tile)


def write_grid(path: Path, rows: Sequence[PictureRow]) -> None:
    """Write the picture grid of some samples as a PNG that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing(path) as partial:
        Image.fromarray(picture_grid(rows)).save(partial, format="PNG")


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Yield a file beside a path to write to, which is moved there once it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
