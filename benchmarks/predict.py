"""What a prediction costs by mode and size, whether tiles show, and how quick the metrics are.

- photos: a person's picture at each size, each mode in a process of its own: seconds and
  megapixels a second of the prediction alone, without reading and writing, and the most megabytes
  held beyond what the nets and the photo take. `seam`: the largest step of alpha between two
  neighbours across the middle of any overlap of tiles, in 255ths; `beside` the same some pixels
  away, and the same places of the alpha that `whole` gives. A seam is a step that neither has.
- metrics: alphas a second, this package's `score` against the same errors step by step.

    python benchmarks/predict.py --model runs/first
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.alone import Done, Together, alone
from benchmarks.common.memory import forget_peak, give_back, peak
from benchmarks.common.table import finite, show
from benchmarks.plain.metrics import plain_score
from shm.datasets.image import read_photo
from shm.datasets.sample.person import random_person
from shm.datasets.sample.render import render
from shm.metrics import ALL_METRICS, score
from shm.pipeline.values import UNKNOWN, RgbImage
from shm.prediction import PhotoConfig, TilesConfig, predict_photos
from shm.prediction.tiles import tile_windows
from shm.workflows.nets import load_network

Row = dict[str, Any]

_BESIDE = (-60, -30, 30, 60)
"""Pixels from the middle of an overlap to where there is no reason for a seam."""

MODES = ("whole", "tiles", "resize")


def photo_of(megapixels: float, path: Path | None) -> RgbImage:
    """Return a photo, or a generated person's picture, scaled to so many megapixels."""
    import cv2

    image = render(random_person(0, 1, 1200), 0, 1).image if path is None else read_photo(path)
    scale = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def predicted(
    model: str, mode: str, megapixels: float, max_side: int, path: Path | None
) -> tuple[Row, NDArray[np.float32]]:
    """Predict one photo; return what that took, and its alpha."""
    nets, image = load_network(model), photo_of(megapixels, path)
    config = PhotoConfig(mode=mode, max_side=max_side)  # type: ignore[arg-type]
    predict_photos(nets.network, [image[:64, :64]], config)  # what a first call sets up is no cost
    give_back()
    forget_peak()
    before, began = peak(), time.perf_counter()
    (matte,) = predict_photos(nets.network, [image], config)
    seconds = time.perf_counter() - began
    row = {
        "megapixels": megapixels,
        "mode": mode,
        "seconds": seconds,
        "MP a second": megapixels / seconds,
        "MB": (peak() - before) / 1e6,
    }
    return row, matte.alpha


def largest_step(alpha: NDArray[np.float32], config: TilesConfig, beside: int = 0) -> float:
    """Return the largest difference across the middles of overlaps, or beside them, in 255ths."""
    size = (alpha.shape[0], alpha.shape[1])
    steps = [0.0]
    for rows, columns in tile_windows(size, config):
        if rows.start:
            at = rows.start + config.overlap // 2 + beside
            steps.append(float(np.abs(alpha[at] - alpha[at - 1]).max()))
        if columns.start:
            at = columns.start + config.overlap // 2 + beside
            steps.append(float(np.abs(alpha[:, at] - alpha[:, at - 1]).max()))
    return 255 * max(steps)


def photos(
    model: str,
    sizes: tuple[float, ...],
    max_side: int,
    path: Path | None,
    call: Callable[..., Done[tuple[Row, NDArray[np.float32]]]],
) -> list[Row]:
    """Return a row for each size and mode."""
    rows = []
    for megapixels in sizes:
        whole: NDArray[np.float32] | None = None
        for mode in MODES:
            row, alpha = call(predicted, model, mode, megapixels, max_side, path).result
            whole = alpha if whole is None else whole
            if mode == "tiles":
                row["seam"] = largest_step(alpha, TilesConfig())
                row["beside"] = max(largest_step(alpha, TilesConfig(), each) for each in _BESIDE)
                row["same place, whole"] = largest_step(whole, TilesConfig())
            rows.append(row)
    return rows


def metrics(side: int, seconds: float) -> list[Row]:
    """Return how many alphas a second each way scores; both must find the same."""
    portrait = render(random_person(0, 1, side), 0, 1)
    truth = portrait.alpha / 255
    random = np.random.default_rng(0)
    soft = (truth > 0) & (truth < 1)
    alpha = np.clip(truth + random.normal(0, 0.1, truth.shape) * soft, 0, 1)
    trimap = np.where(soft, UNKNOWN, np.where(truth == 1, 255, 0)).astype(np.uint8)

    def ours() -> Any:  # noqa: ANN401
        return score(alpha, truth, trimap, metrics=ALL_METRICS)

    def plain() -> Any:  # noqa: ANN401
        return plain_score(alpha, truth, trimap == UNKNOWN)

    expected, found = plain(), ours()
    for region, figures in expected.items():
        for name, value in figures.items():
            if not np.isclose(found[region][name], value, rtol=1e-9):
                raise click.ClickException(f"{name} over the {region}: both ways differ")
    rows: list[Row] = []
    for name, way in (("step by step", plain), ("shm", ours)):
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            way()
            count += 1
        rows.append({"metrics": name, "a second": count / (time.perf_counter() - began)})
    for row in rows:
        row["ratio"] = row["a second"] / rows[0]["a second"]
    return rows


@click.command()
@click.option("--model", default="untrained:light", show_default=True)
@click.option("--photo", type=click.Path(path_type=Path), help="A photo.  [default: generated]")
@click.option("--sizes", default="2,8,24", show_default=True, help="Megapixels.")
@click.option("--max-side", default=1500, show_default=True, help="As `shm predict` has it.")
@click.option("--side", default=800, show_default=True, help="Of the alphas to score, pixels.")
@click.option("--seconds", default=10.0, show_default=True, help="For each way to score.")
@click.option("--quick", is_flag=True, help="Small, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(
    model: str,
    photo: Path | None,
    sizes: str,
    max_side: int,
    side: int,
    seconds: float,
    quick: bool,
    json_path: Path | None,
) -> None:
    """Print what predictions and metrics cost."""
    wanted = tuple(map(float, sizes.split(",")))
    if quick:
        wanted, max_side, side, seconds = (0.05,), 128, 96, 0.1
        with Together() as together:
            rows = photos(model, wanted, max_side, photo, together.call)
    else:
        rows = photos(model, wanted, max_side, photo, alone)
    show(rows)
    scored = metrics(side, seconds)
    show(scored)
    if json_path is not None:
        json_path.write_text(json.dumps(finite({"photos": rows, "metrics": scored}), indent=2))


if __name__ == "__main__":
    main()
