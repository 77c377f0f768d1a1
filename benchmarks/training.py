"""How quickly each phase of a recipe trains, and in how much memory: ours and plain PyTorch.

The plain version is written straight from the papers (`plain/step.py`): the same nets
from the same random weights, the same losses, samples, crops and batches; but fp32 and contiguous,
one kernel a parameter, read and made ready sample by sample by the process that trains. Before
anything is timed, losses of both sides are compared, on the same samples with the same weights in
fp32: where they differ, it ends. `ppm apart` is by how many millionths they do.

Each side runs in a process of its own, in rounds that go through all phases; medians count.

- `step`: samples a second, of a batch that lies on the device. `fed`: the same of the loop of
  `shm train`, streamed from the store by `--workers` processes, and of the plain loop. `x` is ours
  by plain.
- `waits`: the share of the time of `fed` that the step waited for its samples, in percent.
- `MB`: the most that was held, on a GPU of its memory as PyTorch has allocated it; else by the
  process that trains, libraries included, the processes that read excluded.

All nets start from scratch: the time of a step does not depend on weights, and nothing has to be
fetched. The learning rate is a small constant. What our recipe asks beyond that counts as ours:
lower precision, compilation, the norm of the gradient.

    python benchmarks/training.py
    python benchmarks/training.py --preset paper --device cuda --store train.zarr

Without a store, people are generated. With `--quick` both sides run in one process.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, ParamSpec, TypeVar

import click
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script sees its own folder only

from benchmarks.common.alone import alone
from benchmarks.common.table import finite, show
from benchmarks.plain.paces import SIDES, Pace, measure
from benchmarks.plain.plan import Plan
from benchmarks.plain.same_work import DisagreementError, agreement
from benchmarks.plain.step import not_written
from shm.pipeline.errors import ShmError
from shm.training.config import TrainConfig
from shm.training.phases import Phase
from shm.training.presets import PRESETS, load_recipe

P = ParamSpec("P")
T = TypeVar("T")

Row = dict[str, Any]
Rounds = Mapping[tuple[str, Phase], Sequence[Pace]]

STEADY = ("phases.*.optimiser.learning_rate=1e-6",)
"""On a batch that comes again and again, a recipe's own rate might lead anywhere."""

QUICK = (
    "phases.*.batch=2",
    "phases.*.crop=64",
    "phases.*.crop_sizes=[64]",
    "phases.*.matte_crop=0",
    "phases.*.matte_crop_sizes=[]",
)

QUICK_ON = {"cpu": ("loop.precision=fp32",), "cuda": ()}
"""Processors without bfloat16 of their own take twenty times as long with it."""

SPANS = {"cpu": (2, 6), "cuda": (10, 30)}
"""Steps that do not count, and steps that do."""


@contextmanager
def composites(
    store: Path | None, config: TrainConfig, people: int, *, quick: bool
) -> Iterator[Path]:
    """Give the user's store, or one of generated people for the time being."""
    if store is not None:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="shm-training-") as name:
        made = Path(name) / "train.zarr"
        if quick:
            simulate(made)
        else:
            sides = [max(each.crop, *each.crop_sizes, 288) for each in config.phases.values()]
            generate(made, people, max(sides) * 4 // 3)  # of portraits, the longer side
        yield made


def simulate(made: Path) -> None:
    """Write a store of composites that are a few pixels each."""
    from benchmarks.common.simulated import Scale, write_lazy_store, write_people, write_recipes

    scale = Scale(composites=36, people=12, backgrounds=12)
    people = write_people(made.with_name("people.zarr"), scale)
    write_recipes(write_lazy_store(made, people, scale), scale)


def generate(made: Path, people: int, size: int) -> None:
    """Make composites of generated people, as `shm-data composite` does."""
    from benchmarks.common.stores import people_and_backgrounds
    from shm.datasets.composites.planning import RecipeConfig
    from shm.workflows.composite import composite_store
    from shm.workflows.composite.sources import CompositeRun
    from shm.workflows.engine import ClusterConfig

    cluster = ClusterConfig(workers=os.cpu_count() or 1)
    run = CompositeRun(recipe=RecipeConfig(per_foreground=4))
    with people_and_backgrounds(None, None, size, people, cluster) as (store, backgrounds):
        composite_store(store, made, [backgrounds], run, cluster)


def measured(
    plan: Plan, rounds: int, *, quick: bool
) -> tuple[dict[tuple[str, Phase], list[Pace]], dict[Phase, float]]:
    """Return what each round found of each side and phase, and by which part the losses differ."""
    call = at_once if quick else in_its_own
    found: dict[tuple[str, Phase], list[Pace]] = {}
    try:
        parts = call(agreement, plan)
        for number in range(rounds):
            # By turns: who comes first finds the machine cooler, or busier.
            for side in list(SIDES)[:: -1 if number % 2 else 1]:
                for phase, pace in call(measure, side, plan).items():
                    found.setdefault((side, phase), []).append(pace)
    except (DisagreementError, ShmError) as error:
        raise click.ClickException(str(error)) from error
    return found, parts


def in_its_own(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call in a process of its own."""
    return alone(function, *arguments, **named).result


def at_once(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call here: a process that imports PyTorch takes seconds to start."""
    return function(*arguments, **named)


def rows_of(preset: str, rounds: Rounds, parts: Mapping[Phase, float]) -> list[Row]:
    """Return the row of each phase."""
    return [
        {"preset": preset, **row_of(phase, rounds), "ppm apart": parts[phase] * 1e6}
        for phase in parts
    ]


def row_of(phase: Phase, rounds: Rounds) -> Row:
    """Return the medians of a phase's rounds, and how ours compare with the plain ones."""

    def of(side: str, figure: str) -> float:
        return float(median(getattr(each, figure) for each in rounds[side, phase]))

    row: Row = {"phase": phase.value}
    for figure in ("step", "fed"):
        ours, plain = of("ours", figure), of("plain", figure)
        row |= {figure: ours, f"plain {figure}": plain, f"x {figure}": ours / plain}
    for name, figure, scale in (("waits", "waits", 100), ("MB", "held", 1e-6)):
        row |= {name: of("ours", figure) * scale, f"plain {name}": of("plain", figure) * scale}
    return row


def recipe_of(preset: str, changes: Sequence[str], names: Sequence[str]) -> TrainConfig:
    """Return the recipe, or end in one line where it can't be measured."""
    try:
        config = load_recipe(preset, changes)
        for phase in phases_of(config, names):
            config.phase(phase)
    except ShmError as error:
        raise click.ClickException(str(error)) from error
    if strange := not_written(config, phases_of(config, names)):
        raise click.ClickException(
            f"the plain version knows no {', '.join(strange)}: leave that out, or write it in "
            "benchmarks/plain/step.py"
        )
    return config


def phases_of(config: TrainConfig, names: Sequence[str]) -> tuple[Phase, ...]:
    """Return the chosen phases, or all."""
    return tuple(map(Phase, names)) or tuple(config.recipe)


@click.command()
@click.option("--preset", default="light", show_default=True, type=click.Choice(PRESETS))
@click.option("--device", default="cpu", show_default=True, type=click.Choice(list(SPANS)))
@click.option("--set", "changes", multiple=True, help="As `shm train` has it.")
@click.option("--phase", "names", multiple=True, type=click.Choice([p.value for p in Phase]))
@click.option("--store", type=click.Path(path_type=Path), help="Composites.  [default: generated]")
@click.option("--people", default=12, show_default=True, help="How many people are generated.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=max(1, min(8, (os.cpu_count() or 1) - 1)),
    show_default="one a core but one, at most 8",
    help="Processes that read for our side.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="Of PyTorch.  [default: its own choice]"
)
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--warm", type=click.IntRange(min=1), help="Uncounted steps.  [default: 2; GPU: 10]")
@click.option("--steps", type=click.IntRange(min=1), help="That count.  [default: 6; GPU: 30]")
@click.option("--quick", is_flag=True, help="Few and small, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(
    preset: str,
    device: str,
    changes: tuple[str, ...],
    names: tuple[str, ...],
    store: Path | None,
    people: int,
    workers: int,
    threads: int | None,
    rounds: int,
    warm: int | None,
    steps: int | None,
    quick: bool,
    json_path: Path | None,
) -> None:
    """Print how quickly each phase trains, ours and plain."""
    if device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("no GPU that PyTorch can use: choose --device cpu")
    few, many = SPANS[device]
    if quick:
        rounds, workers, threads, few, many = 1, 0, 1, 1, 1
        changes = (*changes, *QUICK, *QUICK_ON[device])
    warm, steps = warm or few, steps or many
    length = f"phases.*.steps={warm + steps}"
    config = recipe_of(preset, (*changes, *STEADY, length), names)
    with composites(store, config, people, quick=quick) as made:
        plan = Plan(
            store=made,
            config=config,
            phases=phases_of(config, names),
            device=device,
            workers=workers,
            warm=warm,
            steps=steps,
            threads=threads,
        )
        rows = rows_of(preset, *measured(plan, rounds, quick=quick))
    show(rows)
    if json_path is not None:
        json_path.write_text(json.dumps(finite(rows), indent=2))


if __name__ == "__main__":
    main()
