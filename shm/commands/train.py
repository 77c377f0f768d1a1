"""``shm train``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shm.commands.options import (
    ANY_PATH,
    JSON,
    STORE,
    FiniteRange,
    Parse,
    cache_of,
    cache_options,
    cores,
    print_json,
    read_store,
    say,
)
from shm.pipeline.errors import ShmError
from shm.training.config import Phase
from shm.training.presets import PRESETS

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


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


@click.command()
@click.argument("store", type=STORE)
@click.option("--run", type=ANY_PATH, required=True, help="Folder of the run.")
@click.option(
    "--phase",
    type=click.Choice([*map(str, Phase), "all"]),
    default="all",
    help="Train one phase, or all three in their order.",
)
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="light",
    help="light: small nets, minutes on a laptop; paper: PSPNet-50 and VGG16, for a GPU.",
)
@click.option(
    "--steps", type=click.IntRange(min=1), help="Steps of each phase.  [default: preset's]"
)
@click.option("--batch", type=click.IntRange(min=1), help="Crops a step.  [default: preset's]")
@click.option("--crop", type=click.IntRange(min=32), help="Side of a crop.  [default: preset's]")
@click.option("--learning-rate", type=FiniteRange(min=0, min_open=True), help="[default: preset's]")
@click.option("--checkpoint-every", type=click.IntRange(min=1), help="Steps.  [default: preset's]")
@click.option("--from-scratch", is_flag=True, help="Start the encoders from random weights.")
@click.option("--tnet-weights", metavar="FILE", help="ImageNet weights of T-Net's encoder.")
@click.option("--mnet-weights", metavar="FILE", help="ImageNet weights of M-Net's encoder.")
@click.option("--tnet", type=ANY_PATH, help="End to end: a T-Net from elsewhere than the run.")
@click.option("--mnet", type=ANY_PATH, help="End to end: an M-Net from elsewhere than the run.")
@click.option("--device", default="auto", help="cpu, cuda, mps or auto.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=lambda: min(8, cores() - 1),
    show_default="one a core but one, at most 8",
    help="Processes that read the store; 0: the training process itself.",
)
@click.option(
    "--mix",
    type=Parse("store=weight", read_mix),
    multiple=True,
    help="Draw from this store of composites, too: so many samples to one of STORE.",
)
@click.option(
    "--colour-jitter",
    type=FiniteRange(0, 1),
    help="Vary brightness, contrast and saturation by up to this share, hue by a tenth of it.  "
    "[default: preset's]",
)
@click.option(
    "--on-damage",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    help="At training samples that can't be read: stop, or take others and count them.",
)
@cache_options
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of every choice.")
@JSON
def command(store: "Location", run: Path, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Train Semantic Human Matting on the composites of STORE, in its three phases.

    T-Net learns trimaps, M-Net alphas from true trimaps, and end to end both learn together,
    starting from the best of each. Stopped at any moment, the same command carries on; a finished
    phase is passed over.

    \b
    shm train train.zarr --run runs/first
    shm train train.zarr --run runs/paper --preset paper --device cuda --workers 4
    shm train s3://bucket/train.zarr --run runs/far --cache /scratch/cache --mix animals.zarr=0.5
    """  # noqa: D301
    from shm.datasets.streaming.sources import Source
    from shm.workflows.train import TrainRun, train

    config = configure(options)
    phases = list(Phase) if options["phase"] == "all" else [Phase(options["phase"])]
    pretrained = {
        phase: options[name]
        for phase, name in ((Phase.TNET, "tnet"), (Phase.MNET, "mnet"))
        if options[name] is not None
    }
    settings = TrainRun(
        device=options["device"],
        workers=options["workers"],
        on_damage=options["on_damage"],
        cache=cache_of(options),
    )
    sources = [Source(path=store)]
    sources += [Source(path=path, weight=weight) for path, weight in options["mix"]]
    results = train(sources, run, config, phases, settings, pretrained=pretrained, note=say)
    if as_json:
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
    say(f"next: shm evaluate {results[-1].folder} {store}")


def configure(options: dict[str, Any]) -> Any:  # noqa: ANN401
    """Return the preset with what the options change of it."""
    from shm.training.config import from_dict

    base = PRESETS[options["preset"]]
    changes: dict[str, Any] = {"seed": options["seed"]}
    for net in ("tnet", "mnet"):
        if options["from_scratch"]:
            changes[f"{net}_weights"] = "scratch"
        if options[f"{net}_weights"]:
            changes[f"{net}_weights"] = options[f"{net}_weights"]
    if options["checkpoint_every"]:
        changes["checkpoint_every"] = options["checkpoint_every"]
    phase: dict[str, Any] = {
        name: options[name] for name in ("steps", "batch", "crop") if options[name]
    }
    if options["colour_jitter"] is not None:
        share = options["colour_jitter"]
        strengths = dict.fromkeys(("brightness", "contrast", "saturation"), share)
        phase["jitter"] = strengths | {"hue": share / 10}
    if options["learning_rate"]:
        phase["optimiser"] = {"learning_rate": options["learning_rate"]}
    names = ("tnet", "mnet", "end_to_end")
    return from_dict({**changes, "phases": dict.fromkeys(names, phase)}, replace(base))
