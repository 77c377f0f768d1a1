"""``shm-data report``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shm.commands.options import ANY_PATH, NONE, OUTPUT, SEED, STORE, FiniteRange, WholeRange
from shm.commands.speech import print_json, say

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


@click.command(short_help="Show a store as a page, to judge it by eye.")
@click.argument("store", type=STORE)
@click.option(
    "--out",
    "-o",
    type=ANY_PATH,
    default="report.html",
    help="The page: one file, needs no network.",
)
@click.option(
    "--samples",
    metavar="COUNT",
    type=WholeRange(1, 5000),
    default=200,
    help="Samples to show: a quarter the worst, a quarter the best, the others drawn at random.",
)
@click.option(
    "--megabytes",
    metavar="MEGABYTES",
    type=FiniteRange(1, 1000),
    default=64.0,
    help="Size that the page may have, megabytes: pictures are made smaller where they take more.",
)
@click.option(
    "--corpus",
    type=ANY_PATH,
    metavar="RAW",
    show_default=NONE,
    help="The folder that `prepare` read, to show the masks: a store holds none.",
)
@SEED
@OUTPUT
def command(store: "Location", out: Path, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Show STORE as a page: samples to judge by eye, figures, rejects.

    Open it in a browser, mark what to keep or to reject, save the marks, and make the store again:

    \b
    shm-data report people.zarr --corpus photos --out report.html
    shm-data prepare photos people.zarr --marks marks.json
    """  # noqa: D301
    from shm.workflows.progress import size_words
    from shm.workflows.report.store import ReportRun, report_store

    told = report_store(store, out, ReportRun(**options))
    if as_json:
        print_json(told)
        return
    say(f"{out}: {told['shown']} of {told['samples']} samples, {size_words(told['bytes'])}")
    if options["corpus"] is not None and told["masks"] < told["shown"]:
        missing = told["shown"] - told["masks"]
        say(f"{missing} without their mask: none in {options['corpus']} that is the one they had")
    say(f"next: open {out} in a browser")
