"""``shm-data report``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shm.commands.options import ANY_PATH, NONE, OUTPUT, SEED, STORE, WholeRange
from shm.commands.places import PAGE_BEGINS, page_options, require_ours
from shm.commands.speech import print_json, say, say_next
from shm.commands.topics import TopicCommand, topic

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


SHOWN = topic(
    "What is shown",
    click.option(
        "--samples",
        metavar="COUNT",
        type=WholeRange(1, 5000),
        default=200,
        help="Samples to show: a quarter the worst, a quarter the best, the others drawn at "
        "random.",
    ),
    click.option(
        "--corpus",
        type=ANY_PATH,
        metavar="RAW",
        show_default=NONE,
        help="The folder or manifest that `prepare` read, to show the masks: a store holds none.",
    ),
    SEED,
)


@click.command(cls=TopicCommand, short_help="Show a store as a page, to judge it by eye.")
@click.argument("store", type=STORE)
@SHOWN
@page_options("report.html", "where the samples take more, pictures are made smaller, then fewer.")
@OUTPUT
def command(store: "Location", out: Path, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Show STORE as a page: samples to judge by eye, figures, rejects.

    Open it in a browser, mark what to keep or to reject, save the marks, and make the store again:

    \b
    shm-data report people.zarr --corpus photos --out report.html
    shm-data prepare photos people.zarr --marks marks.json
    """  # noqa: D301
    from shm.workflows.progress import size_words
    from shm.workflows.report.store import StorePage, report_store

    require_ours(out, PAGE_BEGINS, [store])
    told = report_store(store, out, StorePage(**options))
    if as_json:
        print_json(told)
        return
    say(f"{out}: {told['shown']} of {told['samples']} samples, {size_words(told['bytes'])}")
    if told["too_large"]:
        say(f"{told['too_large']} more samples have no room in {options['megabytes']:g} MB")
    if options["corpus"] is not None and told["no_masks"]:
        say(f"{told['no_masks']} without their mask: {options['corpus']} lacks it, or has another")
    elif options["corpus"] is not None and not told["masks"]:
        say("no masks: these samples were made from mattes or trimaps")
    say(f"next: open {out} in a browser")
    if told["kind"] == "prepared":
        say_next("shm-data", "composite", store, "train.zarr", "--backgrounds", "FOLDER")
