"""Error, time and memory of each way from a mask, or from a trimap, to an alpha.

Two tasks, over the same photos with known alphas:

- mask: a binary mask is all that is given; errors over the whole image. `adaptive` is what
  `prepare` does by default; `hybrid`, `closed-form` and `knn` solve its fixed band, and so do the
  six of PyMatting. The mask itself and the mask blurred by 1 px are the baselines.
- trimap: the band around the true soft pixels is given; errors over its unknown region.

All alphas are rounded to 8 bits, and what a trimap calls certain is 0 or 1 in all of them. Each
method runs by itself, in a process of its own. Time is the solve alone, after a first small one
that pays what is to be compiled; on the mask, that of this package's ways includes making trimap
and quality figures. On a busy machine, compare the processor's. Memory is the most that a solve
added to what the process held before the first, the photo's own arrays included.

Photos are ranked by the SAD of their mask, the hairiest first: the first, the third and so on are
for tuning, the others are held out. Nothing is tuned here.

    python benchmarks/refine.py --corpus portraits --sheet hairiest.png

A corpus is a folder with images/, masks/ and alphas/ (or truth/alphas/, as `shm-data sample` has
them), matched by stem. Without one, people are generated. With `--quick` the processes are forks of
one that has imported most.
"""

import json
import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.alone import alone, fork_from_one_that_imports
from benchmarks.common.memory import forget_peak, give_back, peak
from benchmarks.common.photos import Photo, corpus_or_people, list_photos, mask_errors, parts, read
from benchmarks.common.table import finite, show
from benchmarks.common.ways import (
    OWN,
    SIX,
    WAYS,
    Task,
    problem_of,
    small_problem,
)
from shm.datasets.files import write_png
from shm.datasets.image import read_annotation
from shm.metrics import connectivity_error, gradient_error, mse, sad
from shm.pictures import contact_sheet
from shm.pipeline.errors import ShmError
from shm.pipeline.values import UNKNOWN, Alpha, Mask

Row = dict[str, Any]
Record = dict[str, Any]
"""One method on one photo: task, method, photo, mask_sad, failed, `COSTS` and `METRICS`."""

METRICS = {"sad": sad, "mse": mse, "grad": gradient_error, "conn": connectivity_error}
COSTS = ("seconds", "cpu seconds", "megabytes")
COMPILED = ("cv2", "numba", "scipy.ndimage", "scipy.sparse.linalg")
"""Libraries that take long to import; not PyMatting, whose threads no fork has."""
FAILURES = (ShmError, ValueError, ArithmeticError, np.linalg.LinAlgError)
"""What solvers, ours and PyMatting's, raise where they find no alpha."""
TITLES = ("photo", "mask", "trimap", "KNN", "ours", "truth", "KNN's error", "our error")
WINDOW, ROWS = 256, 12
"""Side of the sheet's cut-outs in pixels, and how many photos it has at most."""


def errors(alpha: Alpha, truth: Alpha, region: Mask | None = None) -> dict[str, float]:
    """Return each of `METRICS`."""
    return {name: metric(alpha / 255, truth / 255, region) for name, metric in METRICS.items()}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One method on some photos of a corpus, as the process that it runs in is told."""

    task: Task
    method: str
    corpus: str
    photos: list[str]
    size: int
    dilate: int
    threads: int
    target: str


def measure(run: Run) -> list[Record]:
    """Solve all photos in this process; returns the records, writes the alphas and the trimaps."""
    import cv2

    warnings.simplefilter("ignore")  # numba's advice on PyMatting's own compilation
    cv2.setNumThreads(run.threads)
    way, target = WAYS[run.task][run.method], Path(run.target)
    corpus = list_photos(Path(run.corpus))
    small = small_problem(run.task)
    errors(way(small)[0], small.truth)
    read(corpus[run.photos[0]], run.size)
    give_back()
    forget_peak()
    before, records = peak(), []  # now everything is imported and compiled
    for stem in run.photos:
        image, mask, truth = read(corpus[stem], run.size)
        record: Record = {"task": run.task, "method": run.method, "photo": stem, "failed": None}
        try:
            problem = problem_of(run.task, image, mask, truth, run.dilate)
            forget_peak()
            began, busy = time.perf_counter(), time.process_time()
            alpha, trimap = way(problem)
            record["seconds"] = time.perf_counter() - began
            record["cpu seconds"] = time.process_time() - busy
            record["megabytes"] = max(0, peak() - before) / 1e6
        except FAILURES as error:
            nothing = dict.fromkeys((*COSTS, *METRICS), math.nan)
            records.append(record | nothing | {"failed": f"{type(error).__name__}: {error}"})
            continue
        region = problem.trimap == UNKNOWN if run.task == "trimap" else None
        records.append(record | errors(alpha, truth, region))
        write_png(target / f"{stem}.alpha.png", alpha)
        write_png(target / f"{stem}.trimap.png", trimap)
    return records


def records_of(run: Run) -> list[Record]:
    """Measure in a process that has held nothing else."""
    Path(run.target).mkdir(parents=True)
    try:
        return alone(measure, run).result
    except BrokenProcessPool as error:
        raise click.ClickException(f"{run.method}: its process ended before its time") from error


def mean(values: Iterable[float]) -> float:
    """Return the mean of those that are numbers, NaN where none is."""
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else math.nan


def summary(records: Sequence[Record], mask_sads: dict[str, float]) -> Row:
    """Return a method's figures on a task: means a part, and the worst photo against its mask."""
    ratios = {
        record["photo"]: record["sad"] / mask_sads[record["photo"]]
        for record in records
        if record["failed"] is None and mask_sads[record["photo"]] > 0
    }
    worst = max(ratios, key=lambda photo: ratios[photo], default=None)
    return {
        "task": records[0]["task"],
        "method": records[0]["method"],
        "photos": len(records),
        "failed": sum(record["failed"] is not None for record in records),
        "seconds": mean(record["seconds"] for record in records),
        "cpu seconds": mean(record["cpu seconds"] for record in records),
        "megabytes": max(
            (r["megabytes"] for r in records if r["failed"] is None), default=math.nan
        ),
        "worst": math.nan if worst is None else ratios[worst],
        "worst photo": worst,
    } | {
        part: {
            name: mean(record[name] for record in records if record["photo"] in photos)
            for name in METRICS
        }
        for part, photos in parts(mask_sads).items()
    }


def ratio(records: Sequence[Record], others: Sequence[Record], figure: str) -> float:
    """Return a figure's mean as a share of another method's, over what both solved."""
    theirs = {record["photo"]: record[figure] for record in others if record["failed"] is None}
    both = [r for r in records if r["failed"] is None and r["photo"] in theirs]
    total = sum(theirs[record["photo"]] for record in both)
    return sum(record[figure] for record in both) / total if total else math.nan


def against_peers(task: Task, records: dict[tuple[Task, str], list[Record]]) -> list[Row]:
    """Return our ways' shares of PyMatting's time, and of the error of the best of its six."""
    found = {method: each for (own, method), each in records.items() if own == task}
    peers = [name for name in SIX if name in found]
    rows = []
    for name in ("adaptive", *OWN):
        if name not in found or not peers:
            continue
        row: Row = {"task": task, "method": name}
        for other in ("pymatting-knn", "pymatting-cf"):
            if other in found:
                row[f"s / {other}"] = ratio(found[name], found[other], "seconds")
                row[f"cpu / {other}"] = ratio(found[name], found[other], "cpu seconds")
        for figure in ("sad", "mse"):
            shares = {other: ratio(found[name], found[other], figure) for other in peers}
            known = {other: share for other, share in shares.items() if not math.isnan(share)}
            if known:
                best = max(known, key=lambda other: known[other])
                row |= {f"{figure} / best": known[best], f"best {figure}": best}
        rows.append(row)
    return rows


def table_row(row: Row) -> dict[str, str]:
    """Return the cells of a method's line: the photos of a part stand before its figures."""
    cells = {"task": row["task"], "method": row["method"], "s": f"{row['seconds']:.2f}"}
    cells |= {"cpu s": f"{row['cpu seconds']:.2f}", "MB": f"{row['megabytes']:.0f}"}
    for part, figures in row.items():
        if not isinstance(figures, dict) or part == "tuning":
            continue
        names = METRICS if part == "all" else ("sad", "mse")
        for name in names:
            title = {"sad": "SAD", "mse": "MSE e-3", "grad": "Grad", "conn": "Conn"}[name]
            value = figures[name] * (1000 if name == "mse" else 1)
            cells[title if part == "all" else f"{part} {title}"] = f"{value:.3f}"
    worst = f"{row['worst']:.2f} {(row['worst photo'] or '')[:14]}"
    return cells | {"worst / mask": worst, "failed": str(row["failed"])}


def hairiest_window(difference: NDArray[np.uint8], side: int = WINDOW) -> tuple[slice, slice]:
    """Return the square in which a difference adds up to most; smaller where the picture is."""
    import cv2

    height, width = (min(side, length) for length in difference.shape)
    sums = cv2.integral(difference).astype(np.int64)
    within = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]
    within += sums[:-height, :-width]
    top, left = np.unravel_index(within.argmax(), within.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def difference(one: Alpha, other: Alpha) -> Alpha:
    """Return |one - other|, in steps of 8 bits."""
    return np.asarray(np.abs(one.astype(np.int16) - other), np.uint8)


def write_sheet(path: Path, photos: dict[str, Photo], size: int, solved: Path) -> None:
    """Write a row a photo, in the columns of `TITLES`, of what was solved from the masks."""
    rows = []
    for stem, own in photos.items():
        image, mask, truth = read(own, size)
        files = [
            solved / "adaptive" / f"{stem}.trimap.png",
            solved / "pymatting-knn" / f"{stem}.alpha.png",
            solved / "adaptive" / f"{stem}.alpha.png",
        ]
        blank = np.zeros_like(mask)  # of what found no solution
        trimap, theirs, ours = (
            read_annotation(file).astype(np.uint8) if file.exists() else blank for file in files
        )
        there = hairiest_window(difference(mask, truth))
        off = (difference(theirs, truth), difference(ours, truth))
        rows.append([p[there] for p in (image, mask, trimap, theirs, ours, truth, *off)])
    write_png(path, contact_sheet(rows, TITLES, WINDOW))


def chosen(task: str, methods: str | None) -> list[tuple[Task, str]]:
    """Return each task with each method asked for that it has."""
    names = None if methods is None else methods.split(",")
    known = {name for ways in WAYS.values() for name in ways}
    for name in names or ():
        if name not in known:
            raise click.UsageError(f"no method {name!r}: choose from {', '.join(sorted(known))}")
    found = [
        (each, name)
        for each, ways in WAYS.items()
        if task in (each, "both")
        for name in ways
        if names is None or name in names
    ]
    if not found:
        raise click.UsageError(f"the task {task} has none of {methods}")
    return found


@click.command()
@click.option("--corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--size", type=click.IntRange(32), default=800, show_default=True, help="Longer side, px."
)
@click.option("--limit", type=click.IntRange(1), help="Run the first photos only, by name.")
@click.option("--task", type=click.Choice([*WAYS, "both"]), default="both", show_default=True)
@click.option("--methods", help="Only these, separated by commas.")
@click.option(
    "--dilate", type=click.IntRange(0), default=10, show_default=True, help="Of the trimap, px."
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="Write pictures of the hairiest here."
)
@click.option("--quick", is_flag=True, help="Few and small, to see that it runs.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), help="Write all figures here."
)
def main(
    corpus: Path | None,
    size: int,
    limit: int | None,
    task: str,
    methods: str | None,
    dilate: int,
    threads: int,
    sheet: Path | None,
    quick: bool,
    json_path: Path | None,
) -> None:
    """Print error, time and memory of each way to an alpha."""
    libraries = ("OMP", "NUMBA", "OPENBLAS", "MKL")  # the processes that solve heed it
    os.environ.update({f"{name}_NUM_THREADS": str(threads) for name in libraries})
    ways = chosen(task, methods)
    if sheet is not None and not {("mask", "adaptive"), ("mask", "pymatting-knn")} <= set(ways):
        raise click.UsageError("--sheet needs the task mask, adaptive and pymatting-knn")
    if quick:
        size, dilate, limit = 256, 4, limit or 3
        fork_from_one_that_imports("shm.metrics", "shm.pictures", "shm.pipeline.prepare", *COMPILED)
    kind = f"photos of {corpus}" if corpus else "generated people"
    with (
        tempfile.TemporaryDirectory(prefix="shm-refine-") as scratch,
        corpus_or_people(corpus, limit or 24, size) as folder,
    ):
        photos, solved = list_photos(folder), Path(scratch)
        mask_sads = mask_errors(photos, size)
        ranked = parts(mask_sads)
        some = list(photos)[:limit]
        print(
            f"{len(some)} of {len(photos)} {kind}, longer side {size} px, threads: {threads}",
            flush=True,
        )
        records = {}
        for each, method in ways:
            click.echo(f"{each}: {method}", err=True)
            run = Run(
                task=each,
                method=method,
                corpus=str(folder),
                photos=some,
                size=size,
                dilate=dilate,
                threads=threads,
                target=str(solved / each / method),
            )
            records[each, method] = records_of(run)
        if sheet is not None:
            hairy = [photo for photo in ranked["hairy"] if photo in some][:ROWS]
            write_sheet(sheet, {stem: photos[stem] for stem in hairy}, size, solved / "mask")
    rows = [summary(found, mask_sads) for found in records.values()]
    shares = [row for each in WAYS for row in against_peers(each, records)]
    print(f"held out: {' '.join(photo for photo in ranked['held out'] if photo in some)}\n")
    show([table_row(row) for row in rows])
    show(shares)
    if json_path is not None:
        figures = {"size": size, "dilate": dilate, "threads": threads, "parts": ranked}
        figures |= {"mask_sads": mask_sads, "rows": rows, "against_peers": shares}
        figures |= {"records": [record for found in records.values() for record in found]}
        json_path.write_text(json.dumps(finite(figures), indent=2))


if __name__ == "__main__":
    main()
