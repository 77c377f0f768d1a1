"""How good trained nets are on samples that they have not seen."""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.datasets.opening import open_samples, slots_of_split
from shm.datasets.storage.location import Location
from shm.inference import predict_alpha
from shm.metrics import ALL_METRICS, score
from shm.pictures import PictureRow, write_grid
from shm.pipeline.errors import ShmError
from shm.workflows.nets import load_nets
from shm.workflows.progress import progress

REGIONS = ("whole", "unknown")
METRICS = tuple(ALL_METRICS)


class EvaluateError(ShmError, ValueError):
    """A model can't be scored in the way that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures of every sample, in the order of the store.

    `trimap` says what the model was given: ``"predicted"`` (its own) or ``"true"``.
    """

    model: str
    store: Location
    split: str
    trimap: str
    rows: tuple[dict[str, Any], ...]

    def means(self) -> dict[str, dict[str, float]]:
        """Return the mean of each metric over the whole image and over the unknown region."""
        return {
            region: {
                metric: mean_of([row[f"{region}_{metric}"] for row in self.rows])
                for metric in METRICS
            }
            for region in REGIONS
        }

    def as_json(self) -> dict[str, Any]:
        """Return the summary for ``--json``."""
        origin = {
            "model": self.model,
            "store": str(self.store),
            "split": self.split,
            "trimap": self.trimap,
        }
        return origin | {"samples": len(self.rows)} | self.means()

    def as_csv(self) -> str:
        """Return a table with one line a sample."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()


def evaluate(
    model: str,
    store_path: Location,
    *,
    split: str = "test",
    trimap: str = "auto",
    device: str = "auto",
    max_side: int | None = None,
    sheet: Path | None = None,
) -> Evaluation:
    """Score a checkpoint, or ``untrained:RECIPE``, on a split of a store.

    Each sample is predicted whole, by nets that see no longer side than `max_side`. Models are
    given the store's trimap where `trimap` is ``"true"``, or is ``"auto"`` and they have no T-Net.
    With `sheet`, a picture grid of the first samples is written there.

    Raises
    ------
    EvaluateError
        The trimap should be predicted, and the model has no T-Net.
    """
    nets = load_nets(model, device=device, max_side=max_side)
    if nets.model.needs_trimap and trimap == "predicted":
        raise EvaluateError(
            f"{model} has no T-Net that predicts trimaps: give it the true ones, --trimap true"
        )
    given = trimap == "true" or nets.model.needs_trimap
    store = open_samples(store_path)
    slots = slots_of_split(store, split).tolist()
    rows: list[dict[str, Any]] = []
    pictures: list[PictureRow] = []
    with progress("evaluate", len(slots), "sample") as bar:
        for slot in slots:
            record = store.record(slot)
            truth = store.read(slot, record, ("image", "alpha", "trimap"))
            matte = predict_alpha(
                nets.model,
                truth["image"],
                device=nets.device,
                trimap=truth["trimap"] if given else None,
                max_side=nets.max_side,
            )
            figures = score(
                matte.alpha / 255, truth["alpha"] / 255, truth["trimap"], metrics=ALL_METRICS
            )
            rows.append({"id": record["id"], "group": record["group"], **flat(figures)})
            if len(pictures) < 8:
                pictures.append(picture_row(truth, matte.alpha, matte.trimap))
            bar.advance()
    if sheet is not None:
        write_grid(sheet, pictures)
    return Evaluation(
        model=model,
        store=store_path,
        split=split,
        trimap="true" if given else "predicted",
        rows=tuple(rows),
    )


def mean_of(figures: list[float]) -> float:
    """Return the mean of the figures that are there; NaN where none is."""
    there = [figure for figure in figures if not math.isnan(figure)]
    return sum(there) / len(there) if there else math.nan


def flat(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return ``{"whole_sad": …}`` of ``{"whole": {"sad": …}}``."""
    return {
        f"{region}_{metric}": figures[region][metric] for region in REGIONS for metric in METRICS
    }


def picture_row(
    truth: dict[str, NDArray[np.uint8]], alpha: NDArray[np.uint8], trimap: NDArray[np.uint8]
) -> PictureRow:
    """Return one row of a picture grid."""
    return PictureRow(
        image=truth["image"],
        true_trimap=truth["trimap"],
        trimap=trimap,
        alpha=alpha,
        true_alpha=truth["alpha"],
    )
