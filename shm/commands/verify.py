"""``shm-data verify``."""

from typing import TYPE_CHECKING

import click

from shm.commands.options import JSON, STORE, print_json, say, written_out

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


@click.command()
@click.argument("store", type=STORE)
@click.option(
    "--repair", is_flag=True, help="Forget damaged shards, so that they can be made again."
)
@JSON
def command(store: "Location", repair: bool, as_json: bool) -> None:
    """Check that every byte of STORE is what was written, and that nobody is in two splits."""
    from shm.workflows.verify import verify_store

    verdict = verify_store(store, repair=repair)
    if as_json:
        print_json(verdict.as_json())
    else:
        for damage in verdict.damages:
            say(written_out(f"  {damage}"))
        for leak in verdict.leaks:
            say(written_out(f"  leak: {leak}"))
        if verdict.sound:
            say(f"{store}: sound, {verdict.shards} shards checked")
        elif repair and verdict.damages:
            say(f"{store}: the damaged shards are forgotten; run the command that made it again")
        elif verdict.damages:
            say(f"{store}: {len(verdict.damages)} damages; `--repair`, then make it again")
        elif verdict.leaks:
            say(
                f"{store}: {len(verdict.leaks)} leaks between splits; make it again from its people"
            )
        else:
            say(f"{store}: not finished; run the command that makes it again to carry on")
    if not verdict.sound:
        raise click.exceptions.Exit(1)
