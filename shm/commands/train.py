"""``shm train``."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shm.commands.options import (
    ANY_PATH,
    CACHE,
    DEVICE,
    NONE,
    OUTPUT,
    STORE,
    FiniteRange,
    Offer,
    Parse,
    WholeRange,
    cache_of,
    cores,
    read_store,
)
from shm.commands.speech import print_json, say, say_next
from shm.commands.topics import TopicCommand, topic
from shm.pipeline.errors import ShmError
from shm.training.phases import Phase

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


PRESETS = "the preset's"
"""What is shown as the default of an option that changes the recipe."""

NAMES = ("T-Net", "M-Net", "DIM")

LEAST_WEIGHT = 0.001
"""Of a store that is mixed in: with less, hardly a sample of it would come."""


def read_mix(text: str) -> tuple[Any, float]:
    """Read a store and its weight, ``STORE=WEIGHT``."""
    path, _, weight = text.rpartition("=")
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not path or not LEAST_WEIGHT <= number <= 1 / LEAST_WEIGHT:
        raise MixError(
            f"{text!r}: write STORE=WEIGHT, as in animals.zarr=0.5, with a weight from "
            f"{LEAST_WEIGHT:g} to {1 / LEAST_WEIGHT:g}"
        )
    return read_store(path), number


class MixError(ShmError, ValueError):
    """A store to mix in has no weight."""


class FlagError(ShmError, ValueError):
    """A switch is about what the recipe does not have."""


WHAT = topic(
    "What is trained",
    click.option("--run", type=ANY_PATH, metavar="FOLDER", help="Folder of the run.  [required]"),
    click.option(
        "--preset",
        type=Offer("name|file", "light", "paper", "dim", "dim-light"),
        default="light",
        help="The recipe. light: small nets, minutes on a laptop; paper: PSPNet-50 and VGG16, for "
        "a GPU; dim, dim-light: Deep Image Matting; or a TOML file.",
    ),
    click.option(
        "--phase",
        type=click.Choice([*map(str, Phase), "all"]),
        default="all",
        help="Train one phase, or all of the recipe in their order.",
    ),
    click.option(
        "--set",
        "changes",
        metavar="KEY=VALUE",
        multiple=True,
        show_default=NONE,
        help="Change a value of the recipe, as in losses.gamma=0.3 or 'phases.*.batch=4'.",
    ),
    click.option(
        "--print-config",
        is_flag=True,
        help="Print the recipe as TOML (with --json, as JSON), and train nothing.",
    ),
)
SCHEDULE = topic(
    "How long, and on what",
    click.option(
        "--steps",
        metavar="STEPS",
        type=WholeRange(min=1),
        show_default=PRESETS,
        help="Steps of each phase.",
    ),
    click.option(
        "--batch",
        metavar="CROPS",
        type=WholeRange(min=1),
        show_default=PRESETS,
        help="Crops a step, of all processes together.",
    ),
    click.option(
        "--crop",
        metavar="PIXELS",
        type=WholeRange(min=32),
        show_default=PRESETS,
        help="Side of a crop, pixels.",
    ),
    click.option(
        "--learning-rate",
        metavar="RATE",
        type=FiniteRange(min=0, min_open=True),
        show_default=PRESETS,
        help="The highest that the schedule reaches.",
    ),
    click.option(
        "--colour-jitter",
        metavar="SHARE",
        type=FiniteRange(0, 1),
        show_default=PRESETS,
        help="Vary brightness, contrast and saturation by up to this share (0 to 1), hue by a "
        "tenth of it.",
    ),
    click.option(
        "--mix",
        type=Parse("store=weight", read_mix),
        multiple=True,
        show_default=NONE,
        help="Draw from this store of composites, too: so many samples to one of STORE.",
    ),
    click.option(
        "--on-damage",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        help="At training samples that can't be read: stop, or take others and count them.",
    ),
    click.option(
        "--seed",
        metavar="NUMBER",
        type=WholeRange(min=0),
        show_default=PRESETS,
        help="Seed of every choice.",
    ),
)
START = topic(
    "Where nets start",
    click.option("--from-scratch", is_flag=True, help="Start the encoders from random weights."),
    *(
        click.option(
            f"--{name.lower().replace('-', '')}-weights",
            type=Offer("file"),
            show_default=PRESETS,
            help=f"ImageNet weights of {name}'s encoder.",
        )
        for name in NAMES
    ),
    *(
        click.option(
            f"--{name.lower().replace('-', '')}",
            type=ANY_PATH,
            metavar="FILE|FOLDER",
            show_default=NONE,
            help=f"Start {name} from this checkpoint or run.",
        )
        for name in NAMES
    ),
)
CHANGED = topic(
    "Ablations and variants",
    click.option("--no-fusion", is_flag=True, help="M-Net's alpha as it is, unfused."),
    click.option("--no-trimap-loss", is_flag=True, help="End to end without T-Net's loss."),
    click.option("--no-end-to-end", is_flag=True, help="Join the nets as they were trained apart."),
    click.option("--skips", is_flag=True, help="Add the encoder's features in DIM's decoder."),
)
KEPT = topic(
    "What is kept",
    click.option(
        "--checkpoint-every",
        metavar="STEPS",
        type=WholeRange(min=1),
        show_default=PRESETS,
        help="Steps from one checkpoint to the next.",
    ),
    click.option(
        "--keep",
        metavar="COUNT",
        type=WholeRange(min=1),
        show_default=PRESETS,
        help="How many of the newest checkpoints to keep, beside the best.",
    ),
)
MACHINE = topic(
    "Where it runs",
    DEVICE,
    click.option(
        "--precision",
        type=click.Choice(["fp32", "bf16", "fp16"]),
        show_default=PRESETS,
        help="Number format in which the nets compute.",
    ),
    click.option(
        "--compile", "compiled", is_flag=True, help="Compile the nets with torch.compile."
    ),
    click.option(
        "--workers",
        metavar="COUNT",
        type=WholeRange(min=0),
        default=lambda: min(8, cores() - 1),
        show_default="one a core but one, at most 8",
        help="Processes that read the store; 0: the training process itself.",
    ),
)


@click.command(cls=TopicCommand, short_help="Train nets on composites.")
@click.argument("store", type=STORE, required=False)
@WHAT
@SCHEDULE
@START
@CHANGED
@KEPT
@MACHINE
@CACHE
@OUTPUT
def command(store: "Location | None", run: Path | None, **options: Any) -> None:  # noqa: ANN401
    """Train Semantic Human Matting or Deep Image Matting on the composites of STORE.

    Semantic Human Matting has three phases: T-Net learns trimaps, M-Net alphas from true trimaps,
    and end to end both learn together, starting from the best of each. Deep Image Matting has
    stages 0 to 3. Stopped at any moment, the same command carries on; a finished phase is passed
    over. Several processes: torchrun --nproc-per-node 2 --no-python -- shm train ...

    \b
    shm train train.zarr --run runs/first
    shm train train.zarr --run runs/paper --preset paper --device cuda --workers 4
    shm train train.zarr --run runs/dim --preset dim --skips --set losses.gamma=0.3
    shm train --preset paper --print-config > mine.toml
    shm train s3://bucket/train.zarr --run runs/far --cache /scratch/cache --mix animals.zarr=0.5
    """  # noqa: D301
    from shm.training.presets import load_recipe, to_toml

    # Switches come last: what was asked for by name is not undone by a value for every phase.
    changes = [*values_of(options), *options["changes"], *switches_of(options)]
    config = load_recipe(options["preset"], changes)
    if options["print_config"]:
        if options["as_json"]:
            print_json(tomllib.loads(to_toml(config)))
        else:
            click.echo(to_toml(config), nl=False)
        return
    if store is None:
        raise click.UsageError("Missing argument 'STORE'.")
    if run is None:
        raise click.UsageError("Missing option '--run'.")
    train_on(store, run, config, options)


def train_on(store: "Location", run: Path, config: Any, options: dict[str, Any]) -> None:  # noqa: ANN401
    """Train, and say what came of it."""
    from shm.datasets.streaming.sources import Source
    from shm.training.ranks import in_torchrun, is_first
    from shm.workflows.train import TrainRun, train

    phases = config.recipe if options["phase"] == "all" else [Phase(options["phase"])]
    settings = TrainRun(
        device=options["device"],
        workers=options["workers"],
        on_damage=options["on_damage"],
        cache=cache_of(options),
    )
    sources = [Source(path=store)]
    sources += [Source(path=path, weight=weight) for path, weight in options["mix"]]
    pretrained = {net: options[net] for net in NETS if options[net] is not None}
    results = train(sources, run, config, phases, settings, pretrained=pretrained, note=say)
    if in_torchrun() and not is_first():
        return
    if options["as_json"]:
        print_json(
            {
                "run": str(run),
                "phases": {
                    str(result.phase): {
                        "steps": result.steps,
                        "folder": str(result.folder),
                        "best_step": result.best and result.best.step,
                        "best_sad": result.best and result.best.sad,
                        "skipped": result.skipped,
                    }
                    for result in results
                },
            }
        )
        return
    bests = (f"{each.phase} {each.best.sad:.4g}" for each in results if each.best)
    say(f"{run}: trained; best SAD: {', '.join(bests) or 'not known, nothing to validate on'}")
    say_next("shm", "evaluate", results[-1].folder, store)


NETS = ("tnet", "mnet", "dim")

VALUES = {
    "steps": "phases.*.steps",
    "batch": "phases.*.batch",
    "crop": "phases.*.crop",
    "learning_rate": "phases.*.optimiser.learning_rate",
    "checkpoint_every": "loop.checkpoint_every",
    "keep": "loop.keep",
    "precision": "loop.precision",
    "seed": "seed",
}
"""Options whose value is one of the recipe's."""

FLAGS = {
    "compiled": "loop.compile=true",
    "no_fusion": "model.fusion=false",
    "no_trimap_loss": "losses.trimap_weight=0.0",
    "no_end_to_end": "phases.end-to-end.steps=0",
    "skips": "model.skips=true",
}
"""Options that stand for a change of the recipe."""


def values_of(options: dict[str, Any]) -> Iterator[str]:
    """Yield what the options with values change of a recipe, as ``--set`` has it."""
    from shm.training.presets import read_toml

    yield from (
        f"{key}={options[name]}" for name, key in VALUES.items() if options[name] is not None
    )
    if options["colour_jitter"] is not None:
        share = options["colour_jitter"]
        for name in ("brightness", "contrast", "saturation"):
            yield f"phases.*.jitter.{name}={share}"
        yield f"phases.*.jitter.hue={share / 10}"
    if options["from_scratch"]:
        for net in read_toml(options["preset"]).get("weights", {}):
            yield f"weights.{net}=scratch"
    for net in NETS:
        if options[f"{net}_weights"]:
            # Quoted as TOML: a file may be called 1e5.
            yield f"weights.{net}={json.dumps(options[f'{net}_weights'])}"


def switches_of(options: dict[str, Any]) -> Iterator[str]:
    """Yield what the switches change of a recipe, as ``--set`` has it."""
    from shm.training.presets import read_toml

    recipe = read_toml(options["preset"])
    for name in ("no_trimap_loss", "no_end_to_end"):
        if options[name] and Phase.END_TO_END not in recipe.get("phases", {}):
            raise FlagError(
                f"--{name.replace('_', '-')} is about the end-to-end phase, which the recipe "
                f"{options['preset']} does not have: leave it out"
            )
    yield from (change for name, change in FLAGS.items() if options[name])
