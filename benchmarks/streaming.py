"""Ready training crops a second: our stores, loose files, WebDataset, MosaicML Streaming, LitData.

All hold the same composites, made by `shm-data composite`: of each, image, alpha, foreground and
background, at its own size. The peers hold them as JPEG (quality 95) and PNG, each as its
documentation advises, read by its own decoder and by OpenCV: the best of the two counts. No one
holds trimaps.

What is measured is a batch of crops in the main process, as training takes them: uint8 tensors
(10, 3 or 1, 320, 320), plane by plane or with the channels last, whichever comes cheaper, each
around a soft pixel of alpha, mirrored half of the time, in an order drawn at random. Batches are
checked: each image must be its foreground on its background. Every contender runs in processes of
its own, with each number of workers, in several rounds; a round goes once through all, so that a
busy minute hits all alike. No library may use more than one thread a worker but those that it
starts itself. The files are in the system's cache.

- `a second` is the median of the rounds, `least` and `most` are their extremes. Batches of the
  first seconds do not count.
- `x files` and `x best peer` compare it with the files, and with the best of the three libraries,
  at the same number of workers.
- `cpu ms` is the processor's time a crop, of the main process and its workers: what to compare on
  a busy machine.
- `first s` is the time from making the loader to the first batch, everything being imported: by
  the main process, that is. Ours starts the process that its workers are forks of afresh; the
  peers' are forks of the main one.
- `kB` counts all files on disk, a sample.
- `MB` is what the main process and its workers hold together while they stream, without the
  system's cache.

    python benchmarks/streaming.py --people people.zarr --backgrounds coco

Without a prepared store, people are generated. The peers are optional: `pip install --group bench`.
With `--quick` all contenders run in one process.
"""

import json
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only,
if (here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(here)  # where `streaming` would be this file, not MosaicML's
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

# This module is imported by the processes that are measured, too: what only the main one needs is
# imported where it is used.
from benchmarks.common.alone import Together, alone
from benchmarks.common.table import finite, show
from benchmarks.peers.contender import CONTENDERS, FILES, Loading, contender, kinds_of, missing
from benchmarks.peers.measure import Measured, Span, measure
from benchmarks.peers.samples import Samples

Row = dict[str, Any]
Rounds = Mapping[tuple[str, int], Sequence[Measured]]

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def write(homes: Mapping[str, Path], samples: Samples) -> dict[str, float]:
    """Write what each contender holds to its home; returns the bytes of a sample."""
    return {name: contender(name).write(samples, home) for name, home in homes.items()}


def read_all(folder: Path) -> None:
    """Read every file once, so that all are in the system's cache."""
    for file in folder.rglob("*"):
        if file.is_file():
            file.read_bytes()


def rows_of(rounds: Rounds, sizes: Mapping[str, float]) -> list[Row]:
    """Return the row of each contender and number of workers, compared with the others."""
    paces = {key: median(each.pace for each in found) for key, found in rounds.items()}
    rows = []
    for (name, workers), found in rounds.items():
        pace = paces[name, workers]
        best = best_peer(paces, workers)
        rows.append(
            {
                "contender": name,
                "workers": workers,
                "a second": pace,
                "least": min(each.pace for each in found),
                "most": max(each.pace for each in found),
                "x files": pace / paces.get((FILES, workers), math.nan),
                "x best peer": pace / paces[best, workers] if best else math.nan,
                "cpu ms": median(each.busy for each in found) * 1000,
                "first s": median(each.first for each in found),
                "kB": sizes[name] / 1000,
                "MB": max(each.held for each in found) / 1e6,
            }
        )
    return rows


def best_peer(paces: Mapping[tuple[str, int], float], workers: int) -> str | None:
    """Return the quickest of the libraries' rows, at this number of workers."""
    peers = {
        name: pace
        for (name, count), pace in paces.items()
        if count == workers and CONTENDERS[name].peer
    }
    return max(peers, key=peers.__getitem__, default=None)


def names_of(_context: click.Context, _option: click.Parameter, value: str | None) -> list[str]:
    """Return the chosen contenders, whose names contain any of the words."""
    if value is None:
        return list(CONTENDERS)
    words = [word.strip().lower() for word in value.split(",")]
    chosen = [name for name in CONTENDERS if any(word in name.lower() for word in words)]
    strange = [word for word in words if not any(word in name.lower() for name in CONTENDERS)]
    if strange:
        raise click.BadParameter(f"{strange[0]!r} is in none of: {'; '.join(CONTENDERS)}")
    return chosen


def require(names: Iterable[str]) -> None:
    """End in one line where a chosen contender's library is not installed."""
    packages = missing(list(names))
    if packages:
        raise click.ClickException(
            f"{', '.join(packages)} not installed: `pip install --group bench`, or choose with "
            "--contenders, e.g. `--contenders files,shm`"
        )


@click.command()
@click.option("--people", type=FOLDER, help="A prepared store; without it, people are generated.")
@click.option("--backgrounds", type=FOLDER, help="As `shm-data composite` takes them.")
@click.option("--size", default=800, show_default=True, help="Of generated people: longer side.")
@click.option("--generated", default=24, show_default=True, help="How many people are generated.")
@click.option("--per-foreground", default=20, show_default=True, help="Composites of a person.")
@click.option("--crop", default=320, show_default=True, help="Pixels, the side of a crop.")
@click.option("--batch", default=10, show_default=True)
@click.option("--workers", default=(1, 2), show_default=True, multiple=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--warm", default=3.0, show_default=True, help="Seconds that do not count.")
@click.option("--seconds", default=8.0, show_default=True, help="Seconds that count, a round.")
@click.option("--contenders", "names", callback=names_of, help="Words of their names, with commas.")
@click.option("--quick", is_flag=True, help="Few and small, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), help="Draw the rows here.")
def main(
    people: Path | None,
    backgrounds: Path | None,
    size: int,
    generated: int,
    per_foreground: int,
    crop: int,
    batch: int,
    workers: tuple[int, ...],
    rounds: int,
    warm: float,
    seconds: float,
    names: list[str],
    quick: bool,
    json_path: Path | None,
    plot_path: Path | None,
) -> None:
    """Print how fast each contender gives ready crops, and what that takes."""
    from benchmarks.common.stores import people_and_backgrounds, started
    from benchmarks.peers.make import make_samples
    from shm.workflows.engine import ClusterConfig

    require(names)
    if quick:
        size, generated, per_foreground, crop, batch = 128, 4, 8, 64, 4
        workers, rounds, warm, seconds = (1,), 1, 0.2, 0.5
    cores = 1 if quick else os.cpu_count() or 1
    span = Span(warm=warm, counted=seconds)
    found: dict[tuple[str, int], list[Measured]] = {}
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="shm-streaming-"))
        with (
            started(ClusterConfig(workers=cores)) as cluster,
            people_and_backgrounds(people, backgrounds, size, generated, cluster) as made,
        ):
            kinds = kinds_of(names)
            samples = make_samples(*made, Path(scratch), per_foreground, cluster, kinds)
        call = stack.enter_context(Together()).call if quick else alone
        homes = {name: Path(scratch) / f"contender{at}" for at, name in enumerate(names)}
        sizes = call(write, homes, samples).result
        for home in homes.values():
            read_all(home.resolve())
        for _ in range(rounds):
            for count in workers:
                loading = Loading(workers=count, batch=batch, side=crop)
                for name in names:
                    measured = call(measure, name, homes[name], loading, span).result
                    found.setdefault((name, count), []).append(measured)
    rows = rows_of(found, sizes)
    show(rows)
    if json_path is not None:
        json_path.write_text(json.dumps(finite(rows), indent=2))
    if plot_path is not None:
        from benchmarks.peers.plot import plot

        plot(rows, plot_path)


if __name__ == "__main__":
    main()
