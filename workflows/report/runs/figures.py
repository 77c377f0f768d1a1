"""What runs come to on the samples of a store, and how they differ, in tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from shm.datasets.tree import printable
from shm.evaluation import (
    HEADINGS,
    SCALES,
    ComparisonError,
    Interval,
    Scored,
    Summary,
    about_interval,
    cell_of,
    compare,
)
from shm.workflows.evaluate import Evaluation
from shm.workflows.report.runs.pictures import Worst

REASONS = 20
"""Images that could not be scored of which the reason is shown."""


Cell = tuple[str, str]
"""A mean and its interval, empty where there is none."""


class Column(NamedTuple):
    """A figure of the tables."""

    region: str
    metric: str

    @property
    def title(self) -> str:
        """What it is called, with what it is divided by."""
        heading = HEADINGS[self.metric]
        return heading if self.metric in SCALES else f"{heading} ÷ 1000"

    def cell(self, figures: Mapping[str, Mapping[str, Interval]]) -> Cell:
        """Return a mean and its interval as people read them."""
        return cell_of(figures[self.region][self.metric], SCALES.get(self.metric, 1.0))


REGIONS = {"whole": "whole image", "unknown": "unknown region"}

COLUMNS = (
    *(Column("whole", metric) for metric in ("sad", "mse", "grad", "conn")),
    *(Column("unknown", metric) for metric in ("sad", "mse", "mad")),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A run's figures; `reason` says why there are none."""

    trimap: str = ""
    scored: Sequence[Scored] = ()
    summary: Summary | None = None
    failed: Sequence[tuple[str, str]] = ()
    worst: Worst | None = None
    reason: str = ""

    @property
    def cells(self) -> list[Cell]:
        """Return the figures in the order of `COLUMNS`."""
        return [] if self.summary is None else [each.cell(self.summary.regions) for each in COLUMNS]

    @property
    def reasons(self) -> list[str]:
        """Return why images could not be scored, of the first of them."""
        found = [printable(f"{name}: {why}") for name, why in self.failed[:REASONS]]
        more = len(self.failed) - len(found)
        return [*found, f"and {more} more"] if more else found

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        if self.summary is None:
            return {"reason": self.reason}
        about = self.summary.as_json()
        return {
            "trimap": self.trimap,
            "samples": about["samples"],
            "groups": about["groups"],
            "failed": [{"source": name, "reason": why} for name, why in self.failed],
            "means": self.summary.means(),
            "intervals": about["intervals"],
        }


def measured(found: Evaluation, worst: Worst) -> Measured:
    """Return what of an evaluation is shown: its pictures encoded."""
    return Measured(
        trimap=found.trimap,
        scored=found.scored[found.first],
        summary=found.summaries()[found.first],
        failed=found.failed,
        worst=worst,
    )


def remarks(runs: Mapping[str, Measured]) -> list[str]:
    """Return what must be known to read the figures: people, intervals, what is missing."""
    summaries = {name: run.summary for name, run in runs.items() if run.summary is not None}
    abouts = {name: "Means" + about_interval(each.groups) for name, each in summaries.items()}
    found = list(dict.fromkeys(abouts.values()))
    if len(found) > 1:
        found = [f"{name}: {about}" for name, about in abouts.items()]
    found += [f"{name}: not measured: {run.reason}" for name, run in runs.items() if run.reason]
    if len({run.trimap for run in runs.values() if run.summary is not None}) > 1:
        found.append(
            "The runs start from different trimaps: with true ones nothing can be wrong outside "
            "the unknown region, so their figures do not compare with those of predicted ones."
        )
    return [f"{line.rstrip('.')}." for line in found]


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How runs differ from a first one, image by image: cells by run, and why some have none."""

    first: str
    cells: Mapping[str, list[Cell]]
    remarks: Sequence[str]


def changes(runs: Mapping[str, Measured]) -> Changes | None:
    """Compare each run with the first that was measured; None where there is no other.

    Runs that were given other trimaps are not compared: the difference would be the trimap's.
    """
    there = [name for name, run in runs.items() if run.summary is not None]
    if len(there) < 2:
        return None
    base = runs[there[0]]
    cells, found = {}, []
    for name in there[1:]:
        run = runs[name]
        if run.trimap != base.trimap:
            found.append(
                f"{name}: left out, it started from {run.trimap} trimaps and {there[0]} from "
                f"{base.trimap} ones. shm evaluate --trimap true gives both the true ones."
            )
            continue
        try:
            compared = compare(run.scored, base.scored)
        except ComparisonError as error:
            found.append(f"{name}: left out, {printable(str(error))}.")
            continue
        differences = {
            region: {metric: each.change for metric, each in by_metric.items()}
            for region, by_metric in compared.differences.items()
        }
        cells[name] = [column.cell(differences) for column in COLUMNS]
        about = about_interval(compared.groups)
        if "too few" in about:
            found.append(f"{name}: means{about}.")
    return Changes(first=there[0], cells=cells, remarks=found)
