"""How good methods are on images that no net has seen."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shm.datasets.files import write_png
from shm.datasets.image import MAX_PIXELS
from shm.datasets.tree import printable
from shm.evaluation import (
    Comparison,
    Scored,
    Summary,
    compare,
    score_sample,
    summarise,
    to_csv,
    to_markdown,
)
from shm.metrics.trimap import Confusion, confusion_matrix
from shm.pictures import contact_sheet, thumbnail
from shm.pipeline.errors import ShmError
from shm.pipeline.values import TrimapClass
from shm.prediction import Mode, PhotoConfig
from shm.workflows.methods import (
    BASELINES,
    Baseline,
    Guess,
    Method,
    MethodError,
    NetsMethod,
    Predictions,
)
from shm.workflows.nets import NetsConfig, load_network
from shm.workflows.progress import progress
from shm.workflows.truth import Truth, Truths

PREDICTIONS = "predictions"


@dataclass(frozen=True, kw_only=True)
class EvaluateRun:
    """What is measured.

    Parameters
    ----------
    model : str, optional
        A checkpoint, or ``untrained:RECIPE``.
    predictions : Path, optional
        A folder of alphas, in a model's place.
    baselines : strings
        Of `BASELINES`: measured beside it, on the trimap that it was given or predicted.
    trimap : str
        ``"true"``, ``"predicted"``, or ``"auto"``: predicted where the model has a T-Net.
    device, mode, max_side
        As `load_network` and `PhotoConfig` have them; without `max_side` the nets' own.
    max_pixels : int
        Above which a prediction is refused.
    worst : int
        How many images to keep for the sheet, those with the largest SAD.
    sheet_side : int
        Pixels that no side of their pictures exceeds.
    """

    model: str | None = None
    predictions: Path | None = None
    baselines: tuple[str, ...] = ()
    trimap: str = "auto"
    device: str = "auto"
    mode: Mode = "whole"
    max_side: int | None = None
    max_pixels: int = MAX_PIXELS
    worst: int = 0
    sheet_side: int = 192


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures of every image by method, the model's or the predictions' first.

    `trimap` says what the methods were given: ``"predicted"`` or ``"true"``. `failed` are
    (image, reason) of those that a method could not score. `sheet` has rows of pictures.
    """

    source: str
    trimap: str
    scored: Mapping[str, Sequence[Scored]]
    confusion: Confusion | None
    failed: tuple[tuple[str, str], ...]
    sheet: tuple["SheetRow", ...] = ()

    @property
    def first(self) -> str:
        """The method that was asked for."""
        return next(iter(self.scored))

    def summaries(self) -> dict[str, Summary]:
        """Return what each method's figures come to."""
        return {
            name: summarise(found, self.confusion if name == self.first else None)
            for name, found in self.scored.items()
        }

    def against(self, theirs: Sequence[Scored]) -> Comparison:
        """Compare the first method with another on the same images.

        Raises
        ------
        ComparisonError
            It was scored on others.
        """
        return compare(self.scored[self.first], theirs)

    def as_json(self) -> dict[str, Any]:
        """Return the summary for ``--json``: the first method's figures, then the others'."""
        first, *others = self.summaries().items()
        found: dict[str, Any] = {"model": first[0], "store": self.source, "trimap": self.trimap}
        found |= first[1].as_json()
        found["baselines"] = {name: each.as_json() for name, each in others}
        found["failed"] = [{"source": name, "reason": why} for name, why in self.failed]
        return found

    def as_csv(self) -> str:
        """Return a line for each method and image."""
        return to_csv(self.scored)

    def as_markdown(self) -> str:
        """Return tables that say how their figures are normalised."""
        return to_markdown(self.summaries())

    def columns(self) -> list[tuple[int, str]]:
        """Return (place in a row, title) of the pictures of the sheet that show something new."""
        titles = ("image", "true trimap", "predicted trimap", *self.scored, "true alpha")
        return [
            (column, title)
            for column, title in enumerate(titles)
            if any(row.pictures[column] is not None for row in self.sheet)
            and (column != 2 or self.trimap == "predicted")  # else the true one, once more
        ]

    def write_sheet(self, path: Path) -> None:
        """Write the pictures of the worst images, worst first, as a PNG."""
        shown, titles = zip(*self.columns(), strict=True) if self.sheet else ((), ())
        rows = [[row.pictures[column] for column in shown] for row in self.sheet]
        captions = [row.caption for row in self.sheet]
        picture = contact_sheet(rows, titles, captions=captions)
        write_png(path, picture)


def evaluate(truths: Truths, run: EvaluateRun, note: Callable[[str], None]) -> Evaluation:
    """Score a model, or predictions, and baselines on images whose mattes are known.

    An image that one of the methods can't score counts for none of them, so that their figures are
    of the same images; it is noted, and the others go on.

    Raises
    ------
    MethodError
        Nothing is to be measured, a baseline is unknown, or the trimap should be predicted and the
        model has no T-Net.
    """
    methods, trimap = _methods(run)
    if trimap == "true" and not truths.has_trimaps:
        trimap = "none"
    scored: dict[str, list[Scored]] = {name: [] for name in methods}
    failed: list[tuple[str, str]] = []
    confusion = np.zeros((len(TrimapClass), len(TrimapClass)), np.int64)
    worst = Worst(run.worst)
    row = partial(_row, run.sheet_side)
    with progress("evaluate", len(truths), "image") as bar:
        for index in range(len(truths)):
            guesses: dict[str, Guess] = {}
            try:
                truth = truths.read(index)
                for name, method in methods.items():
                    predicted = next((each.trimap for each in guesses.values()), None)
                    guesses[name] = method(truth, predicted)
                figures = {name: _scored(truth, guess) for name, guess in guesses.items()}
            except MethodError:
                raise
            except (ShmError, OSError, MemoryError) as error:
                failed.append((truths.label(index), str(error) or "it does not fit in memory"))
                note(printable(f"  {failed[-1][0]}: {failed[-1][1]}"))
                bar.advance(rejected=1)
                continue
            for name, found in figures.items():
                scored[name].append(found)
            first = next(iter(guesses.values()))
            if first.trimap is not None and truth.trimap is not None:
                confusion += confusion_matrix(first.trimap, truth.trimap)
            latest = next(iter(scored.values()))[-1]
            worst.offer(latest.figures["whole"]["sad"], partial(row, truth, guesses, latest))
            bar.advance()
    if not any(scored.values()):
        raise MethodError(f"{truths.name}: none of its {len(truths)} images could be scored")
    return Evaluation(
        source=truths.name,
        trimap=trimap,
        scored=scored,
        confusion=confusion if confusion.any() else None,
        failed=tuple(failed),
        sheet=worst.kept(),
    )


def _scored(truth: Truth, guess: Guess) -> Scored:
    return score_sample(truth.id, guess.alpha, truth.alpha, truth.trimap, group=truth.group)


def _methods(run: EvaluateRun) -> tuple[dict[str, Method], str]:
    """Return the methods by name, and whether their trimaps are ``"predicted"`` or ``"true"``."""
    unknown = [name for name in run.baselines if name not in BASELINES]
    if unknown:
        raise MethodError(f"no baseline {unknown[0]!r}: choose of {', '.join(BASELINES)}")
    if run.model is None and run.predictions is None and not run.baselines:
        raise MethodError("nothing to measure: give a model, --predictions or --baseline")
    found: dict[str, Method] = {}
    trimap = "true"
    if run.predictions is not None:
        found[PREDICTIONS] = Predictions(run.predictions, run.max_pixels)
    if run.model is not None:
        loaded = load_network(run.model, NetsConfig(device=run.device))
        network = loaded.network
        if network.needs_trimap and run.trimap == "predicted":
            raise MethodError(
                f"{run.model} has no T-Net that predicts trimaps: give it the true ones, "
                "--trimap true"
            )
        given = network.needs_trimap or (run.trimap == "true" and network.takes_trimap)
        trimap = "true" if given else "predicted"
        config = loaded.photo_config(PhotoConfig(mode=run.mode, max_side=run.max_side or 0))
        found[run.model] = NetsMethod(network=network, config=config, given=given)
    elif run.trimap == "predicted":
        raise MethodError("who should predict the trimaps? Give a model with a T-Net")
    found |= {name: Baseline(name=name) for name in run.baselines}
    return found, trimap


class SheetRow(NamedTuple):
    """An image on the sheet of the worst: what it is, and its pictures as far as there are."""

    caption: str
    pictures: tuple[NDArray[np.uint8] | None, ...]


def _row(side: int, truth: Truth, guesses: Mapping[str, Guess], figures: Scored) -> SheetRow:
    first = next(iter(guesses.values()))
    started = first.trimap if first.trimap is not None else truth.trimap
    shown = (truth.image, truth.trimap, started, *(g.alpha for g in guesses.values()), truth.alpha)
    return SheetRow(
        caption=f"{truth.id}\nSAD {figures.figures['whole']['sad']:.4g}",
        pictures=tuple(
            None if each is None else thumbnail(eight_bits(each), side) for each in shown
        ),
    )


def eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels of 16 bits, or of 8, as 8 bits."""
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


class Worst:
    """The pictures of the images with the largest errors, as many as are wanted."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._order = count()
        self._heap: list[tuple[float, int, SheetRow]] = []

    def offer(self, error: float, row: Callable[[], SheetRow]) -> None:
        """Keep an image's row if its error is among the largest."""
        if len(self._heap) < self._wanted:
            heapq.heappush(self._heap, (error, -next(self._order), row()))
        elif self._heap and error > self._heap[0][0]:
            heapq.heapreplace(self._heap, (error, -next(self._order), row()))

    def kept(self) -> tuple[SheetRow, ...]:
        """Return the rows, those of the largest error first."""
        return tuple(row for _, _, row in sorted(self._heap, key=lambda e: -e[0]))
