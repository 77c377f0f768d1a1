"""``shm report``."""

from pathlib import Path
from typing import Any

import click

from shm.commands.options import ANY_PATH, DEVICE, NONE, OUTPUT, STORE, WholeRange
from shm.commands.places import PAGE_BEGINS, page_options, require_ours
from shm.commands.speech import complain, print_json, say
from shm.commands.topics import TopicCommand, topic

MEASURED = topic(
    "What is measured",
    click.option(
        "--store",
        type=STORE,
        show_default=NONE,
        help="Measure the runs on samples of this store, and show the worst.",
    ),
    click.option(
        "--split",
        type=click.Choice(["train", "validation", "test"]),
        default="test",
        help="Which samples of the store.",
    ),
    click.option(
        "--worst",
        metavar="COUNT",
        type=WholeRange(0, 50),
        default=8,
        help="Predictions of each run to show.",
    ),
    DEVICE,
)


@click.command(name="report", cls=TopicCommand, short_help="Show runs as a page, side by side.")
@click.argument("runs", metavar="RUN...", type=ANY_PATH, nargs=-1, required=True)
@MEASURED
@page_options(
    "runs.html", "where there are more pictures, fewer are shown, and predictions smaller."
)
@OUTPUT
def command(runs: tuple[Path, ...], out: Path, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Show training runs as a page, side by side: curves, pictures, figures, settings, data.

    RUN is the folder of `shm train --run`, finished or not.

    \b
    shm report runs/first
    shm report runs/first runs/second --store train.zarr --split validation --out both.html
    """  # noqa: D301
    from shm.workflows.progress import size_words
    from shm.workflows.report.runs import RunPage, report_runs

    require_ours(out, PAGE_BEGINS, [options["store"]])
    told = report_runs(runs, out, RunPage(**options), say)
    if as_json:
        print_json(told)
    else:
        say(f"{out}: {len(runs)} run{'s' * (len(runs) > 1)}, {size_words(told['bytes'])}")
        if options["store"] is None:
            say("no figures: --store STORE measures them")
        say(f"next: open {out} in a browser")
    _require_all(told["runs"])


def _require_all(runs: list[dict[str, Any]]) -> None:
    """End with 1 where a run could not be measured, or one of the images; the page says which."""
    missing = [run["name"] for run in runs if "reason" in run]
    failed = sum(len(run.get("failed", ())) for run in runs)
    if missing:
        complain(f"not measured: {', '.join(missing)}; the page has the others, and why")
    if failed:
        complain(f"{failed} images could not be scored; the page says why")
    if missing or failed:
        raise click.exceptions.Exit(1)
