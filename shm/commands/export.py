"""``shm-data export``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shm.commands.options import ANY_PATH, OUTPUT, STORE
from shm.commands.speech import print_json, say
from shm.commands.topics import TopicCommand, topic

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


@click.command(cls=TopicCommand, short_help="Write a store's samples as PNG files.")
@click.argument("store", type=STORE)
@click.argument("folder", type=ANY_PATH)
@topic(
    "Which samples",
    click.option(
        "--split",
        type=click.Choice(["train", "validation", "test"]),
        show_default="all",
        help="Write the samples of this split alone.",
    ),
)
@OUTPUT
def command(store: "Location", folder: Path, split: str | None, as_json: bool) -> None:
    """Write the samples of STORE as PNG files: FOLDER/{image,alpha,trimap,foreground}/ID.png."""
    from shm.workflows.export import export_store

    count = export_store(store, folder, split)
    if as_json:
        print_json({"folder": str(folder), "samples": count})
    else:
        say(f"{folder}: {count} samples")
