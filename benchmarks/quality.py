"""Whether a sample's quality tells good alphas from bad ones, without knowing the truth.

Of photos with true alphas: how well the quality of their alphas (from their own masks) ranks the
real error, as Spearman's rank correlation; and how often a broken mask falls below the sound one.

    python benchmarks/quality.py --corpus portraits
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.photos import corpus_or_people, list_photos, mask_errors, parts, read
from shm.metrics import sad
from shm.pipeline.errors import ShmError
from shm.pipeline.prepare import PrepareConfig, RawSample, prepare
from shm.pipeline.resize import resize_labels
from shm.pipeline.values import Mask, RgbImage

SHIFT = 0.05
"""Of a misplaced mask, as a share of the photo's longer side: 40 pixels of 800."""

PIECE = 0.15
"""Side of the square that is cut out of a mask, as a share of the photo's longer side."""

Row = dict[str, Any]


def shifted(mask: Mask, _: Mask) -> Mask:
    """Move the mask sideways."""
    moved = np.zeros_like(mask)
    step = max(1, round(SHIFT * max(mask.shape)))
    moved[:, step:] = mask[:, :-step]
    return moved


def of_another_photo(mask: Mask, other: Mask) -> Mask:
    """Take the mask of the next photo."""
    height, width = mask.shape
    return resize_labels(other.astype(np.uint8), (height, width)) > 0


def rectangle(mask: Mask, _: Mask) -> Mask:
    """Take the mask's bounding box."""
    box = np.zeros_like(mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


def inverted(mask: Mask, _: Mask) -> Mask:
    """Swap subject and background."""
    return ~mask


def with_a_piece_missing(mask: Mask, _: Mask) -> Mask:
    """Cut off what reaches farthest to the right, as a hand does."""
    cut = mask.copy()
    side = max(1, round(PIECE * max(mask.shape)))
    column = int(np.flatnonzero(mask.any(axis=0))[-1])
    row = int(np.flatnonzero(mask[:, column]).mean())
    cut[max(0, row - side // 2) : row + side // 2 + 1, max(0, column - side) :] = False
    return cut


BROKEN: dict[str, Callable[[Mask, Mask], Mask]] = {
    "shifted": shifted,
    "of another photo": of_another_photo,
    "rectangle": rectangle,
    "inverted": inverted,
    "a piece missing": with_a_piece_missing,
}


def quality_of(image: RgbImage, mask: Mask, size: int) -> tuple[float, np.ndarray]:
    """Return the quality and the alpha, (H, W) in [0, 1], that `prepare` makes of a mask."""
    raw = RawSample(image=image, mask=mask.astype(np.uint8))
    sample = prepare(raw, PrepareConfig(size=size, foreground="photo"))
    return sample.quality["quality"], sample.alpha / 255


def measure(photos: dict[str, tuple[RgbImage, Mask, np.ndarray]], size: int) -> list[Row]:
    """Return a row a photo: quality and SAD of its alpha, and the quality of each broken mask."""
    rows, names = [], list(photos)
    for index, name in enumerate(names):
        image, mask, truth = photos[name]
        other = photos[names[(index + 1) % len(names)]][1]
        quality, alpha = quality_of(image, mask, size)
        row: Row = {"photo": name, "quality": quality, "sad": sad(alpha, truth), "broken": {}}
        for kind, broken in BROKEN.items():
            try:
                row["broken"][kind] = quality_of(image, broken(mask, other), size)[0]
            except ShmError:
                row["broken"][kind] = 0.0  # refused: as low as can be
        rows.append(row)
    return rows


def rank_correlation(rows: list[Row]) -> float:
    """Return Spearman's correlation of low quality with high error."""
    from scipy.stats import spearmanr

    found = spearmanr([-row["quality"] for row in rows], [row["sad"] for row in rows])
    return round(float(found.statistic), 3)


def caught(rows: list[Row], kind: str) -> Row:
    """Return how many broken masks fall below their own sound one, and below all sound ones."""
    lowest = min(row["quality"] for row in rows)
    broken = [row["broken"][kind] for row in rows]
    return {
        "broken": kind,
        "below its own": float(np.mean([row["broken"][kind] < row["quality"] for row in rows])),
        "below all": float(np.mean([quality < lowest for quality in broken])),
        "median": float(np.median(broken)),
    }


@click.command()
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    help="Has images, masks, alphas; without it, people are generated.",
)
@click.option("--size", default=800, show_default=True, help="Longer side, pixels.")
@click.option("--quick", is_flag=True, help="Small and few, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write all here.")
def main(corpus: Path | None, size: int, quick: bool, json_path: Path | None) -> None:
    """Print rank correlations by halves, and how many broken masks are caught."""
    size = 192 if quick else size
    photos = {}
    with corpus_or_people(corpus, 4 if quick else 24, size) as folder:
        files = list_photos(folder)
        for name, photo in files.items():
            image, mask, truth = read(photo, size)
            photos[name] = image, mask > 0, truth / 255
        halves = parts(mask_errors(files, size))
    rows = measure(photos, size)
    qualities = sorted(row["quality"] for row in rows)
    result = {
        "lowest": qualities[0],
        "median": float(np.median(qualities)),
        "spearman": {
            half: rank_correlation([row for row in rows if row["photo"] in names])
            for half, names in halves.items()
        },
        "caught": [caught(rows, kind) for kind in BROKEN],
        "rows": rows,
    }
    print(f"sound masks: quality {result['lowest']:.3f} at least, median {result['median']:.3f}")
    for half, correlation in result["spearman"].items():
        print(f"Spearman of low quality and SAD, {half}: {correlation:.2f}")
    for row in result["caught"]:
        print(
            f"{row['broken']:<18} below its own sound one {row['below its own']:5.0%}, "
            f"below all {row['below all']:5.0%}, median {row['median']:.2f}"
        )
    if json_path is not None:
        json_path.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
