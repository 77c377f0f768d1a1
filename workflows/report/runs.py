"""Training runs as one page: curves, pictures over time, figures, worst predictions, settings."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shm.checkpoint import CheckpointError, Metadata, last_metadata
from shm.datasets.files import write_bytes
from shm.datasets.image import read_photo
from shm.datasets.storage.location import Location
from shm.datasets.tree import printable
from shm.evaluation import ComparisonError, Scored, Summary, compare, told
from shm.pipeline.errors import ShmError
from shm.training.log import read_log
from shm.training.phases import Phase
from shm.workflows.evaluate import EvaluateRun, Evaluation, evaluate
from shm.workflows.inspect import flatten
from shm.workflows.report.curves import Chart, charts_of
from shm.workflows.report.encode import encode
from shm.workflows.report.page import write_page
from shm.workflows.truth import StoreTruths

MOMENTS = 12
"""Steps of a phase whose pictures are shown, evenly over those that there are."""

STEP = re.compile(r"step-\d+\.png")
"""What a picture of a step is called."""

MOST = 8
"""Runs side by side: more colours than that nobody tells apart."""

METRICS = (
    *(("whole", metric) for metric in ("sad", "mse", "grad", "conn")),
    *(("unknown", metric) for metric in ("sad", "mse", "mad")),
)


class RunError(ShmError, ValueError):
    """A folder is no run, or there are too many."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a page of runs shows.

    Parameters
    ----------
    store : Path or URL, optional
        What to measure the runs on; without it there are neither figures nor predictions.
    split, device : str
        As `shm evaluate` has them.
    worst : int
        Predictions of each run that are shown, those with the largest SAD.
    """

    store: Location | None = None
    split: str = "test"
    device: str = "auto"
    worst: int = 8


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run, as far as it got.

    Attributes
    ----------
    name : str
    path : Path
    config : dict
        By dotted names.
    logs : dict
        Lines of the log by phase.
    checkpoint : Metadata, optional
        What the best checkpoint of its last phase says.
    """

    name: str
    path: Path
    config: Mapping[str, str]
    logs: Mapping[str, Sequence[Mapping[str, Any]]]
    checkpoint: Metadata | None
    evaluation: Evaluation | None = field(default=None, compare=False)


def report_runs(
    paths: Sequence[Path], out: Path, wanted: RunReport, note: Callable[[str], None]
) -> dict[str, Any]:
    """Write the page of one or several runs.

    Returns
    -------
    dict
        ``report`` (its path), ``runs`` (their names), ``figures`` (by run, region and metric, where
        they were measured), ``bytes``.

    Raises
    ------
    ShmError
        One of them is no run, or the store can't be read.
    """
    if len(paths) > MOST:
        raise RunError(f"{len(paths)} runs: at most {MOST} can be told apart on one page")
    runs = [_read(path, name) for path, name in zip(paths, _names(paths), strict=True)]
    measured: dict[str, Evaluation] = {}
    if wanted.store is not None:
        for run in runs:
            how = EvaluateRun(model=str(run.path), device=wanted.device, worst=wanted.worst)
            measured[run.name] = evaluate(StoreTruths(wanted.store, wanted.split), how, note)
    phases = [each.value for each in Phase if any(each.value in run.logs for run in runs)]
    summaries = {name: found.summaries()[found.first] for name, found in measured.items()}
    content = write_page(
        "run.html",
        runs=runs,
        phases=[_phase(name, runs) for name in phases],
        settings=_settings(runs),
        provenance=[_provenance(run) for run in runs],
        figures=_figures(summaries),
        changes=_changes(measured),
        measured_on=None if wanted.store is None else f"{wanted.store}, {wanted.split} split",
        people=next((each.groups for each in summaries.values()), 0),
        images=next((each.images for each in summaries.values()), 0),
        worst={name: _worst(found) for name, found in measured.items()},
    )
    write_bytes(out, content)
    return {
        "report": str(out),
        "runs": [str(run.path) for run in runs],
        "figures": {name: each.means() for name, each in summaries.items()},
        "bytes": len(content),
    }


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the runs' names, with as much of their paths as it takes to tell them apart."""
    parts = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-count:]) for each in parts]
        if len(set(names)) == len(names):
            return list(map(printable, names))
    raise RunError("the same run twice: give each once")


def _read(path: Path, name: str) -> Run:
    if not path.is_dir():
        raise RunError(f"{path}: no such run")
    logs = {
        each.value: list(read_log(path / each.value / "log.jsonl"))
        for each in Phase
        if (path / each.value / "log.jsonl").is_file()
    }
    if not any(logs.values()):
        raise RunError(f"{path}: no log of training in it: give the folder of `shm train --run`")
    try:
        config = tomllib.loads((path / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path / 'config.toml'}: can't be read ({error}): is it a run?") from error
    last = list(logs)[-1]
    try:
        found = last_metadata(path / last, "best") or last_metadata(path / last)
    except CheckpointError:
        found = None
    return Run(
        name=name,
        path=path,
        config={key: printable(str(value)) for key, value in flatten(config)},
        logs={phase: lines for phase, lines in logs.items() if lines},
        checkpoint=found,
    )


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What the nets made of the same samples at a step."""

    step: int
    picture: str


@dataclass(frozen=True, kw_only=True)
class PhasePage:
    """One phase of all runs: charts, and each run's pictures."""

    name: str
    charts: Sequence[Chart]
    pictures: Mapping[str, Sequence[Moment]]


def _phase(name: str, runs: Sequence[Run]) -> PhasePage:
    return PhasePage(
        name=name,
        charts=charts_of([run.logs.get(name, ()) for run in runs]),
        pictures={
            run.name: found for run in runs if (found := _moments(run.path / name / "pictures"))
        },
    )


def _moments(folder: Path) -> list[Moment]:
    files = [file for file in sorted(folder.glob("step-*.png")) if STEP.fullmatch(file.name)]
    places = np.unique(np.linspace(0, len(files) - 1, min(MOMENTS, len(files))).round().astype(int))
    found = []
    for file in (files[place] for place in places.tolist()):
        step = int(file.stem.removeprefix("step-"))
        found.append(Moment(step=step, picture=encode(read_photo(file))))
    return found


def _settings(runs: Sequence[Run]) -> list[tuple[str, list[str], bool]]:
    """Return (name, value of each run, whether they differ) of every setting, those first."""
    names = dict.fromkeys(name for run in runs for name in run.config)
    rows = []
    for name in names:
        values = [run.config.get(name, "—") for run in runs]
        rows.append((name, values, len(set(values)) > 1))
    return sorted(rows, key=lambda row: not row[2])


def _provenance(run: Run) -> dict[str, str]:
    """Return what a run was trained on and began with."""
    found = run.checkpoint
    if found is None:
        return {"checkpoint": "none yet"}
    facts = {"best checkpoint": f"{found.phase}, step {found.step}"}
    for store in found.stores:
        name = printable(str(store.get("name", "?")))
        facts[f"store {name}"] = ", ".join(
            f"{key} {_told(value)}" for key, value in store.items() if key != "name"
        )
    for net, began in found.start.items():
        facts[f"{net} began with"] = printable(", ".join(f"{k} {v}" for k, v in began.items()))
    return facts


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return printable(str(value))


def _figures(summaries: Mapping[str, Summary]) -> dict[str, list[str]]:
    """Return each run's means with their intervals, in the order of `METRICS`."""
    return {
        name: [told(summary.regions[region][metric]) for region, metric in METRICS]
        for name, summary in summaries.items()
    }


def _changes(measured: Mapping[str, Evaluation]) -> dict[str, list[str]]:
    """Return how each run differs from the first one, image by image."""
    first, *others = measured or [""]
    found = {}
    for name in others:
        try:
            each = compare(_scored(measured[name]), _scored(measured[first]))
        except ComparisonError:  # one of them could not take an image
            continue
        found[name] = [told(each.differences[region][metric].change) for region, metric in METRICS]
    return found


def _scored(found: Evaluation) -> Sequence[Scored]:
    return found.scored[found.first]


def _worst(found: Evaluation) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (caption, pictures by title) of the worst predictions."""
    titles = ("image", "true trimap", "trimap", "predicted alpha", "true alpha")
    return [
        (
            printable(row.caption.replace("\n", ", ")),
            [
                (title, encode(pixels))
                for title, pixels in zip(titles, row.pictures, strict=True)
                if pixels is not None
            ],
        )
        for row in found.sheet
    ]
