"""``shm-data composite``."""

from pathlib import Path
from typing import Any

import click

from shm.commands.options import (
    ANY_PATH,
    JSON,
    MAX_MEGAPIXELS,
    MAX_REJECTS,
    OVERWRITE,
    SEED,
    cluster_options,
    tell_outcome,
)


@click.command()
@click.argument("people", metavar="STORE", type=ANY_PATH)
@click.argument("store", metavar="OUT", type=ANY_PATH)
@click.option(
    "--backgrounds",
    type=ANY_PATH,
    multiple=True,
    required=True,
    help="A Pascal VOC or COCO tree, or a plain folder of photos; may be given again.",
)
@click.option(
    "--per-foreground",
    type=click.IntRange(1, 10_000),
    default=10,
    help="Composites made of each person.",
)
@click.option(
    "--people",
    "with_people",
    type=click.Choice(["exclude", "allow"]),
    default="exclude",
    help="Backgrounds whose annotations show a person.",
)
@click.option(
    "--unlabelled",
    type=click.Choice(["exclude", "allow"]),
    default="exclude",
    help="Backgrounds without annotations, which may show a person.",
)
@MAX_MEGAPIXELS
@MAX_REJECTS
@SEED
@cluster_options
@OVERWRITE
@JSON
def command(people: Path, store: Path, **options: Any) -> None:  # noqa: ANN401
    """Paste the people of STORE on backgrounds and write the composites to OUT.

    Backgrounds are split as the people are: none of either is in both train and test. Each is
    used once before any is used twice.

    \b
    shm-data composite people.zarr train.zarr --backgrounds VOC2012 --backgrounds COCO
    """  # noqa: D301
    from shm.workflows.composite import CompositeRun, composite_store
    from shm.workflows.engine import ClusterConfig

    run = CompositeRun(
        per_foreground=options["per_foreground"],
        people=options["with_people"],
        unlabelled=options["unlabelled"],
        max_pixels=options["max_megapixels"] * 1_000_000,
        seed=options["seed"],
    )
    cluster = ClusterConfig(workers=options["workers"], scheduler=options["scheduler"])
    outcome = composite_store(
        people, store, options["backgrounds"], run, cluster, overwrite=options["overwrite"]
    )
    tell_outcome(
        outcome,
        options["max_rejects"],
        as_json=options["as_json"],
        what="composites",
        then=f"shm train {store} --run runs/first",
    )
