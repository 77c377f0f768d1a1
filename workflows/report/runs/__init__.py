"""Training runs as one page: curves, pictures over time, figures, worst predictions, settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from shm.datasets.files import write_bytes
from shm.datasets.storage.location import Location
from shm.datasets.tree import printable
from shm.pipeline.errors import ShmError
from shm.training.phases import Phase
from shm.workflows.evaluate import EvaluateRun, evaluate
from shm.workflows.report.page import write_page
from shm.workflows.report.runs.curves import Chart, charts_of
from shm.workflows.report.runs.figures import (
    COLUMNS,
    REGIONS,
    Measured,
    changes,
    measured,
    remarks,
)
from shm.workflows.report.runs.folder import Run, RunError, names_of, read_run
from shm.workflows.report.runs.pictures import Moments, moments_within, sheet_side, worst_within
from shm.workflows.report.runs.provenance import provenance
from shm.workflows.truth import StoreTruths

TABLES = 20_000
"""Bytes that the figures of a run take, at most, beside its pictures."""

MOST = 8
"""Runs side by side: more colours than that nobody tells apart."""


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """What a page of runs shows.

    Parameters
    ----------
    store : Path or URL, optional
        What to measure the runs on; without it there are neither figures nor predictions.
    split, device : str
        As `shm evaluate` has them.
    worst : int
        Predictions of each run that are shown, those with the largest SAD.
    megabytes : float
        Size that the page may have. Half of what curves and tables leave is for pictures over time:
        where they take more there are fewer of them, and predictions are smaller.
    """

    store: Location | None = None
    split: str = "test"
    device: str = "auto"
    worst: int = 8
    megabytes: float = 64.0


@dataclass(frozen=True, kw_only=True)
class PhasePage:
    """One phase of all runs: charts, and each run's pictures."""

    name: str
    charts: Sequence[Chart]
    pictures: Mapping[str, Moments] = field(default_factory=dict)


def report_runs(
    paths: Sequence[Path], out: Path, wanted: RunPage, note: Callable[[str], None]
) -> dict[str, Any]:
    """Write the page of one or several runs.

    Returns
    -------
    dict
        ``report`` (its path), ``runs`` and ``bytes``. Each run has ``name`` and ``path``; where it
        was measured ``trimap`` (``"predicted"`` or ``"true"``), ``samples``, ``groups``, ``failed``
        (list of ``source``, ``reason``), ``means`` (by region and metric) and ``intervals`` (low
        and high; NaN with too few people); where it could not be, ``reason``.

    Raises
    ------
    ShmError
        One of them is no run, or the store can't be read.
    """
    if len(paths) > MOST:
        raise RunError(f"{len(paths)} runs: at most {MOST} can be told apart on one page")
    runs = [read_run(path, name) for path, name in zip(paths, names_of(paths), strict=True)]
    page = partial(
        write_page,
        "run.html",
        runs=runs,
        settings=_settings(runs),
        provenance={run.name: provenance(run, wanted.store) for run in runs},
        measured_on=None if wanted.store is None else f"{wanted.store}, {wanted.split} split",
        columns=COLUMNS,
        regions=REGIONS,
        megabytes=wanted.megabytes,
    )
    phases = _phases(runs)
    text = page(phases=phases, measured={}, remarks=[], changes=None)
    limit = max(0, wanted.megabytes * 1e6 - len(text) - TABLES * len(runs))
    phases = _with_pictures(phases, runs, limit / 2)
    limit -= sum(each.bytes for phase in phases for each in phase.pictures.values())
    found = {} if wanted.store is None else _measured(runs, wanted, wanted.store, limit, note)
    content = page(phases=phases, measured=found, remarks=remarks(found), changes=changes(found))
    write_bytes(out.resolve(), content)  # a link stays one
    return {
        "report": str(out),
        "runs": [
            {"name": run.name, "path": str(run.path)}
            | (found[run.name].as_json() if run.name in found else {})
            for run in runs
        ],
        "bytes": len(content),
    }


def _phases(runs: Sequence[Run]) -> list[PhasePage]:
    names = [each.value for each in Phase if any(each.value in run.logs for run in runs)]
    return [
        PhasePage(name=name, charts=charts_of([run.logs.get(name, ()) for run in runs]))
        for name in names
    ]


def _with_pictures(
    phases: Sequence[PhasePage], runs: Sequence[Run], limit: float
) -> list[PhasePage]:
    folders = {
        (phase.name, run.name): run.path / phase.name / "pictures"
        for phase in phases
        for run in runs
    }
    moments = moments_within(folders, limit)
    return [
        replace(
            phase,
            pictures={run: found for (of, run), found in moments.items() if of == phase.name},
        )
        for phase in phases
    ]


def _measured(
    runs: Sequence[Run],
    wanted: RunPage,
    store: Location,
    limit: float,
    note: Callable[[str], None],
) -> dict[str, Measured]:
    """Measure each run; one that can't be, since it has no whole checkpoint yet, says why."""
    truths = StoreTruths(store, wanted.split)
    found: dict[str, Measured] = {}
    for place, run in enumerate(runs):
        how = EvaluateRun(
            model=str(run.path),
            device=wanted.device,
            worst=wanted.worst,
            sheet_side=sheet_side(wanted.worst),
        )
        try:
            evaluation = evaluate(truths, how, note)
        except ShmError as error:
            found[run.name] = Measured(reason=printable(str(error)))
            note(f"{run.name}: not measured: {found[run.name].reason}")
            continue
        # What a run leaves is for those after it; its pictures go before the next one has any.
        worst = worst_within(evaluation, limit / (len(runs) - place))
        limit -= worst.bytes
        found[run.name] = measured(evaluation, worst)
    return found


def _settings(runs: Sequence[Run]) -> list[tuple[str, list[str], bool]]:
    """Return (name, value of each run, whether they differ) of every setting, those first.

    What only some recipes know, as the steps of a stage of Deep Image Matting, is no difference.
    """
    names = dict.fromkeys(name for run in runs for name in run.config)
    rows = []
    for name in names:
        values = [run.config.get(name, "—") for run in runs]
        rows.append(
            (name, values, len({run.config[name] for run in runs if name in run.config}) > 1)
        )
    return sorted(rows, key=lambda row: not row[2])
