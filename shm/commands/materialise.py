"""``shm-data materialise``."""

from pathlib import Path
from typing import Any

import click

from shm.commands.options import ANY_PATH, JSON, OVERWRITE, cluster_options, tell_outcome


@click.command()
@click.argument("lazy", type=ANY_PATH)
@click.argument("out", type=ANY_PATH)
@cluster_options
@OVERWRITE
@JSON
def command(lazy: Path, out: Path, **options: Any) -> None:  # noqa: ANN401
    """Write the composites of LAZY to OUT with their images.

    The samples stay the same, byte for byte: reading takes less work, and more bytes.

    \b
    shm-data materialise lazy.zarr train.zarr
    """  # noqa: D301
    from shm.workflows.engine import ClusterConfig
    from shm.workflows.materialise import materialise

    cluster = ClusterConfig(workers=options["workers"], scheduler=options["scheduler"])
    outcome = materialise(lazy, out, cluster, overwrite=options["overwrite"])
    tell_outcome(
        outcome,
        0,
        as_json=options["as_json"],
        what="composites",
        then=f"shm train {out} --run runs/first",
    )
