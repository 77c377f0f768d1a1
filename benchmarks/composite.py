"""Composites a second and bytes a composite, against four PNGs a composite; and a million of them.

The baseline is what the published scripts for Deep Image Matting do (`common/four_pngs.py`). What
it takes is the same for each composite, so it may make fewer, as many of every person. The stores
are made of the same people and backgrounds, by the functions that `shm-data composite` calls:

- `s`, `a second`, `ratio` count all of it: the start of the cluster, reading the backgrounds,
  planning, writing.
- `images …` is the pace of a long run. The images of the finished store are deleted and made again,
  on a cluster whose workers have imported what they need; the bytes must come out the same.
- `cpu ms` is the processor's time a composite, of all workers: what to compare on a busy machine.
- `kB` counts every file of the store, people and backgrounds included, as four PNGs include theirs.
- `MB` is the most that the process, or the largest of the workers, has held.
- `ms to read` is the time to read one sample whole, drawn at random, in one process. Stores are
  read as a node that trains reads them, without OpenCV; all make the background then, a lazy one
  the image, too.

Then, the scale test: a lazy store of a million composites of simulated people and backgrounds a few
pixels large, written by one process, opened by another and read at random; beside it a tenth of
the composites of as many people, since nothing but the bytes should grow with the recipes.

    python benchmarks/composite.py --people people.zarr --backgrounds coco

Without a prepared store, people are generated. With `--quick` all is made on one cluster that runs
already, and what is measured in processes of its own is in forks of one that has imported most.
"""

import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.alone import alone, fork_from_one_that_imports
from benchmarks.common.four_pngs import read_four_pngs, write_four_pngs
from benchmarks.common.memory import peak
from benchmarks.common.simulated import SHARE, Scale, write_lazy_store, write_people, write_recipes
from benchmarks.common.stores import people_and_backgrounds, started
from benchmarks.common.table import finite, show
from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.store import Form, open_composites
from shm.datasets.store import open_store
from shm.pipeline.resize import fastest_enlarge
from shm.workflows.composite import composite_store
from shm.workflows.composite.images import make_images
from shm.workflows.composite.sources import CompositeRun, gather
from shm.workflows.engine import ClusterConfig, SharedCluster
from shm.workflows.export import export_store
from shm.workflows.ledger import Ledger

Row = dict[str, Any]

COLUMNS = (
    *("way", "composites", "s", "a second", "ratio", "images s", "images a second"),
    *("images ratio", "cpu ms", "kB", "kB ratio", "MB", "ms to read"),
)

SIMULATED = 10_000
"""People, and backgrounds, of the scale test, at most."""

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def milliseconds(read: Callable[[int], object], count: int, reads: int) -> float:
    """Return what it takes to read one of so many, drawn at random."""
    some = np.random.default_rng(0).integers(count, size=reads).tolist()
    began = time.perf_counter()
    for index in some:
        read(index)
    return (time.perf_counter() - began) / reads * 1000


def read_pngs(folder: Path, count: int, reads: int) -> float:
    """Return the milliseconds that a composite's four files take to read."""
    return milliseconds(partial(read_four_pngs, folder), count, reads)


def baseline(people: Path, folder: Path, scratch: Path, each: int, reads: int) -> Row:
    """Return the row of the baseline."""
    files, target = scratch / "files", scratch / "pngs"
    export_store(people, files)
    backgrounds = gather(people, scratch, [folder], CompositeRun()).backgrounds
    photos = [background.path for background in backgrounds]
    done = alone(write_four_pngs, files, photos, target, each)
    found = figures("four PNGs, one process", done.result, done.seconds, folder_bytes(target))
    found |= {"cpu ms": done.cpu / done.result * 1000, "MB": done.peak / 1e6}
    found["ms to read"] = alone(read_pngs, target, done.result, reads).result
    shutil.rmtree(target)
    return found


# ---------------------------------------------------------------------------------- the stores


def store_row(
    people: Path,
    folder: Path,
    scratch: Path,
    each: int,
    cluster: ClusterConfig,
    form: Form,
    reads: int,
) -> Row:
    """Return the row of a store of one form."""
    target, workers = scratch / "out.zarr", cluster.workers
    run = CompositeRun(recipe=RecipeConfig(per_foreground=each))
    began = time.perf_counter()
    made = composite_store(people, target, [folder], run, cluster, form=form).accepted
    seconds = time.perf_counter() - began
    name = f"{form}, {workers} worker{'s' * (workers > 1)}"
    found = figures(name, made, seconds, folder_bytes(target))
    if form == "materialised":
        found |= images_again(target, cluster, made)
    found["ms to read"] = alone(open_and_read, target, reads).result["ms to read"]
    shutil.rmtree(target)
    return found


def images_again(path: Path, cluster: ClusterConfig, count: int) -> Row:
    """Make a store's images once more, and time nothing else."""
    images = open_store(path / "images", writable=True)
    before = images.identity()
    for shard in range(images.shards):
        images.forget_shard("image", shard)
    with SharedCluster(cluster) as shared:
        shared.client.run(fastest_enlarge)
        shared.client.run(import_module, composite_store.__module__)
        began, busy = time.perf_counter(), shared.client.run(time.process_time)
        make_images(open_composites(path, writable=True), shared, Ledger(path))
        seconds = time.perf_counter() - began
        cpu = sum(shared.client.run(time.process_time).values()) - sum(busy.values())
        held = max(shared.client.run(peak).values())
    if images.identity() != before:
        raise click.ClickException("made again, the images are not the same")
    return {
        "images s": seconds,
        "images a second": count / seconds,
        "cpu ms": cpu / count * 1000,
        "MB": held / 1e6,
    }


def open_and_read(path: Path, reads: int) -> dict[str, float]:
    """Open a store, list a split, read samples at random; returns what each takes."""
    began = time.perf_counter()
    composites = open_composites(path)
    composites.slots_in("train")
    listed = time.perf_counter() - began
    return {
        "open and list s": listed,
        "ms to read": milliseconds(composites.read, composites.slots, reads),
    }


# ------------------------------------------------------------------------------------ the scale


def write_scale(folder: Path, scale: Scale) -> dict[str, float]:
    """Write a simulated store; returns the seconds that its recipes took, and all bytes."""
    people = write_people(folder / "people.zarr", scale)
    composites = write_lazy_store(folder / "lazy.zarr", people, scale)
    began = time.perf_counter()
    write_recipes(composites, scale)
    return {
        "recipes s": time.perf_counter() - began,
        "recipe B": folder_bytes(folder / "lazy.zarr" / "recipe") / scale.composites,
        "all B": folder_bytes(folder / "lazy.zarr") / scale.composites,
    }


def scale_row(scratch: Path, scale: Scale, reads: int) -> Row:
    """Write, open and read a store of so many composites."""
    written = alone(write_scale, scratch, scale)
    opened = alone(open_and_read, scratch / "lazy.zarr", reads)
    shutil.rmtree(scratch / "people.zarr")
    shutil.rmtree(scratch / "lazy.zarr")
    return (
        {"composites": scale.composites, "people": scale.people, "backgrounds": scale.backgrounds}
        | {"write s": written.seconds}
        | written.result
        | {"write MB": written.peak / 1e6}
        | opened.result
        | {"open MB": opened.peak / 1e6}
    )


# ------------------------------------------------------------------------------------ the table


def figures(name: str, composites: int, seconds: float, size: int) -> Row:
    """Return what every way is measured by."""
    return {
        "way": name,
        "composites": composites,
        "s": seconds,
        "a second": composites / seconds,
        "kB": size / composites / 1000,
    }


def compared(rows: list[Row]) -> list[Row]:
    """Return the rows with their ratios to the first: of pace, and of bytes."""
    first = rows[0]
    ratios = [
        {
            "ratio": row["a second"] / first["a second"],
            "images ratio": row.get("images a second", math.nan) / first["a second"],
            "kB ratio": first["kB"] / row["kB"],
        }
        for row in rows
    ]
    figures = [row | own for row, own in zip(rows, ratios, strict=True)]
    return [{name: row.get(name, math.nan) for name in COLUMNS} for row in figures]


@click.command()
@click.option("--people", type=FOLDER, help="A prepared store; without it, people are generated.")
@click.option("--backgrounds", type=FOLDER, help="As `shm-data composite` takes them.")
@click.option("--size", default=800, show_default=True, help="Of generated people: longer side.")
@click.option("--generated", default=24, show_default=True, help="How many people are generated.")
@click.option("--per-foreground", default=100, show_default=True)
@click.option("--baseline-per-foreground", default=10, show_default=True)
@click.option("--workers", default=os.cpu_count(), show_default="one a core")
@click.option("--recipes", default=1_000_000, show_default=True, help="Of the scale test; or 0.")
@click.option("--reads", default=300, show_default=True, help="Samples read of each, at random.")
@click.option("--quick", is_flag=True, help="Few and small, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(
    people: Path | None,
    backgrounds: Path | None,
    size: int,
    generated: int,
    per_foreground: int,
    baseline_per_foreground: int,
    workers: int,
    recipes: int,
    reads: int,
    quick: bool,
    json_path: Path | None,
) -> None:
    """Print pace, bytes and memory of each way to composites, and of a million recipes."""
    if quick:
        size, generated, per_foreground, baseline_per_foreground = 128, 4, 4, 1
        recipes, reads = min(recipes, 2000), 20
        fork_from_one_that_imports("cv2", "shm.workflows.composite")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shm-composite-")))
        clusters = {count: ClusterConfig(workers=count) for count in (1, workers)}
        if quick:
            clusters = {n: stack.enter_context(started(each)) for n, each in clusters.items()}
        store, folder = stack.enter_context(
            people_and_backgrounds(people, backgrounds, size, generated, clusters[workers])
        )
        rows = [baseline(store, folder, scratch, baseline_per_foreground, reads)]
        ways: list[tuple[Form, int]] = [("materialised", count) for count in {1: 1, workers: 1}]
        for form, count in (*ways, ("lazy", workers)):
            cluster = clusters[count]
            rows.append(store_row(store, folder, scratch, per_foreground, cluster, form, reads))
        rows = compared(rows)
        show(rows)
        shared = min(SIMULATED, max(2 * SHARE, recipes // 10))
        scales = [
            scale_row(scratch, Scale(composites=count, people=shared, backgrounds=shared), reads)
            for count in (recipes // 10, recipes)
            if recipes
        ]
        show(scales)
    if json_path is not None:
        json_path.write_text(json.dumps(finite({"ways": rows, "scale": scales}), indent=2))


if __name__ == "__main__":
    main()
