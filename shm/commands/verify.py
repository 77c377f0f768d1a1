"""``shm-data verify``."""

from typing import TYPE_CHECKING

import click

from shm.commands.options import OUTPUT, STORE
from shm.commands.speech import complain, print_json, say, say_next, written_out
from shm.commands.topics import TopicCommand, topic

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location
    from shm.workflows.verify import Verdict


@click.command(cls=TopicCommand, short_help="Check every byte of a store, and its splits.")
@click.argument("store", type=STORE)
@topic(
    "What is done about damage",
    click.option(
        "--repair", is_flag=True, help="Forget damaged shards, so that they can be made again."
    ),
)
@OUTPUT
def command(store: "Location", repair: bool, as_json: bool) -> None:
    """Check that every byte of STORE is what was written, and that nobody is in two splits."""
    from shm.workflows.verify import verify_store

    verdict = verify_store(store, repair=repair)
    if as_json:
        print_json(verdict.as_json())
    else:
        for damage in verdict.damages:
            say(written_out(f"  {damage}"), colour="yellow")
        for leak in verdict.leaks:
            say(written_out(f"  leak: {leak}"), colour="yellow")
        _conclude(verdict)
    if not verdict.sound:
        raise click.exceptions.Exit(1)


def _conclude(verdict: "Verdict") -> None:
    store = verdict.store
    if verdict.sound:
        shards = f"{verdict.shards} shard{'s' * (verdict.shards != 1)}"
        say(f"{store}: sound, {shards} checked")
        if verdict.kind == "prepared":
            say_next("shm-data", "composite", store, "train.zarr", "--backgrounds", "FOLDER")
        else:
            say_next("shm", "train", store, "--run", "runs/first")
    elif verdict.repaired and verdict.damages:
        complain(f"{store}: the damaged shards are forgotten; run the command that made it again")
    elif verdict.damages:
        complain(f"{store}: {len(verdict.damages)} damages; `--repair`, then make it again")
    elif verdict.leaks:
        leaks = f"{len(verdict.leaks)} leaks between splits"
        complain(f"{store}: {leaks}; make it again from its people")
    else:
        complain(f"{store}: not finished; run the command that makes it again to carry on")
