"""``shm-data sample``."""

from pathlib import Path

import click

from shm.commands.options import ANY_PATH, CLUSTER, OUTPUT, SEED, WholeRange
from shm.commands.speech import print_json, say, say_next


@click.command(short_help="Write a small corpus to try everything on.")
@click.argument("folder", type=ANY_PATH)
@click.option(
    "--people",
    metavar="COUNT",
    type=WholeRange(1, 9999),
    default=24,
    help="How many portraits.",
)
@click.option(
    "--size",
    metavar="PIXELS",
    type=WholeRange(64, 4096),
    default=512,
    help="Longer side, pixels.",
)
@SEED
@CLUSTER
@OUTPUT
def command(
    folder: Path,
    people: int,
    size: int,
    seed: int,
    workers: int,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Write a sample corpus to FOLDER: portraits with masks, and backgrounds.

    The people are generated, so that their true alphas and colours are known (FOLDER/truth); the
    backgrounds are cut from photos and laid out like Pascal VOC. The same seed gives the same
    bytes.
    """
    from shm.datasets.sample import SampleConfig
    from shm.workflows.engine import ClusterConfig
    from shm.workflows.sample import sample_corpus

    config = SampleConfig(people=people, size=size, seed=seed)
    summary = sample_corpus(folder, config, ClusterConfig(workers=workers, scheduler=scheduler))
    if as_json:
        print_json(summary)
        return
    say(f"{folder}: {summary['people']} people, {summary['backgrounds']} backgrounds")
    say_next("shm-data", "prepare", folder, "people.zarr")
