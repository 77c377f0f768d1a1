"""``shm-data materialise``."""

from typing import TYPE_CHECKING, Any

import click

from shm.commands.options import CLUSTER, OUTPUT, OVERWRITE, STORE, TARGET, cluster_of
from shm.commands.speech import say, tell_outcome
from shm.commands.topics import TopicCommand, topic

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


@click.command(cls=TopicCommand, short_help="Store the images of lazy composites, too.")
@click.argument("lazy", type=STORE)
@click.argument("out", type=TARGET)
@topic("How it is stored", OVERWRITE)
@CLUSTER
@OUTPUT
def command(lazy: "Location", out: "Location", **options: Any) -> None:  # noqa: ANN401
    """Write the composites of LAZY to OUT with their images.

    The samples stay the same, byte for byte: reading takes less work, and more bytes.

    \b
    shm-data materialise lazy.zarr train.zarr
    """  # noqa: D301
    from shm.workflows.materialise import materialise

    outcome = materialise(lazy, out, cluster_of(options), overwrite=options["overwrite"], note=say)
    tell_outcome(
        outcome,
        0,
        as_json=options["as_json"],
        what="composites",
        then=("shm", "train", out, "--run", "runs/first"),
    )
