"""What each part of a recipe is worth: held-out errors with it and without it, over several seeds.

Nets are trained by the real commands, `shm train` and `shm evaluate`, on a store's training split
and scored on its test split. Of Semantic Human Matting (arXiv 1809.01354, table 5):

- `untrained`, `T-Net alone` (half of the unknown), and `M-Net, true trimap`, which is what M-Net
  could do if T-Net made no error;
- `no end-to-end`: M-Net on T-Net's trimap, each as it was trained apart;
- `end to end`, and the same with `no fusion` (M-Net's alpha as it is; M-Net is trained anew for it)
  and with `no trimap loss`.

Of Deep Image Matting: each stage, with the store's trimaps. A row has the mean over seeds and, in
brackets, the least and the most. Runs stay in `--runs`, and what is trained there is not trained
again: a benchmark that was stopped carries on.

    python benchmarks/ablations.py --runs runs/ablations
    python benchmarks/ablations.py --store train.zarr --preset dim-light --runs runs/stages
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from statistics import fmean
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.table import show
from shm.training.presets import load_recipe

METRICS = ("sad", "mse", "grad", "conn")
REGIONS = ("whole", "unknown")

QUICK = ("phases.*.steps=2", "phases.*.batch=2", "phases.*.crop=32", "phases.*.crop_sizes=[32]")


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A model to score, and what is trained for it.

    Parameters
    ----------
    name : str
    run : str
        Folder of the run in the seed's folder.
    model : str
        What is evaluated: a phase's folder in the run, or a name that `shm evaluate` knows.
    trainings : options of `shm train`, one after the other
        In them, ``{seed}`` is the seed's folder.
    trimap : str
        What the model is given.
    """

    name: str
    run: str
    model: str
    trainings: tuple[tuple[str, ...], ...] = ((),)
    trimap: str = "auto"


def shm_arms(preset: str) -> list[Arm]:
    """Return the arms of Semantic Human Matting."""
    tnet, mnet = ("--tnet", "{seed}/full/tnet"), ("--mnet", "{seed}/full/mnet")
    both = ("--phase", "end-to-end", *tnet, *mnet)
    unfused = ("--phase", "end-to-end", *tnet, "--no-fusion")
    return [
        Arm(name="untrained", run="full", model=f"untrained:{preset}"),
        Arm(name="T-Net alone", run="full", model="tnet"),
        Arm(name="M-Net, true trimap", run="full", model="mnet", trimap="true"),
        Arm(
            name="no end-to-end",
            run="joined",
            model="end-to-end",
            trainings=((*both, "--no-end-to-end"),),
        ),
        Arm(name="end to end", run="full", model="end-to-end"),
        Arm(
            name="no fusion",
            run="unfused",
            model="end-to-end",
            trainings=(("--phase", "mnet", "--no-fusion"), unfused),
        ),
        Arm(
            name="no trimap loss",
            run="untaught",
            model="end-to-end",
            trainings=((*both, "--no-trimap-loss"),),
        ),
    ]


def dim_arms(preset: str) -> list[Arm]:
    """Return the stages of Deep Image Matting."""
    stages = [
        Arm(name=phase, run="full", model=phase, trimap="true")
        for phase in load_recipe(preset).phases
    ]
    return [Arm(name="untrained", run="full", model=f"untrained:{preset}", trimap="true"), *stages]


def command(program: str, *words: object) -> str:
    """Run a command of ours; return what it prints."""
    function = {"shm-data": "data", "shm": "shm"}[program]
    code = f"from shm.cli import {function}; {function}(prog_name={program!r})"
    done = subprocess.run(  # noqa: S603 - our own commands, no shell
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"{program} {words[0]} failed: {done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def store_or_people(store: Path | None, *, quick: bool) -> Iterator[Path]:
    """Give the store, or, where there is none, one of generated people for the time being."""
    if store is not None:
        yield store
        return
    people, size = (10, 96) if quick else (96, 384)
    with tempfile.TemporaryDirectory(prefix="shm-ablations-") as name:
        folder = Path(name)
        corpus, prepared, made = folder / "corpus", folder / "people.zarr", folder / "train.zarr"
        command("shm-data", "sample", corpus, "--people", people, "--size", size)
        command("shm-data", "prepare", corpus, prepared, "--size", size, "--split", "0.8,0.1,0.1")
        backgrounds = ("--backgrounds", corpus / "backgrounds")
        command("shm-data", "composite", prepared, made, *backgrounds, "--per-foreground", 4)
        yield made


def figures_of_seed(
    seed: int, arms: Sequence[Arm], store: Path, runs: Path, common: Sequence[str]
) -> list[dict[str, Any]]:
    """Train and score all arms with one seed."""
    folder = runs / f"seed-{seed}"
    rows = []
    for arm in arms:
        run = folder / arm.run
        for options in arm.trainings:
            words = [word.replace("{seed}", str(folder)) for word in options]
            command("shm", "train", store, "--run", run, "--seed", seed, *common, *words)
        model = arm.model if arm.model.startswith("untrained:") else run / arm.model
        found = json.loads(
            command("shm", "evaluate", model, store, "--trimap", arm.trimap, "--json")
        )
        rows.append(
            {"arm": arm.name, "seed": seed, **{region: found[region] for region in REGIONS}}
        )
    return rows


def summary(rows: Sequence[dict[str, Any]], arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return a row for each arm: mean (least to most) over seeds of each figure."""
    found = []
    for arm in arms:
        mine = [row for row in rows if row["arm"] == arm.name]
        cells: dict[str, Any] = {"": arm.name}
        for region in REGIONS:
            for metric in METRICS:
                values = [row[region][metric] for row in mine]
                scale = 1000 if metric == "mse" else 1
                cells[f"{region} {metric}"] = told([scale * value for value in values])
        found.append(cells)
    return found


def told(values: Sequence[float]) -> str:
    """Return the mean of some figures and, where there are several, the least and the most."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{fmean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


@click.command()
@click.option("--store", type=click.Path(path_type=Path), help="Composites.  [default: generated]")
@click.option("--runs", type=click.Path(path_type=Path), help="Keep the runs here.")
@click.option("--preset", default="light", show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option(
    "--parallel", default=1, show_default=True, help="Seeds that are trained side by side."
)
@click.option("--set", "changes", multiple=True, help="As `shm train` has it.")
@click.option("--quick", is_flag=True, help="Two steps each, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(
    store: Path | None,
    runs: Path | None,
    preset: str,
    seeds: int,
    parallel: int,
    changes: tuple[str, ...],
    quick: bool,
    json_path: Path | None,
) -> None:
    """Print what each part of a recipe is worth."""
    if quick:
        seeds, changes = 1, (*changes, *QUICK)
    arms = dim_arms(preset) if load_recipe(preset).model.dim else shm_arms(preset)
    common = ["--preset", preset, "--workers", "1", *(w for c in changes for w in ("--set", c))]
    kept = runs or Path(tempfile.mkdtemp(prefix="shm-runs-"))
    try:
        with store_or_people(store, quick=quick) as made, ThreadPoolExecutor(parallel) as threads:
            done = threads.map(
                figures_of_seed,
                range(seeds),
                repeat(arms),
                repeat(made),
                repeat(kept),
                repeat(common),
            )
            rows = [row for each in done for row in each]
    finally:
        if runs is None:
            shutil.rmtree(kept)
    print(f"{preset}, {seeds} seeds; SAD, Grad and Conn ÷ 1000, MSE × 1000")
    show(summary(rows, arms))
    if json_path is not None:
        json_path.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
