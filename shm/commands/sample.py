"""``shm-data sample``."""

from pathlib import Path
from typing import Any

import click

from shm.commands.options import ANY_PATH, CLUSTER, OUTPUT, SEED, WholeRange, cluster_of
from shm.commands.speech import print_json, say, say_next
from shm.commands.topics import TopicCommand, topic

CORPUS = topic(
    "The corpus",
    click.option(
        "--people",
        metavar="COUNT",
        type=WholeRange(1, 9999),
        default=24,
        help="How many portraits.",
    ),
    click.option(
        "--size",
        metavar="PIXELS",
        type=WholeRange(64, 4096),
        default=512,
        help="Longer side of a portrait, pixels.",
    ),
    SEED,
)


@click.command(cls=TopicCommand, short_help="Write a small corpus to try everything on.")
@click.argument("folder", type=ANY_PATH)
@CORPUS
@CLUSTER
@OUTPUT
def command(folder: Path, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Write a sample corpus to FOLDER: portraits with masks, and backgrounds.

    The people are generated, so that their true alphas and colours are known (FOLDER/truth); the
    backgrounds are cut from photos and laid out like Pascal VOC. The same seed gives the same
    bytes.
    """
    from shm.datasets.sample import SampleConfig
    from shm.workflows.sample import sample_corpus

    config = SampleConfig(**{name: options[name] for name in ("people", "size", "seed")})
    summary = sample_corpus(folder, config, cluster_of(options))
    if as_json:
        print_json(summary)
        return
    say(f"{folder}: {summary['people']} people, {summary['backgrounds']} backgrounds")
    say_next("shm-data", "prepare", folder, "people.zarr")
