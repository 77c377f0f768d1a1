"""Halo, time and memory of the foreground's colours: this package's estimate against its peers.

People of the sample corpus are pasted on black, grey, white and some of the corpus's own
backgrounds, with each way's colours. What counts is where the true alpha or the given one is
fractional:

- error: mean absolute difference from the true composite, in steps of 8 bits. With a refined alpha
  even true colours have one, which is the alpha's.
- halo: how much of the old background is left in the colours, 0 none, 1 as in the photo's own. The
  projection of what a composite's colours are off upon (old background - true foreground).

Above it stands what one large photo takes beyond its arrays, each way in a process of its own.

    python benchmarks/foreground.py --people 24 --size 800 --megapixels 24
"""

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.memory import peak
from benchmarks.common.table import show
from shm.datasets.files import write_jpeg
from shm.datasets.image import read_photo
from shm.datasets.sample.backgrounds import cut_photo, scenes_without_people
from shm.datasets.sample.person import random_person
from shm.datasets.sample.render import Portrait, render
from shm.pipeline.composite import blend, centre_crop, cut_background
from shm.pipeline.foreground import estimate_foreground, limit_to_subject
from shm.pipeline.prepare import PrepareConfig, RawSample, prepare
from shm.pipeline.values import Alpha, RgbImage

Way = Callable[[RgbImage, Alpha], RgbImage]
Row = dict[str, float | str]
Floats = NDArray[np.float64]
P = ParamSpec("P")
T = TypeVar("T")

SCENES = 4
"""Backgrounds of the sample corpus that each person is pasted on, beside the three plain ones."""


def photo(image: RgbImage, alpha: Alpha) -> RgbImage:
    """Keep the photo's own colours."""
    return limit_to_subject(image, alpha)


def multi_level(image: RgbImage, alpha: Alpha) -> RgbImage:
    """Estimate with PyMatting's multi-level method, as it stands."""
    from pymatting import estimate_foreground_ml

    return levels_of(estimate_foreground_ml(image / 255.0, alpha / 255.0), image, alpha)


def multi_level_tuned(image: RgbImage, alpha: Alpha) -> RgbImage:
    """Estimate with PyMatting's multi-level method, with the settings that did best here."""
    from pymatting import estimate_foreground_ml

    tuned = estimate_foreground_ml(
        image / 255.0, alpha / 255.0, n_big_iterations=10, gradient_weight=0.1
    )
    return levels_of(tuned, image, alpha)


def closed_form(image: RgbImage, alpha: Alpha) -> RgbImage:
    """Estimate with PyMatting's closed-form method (Levin et al., PAMI 2008)."""
    from pymatting import estimate_foreground_cf

    return levels_of(estimate_foreground_cf(image / 255.0, alpha / 255.0), image, alpha)


def levels_of(estimate: Floats, image: RgbImage, alpha: Alpha) -> RgbImage:
    """Round to 8 bits, keep the photo where it is opaque, and drop what is far."""
    colours = np.rint(np.clip(estimate, 0, 1) * 255).astype(np.uint8)
    colours[alpha == 255] = image[alpha == 255]
    return limit_to_subject(colours, alpha)


WAYS: dict[str, Way] = {
    "photo": photo,
    "PyMatting ml": multi_level,
    "PyMatting ml, tuned": multi_level_tuned,
    "PyMatting cf": closed_form,
    "shm": estimate_foreground,
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A portrait as it is read back from its JPEG, and the alpha that it is pasted with."""

    image: RgbImage
    alpha: Alpha
    truth: Portrait
    scenes: list[RgbImage]

    def score(self, colours: RgbImage) -> list[float]:
        """Return the errors on black, grey, white and the scenes, and the halo."""
        true = self.truth
        soft = fractional(self.alpha) | fractional(true.alpha)
        if not soft.any():
            return [0.0] * 5
        plain = [np.full_like(self.image, level) for level in (0, 128, 255)]
        errors = [
            difference(
                blend(colours, self.alpha, ground), blend(true.foreground, true.alpha, ground), soft
            )
            for ground in plain + self.scenes
        ]
        opacity = self.alpha[soft][:, None] / 255
        old = true.background[soft].astype(float) - true.foreground[soft]
        whole = opacity * (1 - true.alpha[soft][:, None] / 255) * old
        left = opacity * (colours[soft].astype(float) - true.foreground[soft])
        halo = float((left * whole).sum() / max((whole**2).sum(), 1e-9))
        return [*errors[:3], float(np.mean(errors[3:])), halo]


def fractional(alpha: Alpha) -> NDArray[np.bool_]:
    """Return where an alpha is neither 0 nor 1."""
    return np.asarray((alpha > 0) & (alpha < 255))


def difference(one: RgbImage, other: RgbImage, where: NDArray[np.bool_]) -> float:
    """Return the mean absolute difference in steps of 8 bits."""
    return float(np.abs(one[where].astype(np.int16) - other[where]).mean())


def subjects(people: int, size: int, kind: str, folder: Path) -> list[Subject]:
    """Render people; `kind` is whose alpha they have: ``true``, or ``refined`` from their mask."""
    grounds = [cut_photo(scene) for scene in scenes_without_people()]
    made = []
    for index in range(people):
        truth = render(random_person(0, index, size), 0, index)
        path = folder / f"{index}.jpg"
        write_jpeg(path, truth.image)
        image, alpha = read_photo(path), truth.alpha
        if kind == "refined":
            mask = np.where(alpha >= 128, 255, 0).astype(np.uint8)
            config = PrepareConfig(size=max(32, size), foreground="photo")
            alpha = prepare(RawSample(image=image, mask=mask), config).alpha
        shape = (image.shape[0], image.shape[1])
        chosen = [grounds[(SCENES * index + i) % len(grounds)] for i in range(SCENES)]
        scenes = [cut_background(g, centre_crop(g.shape[:2], shape), shape) for g in chosen]
        made.append(Subject(image=image, alpha=alpha, truth=truth, scenes=scenes))
    return made


def measure_halo(people: int, size: int, kind: str) -> list[Row]:
    """Return a row a way."""
    with tempfile.TemporaryDirectory(prefix="shm-foreground-") as folder:
        crowd = subjects(people, size, kind, Path(folder))
    rows: list[Row] = []
    for name, way in WAYS.items():
        way(crowd[0].image[:32, :32], crowd[0].alpha[:32, :32])  # compiles what is to be compiled
        began = time.perf_counter()
        colours = [way(subject.image, subject.alpha) for subject in crowd]
        seconds = (time.perf_counter() - began) / people
        rows.append(row(name, kind, crowd, colours) | {"seconds": round(seconds, 3)})
    return [*rows, row("true colours", kind, crowd, [one.truth.foreground for one in crowd])]


def row(name: str, kind: str, crowd: list[Subject], colours: list[RgbImage]) -> Row:
    """Return the mean figures of one way."""
    scores = [subject.score(own) for subject, own in zip(crowd, colours, strict=True)]
    names = ("black", "grey", "white", "scenes", "halo")
    means = np.mean(scores, axis=0)
    return {"alpha": kind, "way": name} | {
        key: round(float(value), 3) for key, value in zip(names, means, strict=True)
    }


def large_photo(megapixels: float) -> tuple[RgbImage, Alpha]:
    """Return a person's picture enlarged, 3 : 2, with soft edges as wide as they then are."""
    import cv2

    portrait = render(random_person(0, 1, 1200), 0, 1)
    width = round((megapixels * 1e6 * 2 / 3) ** 0.5)
    size = (width, round(width * 3 / 2))
    return (
        np.asarray(cv2.resize(portrait.image, size), np.uint8),
        np.asarray(cv2.resize(portrait.alpha, size), np.uint8),
    )


def save_large_photo(megapixels: float, path: Path) -> float:
    """Write photo and alpha; returns which share of them is fractional."""
    image, alpha = large_photo(megapixels)
    np.savez(path, image=image, alpha=alpha)
    return float(fractional(alpha).mean())


def measure_memory(name: str, path: Path) -> Row:
    """Return seconds, and megabytes beyond the arrays and the imports; in a fresh process."""
    warnings.simplefilter("ignore")
    arrays = np.load(path)
    image, alpha = arrays["image"], arrays["alpha"]
    # What a first call imports and compiles is no cost of the photo.
    WAYS[name](image[:64, :64], alpha[:64, :64])
    before, began = peak(), time.perf_counter()
    WAYS[name](image, alpha)
    seconds = time.perf_counter() - began
    return {
        "way": name,
        "megapixels": round(alpha.size / 1e6, 1),
        "seconds": round(seconds, 2),
        "megabytes": round((peak() - before) / 1e6),
    }


def measure_large(megapixels: float) -> list[Row]:
    """Return a row a way that a large photo can be given to."""
    with tempfile.TemporaryDirectory(prefix="shm-foreground-") as folder:
        path = Path(folder) / "large.npz"
        share = alone(save_large_photo, megapixels, path)
        return [
            alone(measure_memory, name, path) | {"fractional": round(share, 3)}
            for name in ("PyMatting ml", "shm")
        ]


def alone(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call in a process that has done nothing else, and so has held nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments, **named).result()


@click.command()
@click.option("--people", default=24, show_default=True)
@click.option("--size", default=800, show_default=True, help="Longer side, pixels.")
@click.option(
    "--alpha",
    type=click.Choice(["true", "refined", "both"]),
    default="both",
    show_default=True,
    help="Paste with the exact alpha, or with one refined from the mask.",
)
@click.option("--megapixels", default=24.0, show_default=True, help="Of the large photo.")
@click.option("--quick", is_flag=True, help="Few and small, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(
    people: int, size: int, alpha: str, megapixels: float, quick: bool, json_path: Path | None
) -> None:
    """Print error, halo, time and memory of each way to the foreground's colours."""
    warnings.simplefilter("ignore")  # numba's advice on PyMatting's own compilation
    if quick:
        people, size, megapixels = 3, 256, 2
    large = measure_large(megapixels)  # first: a child's peak starts with its parent's
    show(large)
    halo: list[Row] = []
    for kind in ("true", "refined") if alpha == "both" else (alpha,):
        halo += measure_halo(people, size, kind)
    show(halo)
    if json_path is not None:
        json_path.write_text(json.dumps({"halo": halo, "large": large}, indent=2))


if __name__ == "__main__":
    main()
