"""``shm evaluate``."""

from typing import TYPE_CHECKING, Any

import click

from shm.commands.options import (
    ANY_PATH,
    DEVICE,
    MAX_MEGAPIXELS,
    NONE,
    OUTPUT,
    Offer,
    WholeRange,
    read_store,
)
from shm.commands.places import require_ours
from shm.commands.speech import complain, print_json, say, say_next
from shm.commands.topics import TopicCommand, topic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shm.evaluation import Scored
    from shm.workflows.evaluate import Evaluation
    from shm.workflows.truth import Truths


MEASURED = topic(
    "What is measured",
    click.option(
        "--split",
        type=click.Choice(["train", "validation", "test"]),
        default="test",
        help="Which samples of STORE.",
    ),
    click.option(
        "--baseline",
        "baselines",
        type=click.Choice(["mask", "hybrid", "closed-form", "knn"]),
        multiple=True,
        show_default=NONE,
        help="Measure this, too, on the trimap that MODEL predicts or is given; may be repeated.",
    ),
    click.option(
        "--trimap",
        type=click.Choice(["auto", "predicted", "true"]),
        default="auto",
        help="What MODEL is given: T-Net's trimap, or the true one; auto: T-Net's where it has "
        "one.",
    ),
    click.option(
        "--max-side",
        metavar="PIXELS",
        type=WholeRange(min=32),
        show_default="the preset's",
        help="Longer side at which to predict, pixels.",
    ),
    DEVICE,
)
FOLDERS = topic(
    "Folders of pictures, in the place of MODEL or STORE",
    click.option(
        "--predictions",
        type=ANY_PATH,
        metavar="FOLDER",
        show_default=NONE,
        help="Alphas, in MODEL's place.",
    ),
    click.option(
        "--truth",
        type=ANY_PATH,
        metavar="FOLDER",
        show_default=NONE,
        help="True alphas, in STORE's place.",
    ),
    click.option(
        "--trimaps",
        type=ANY_PATH,
        metavar="FOLDER",
        show_default=NONE,
        help="With --truth: their trimaps, same names.",
    ),
    click.option(
        "--images",
        type=ANY_PATH,
        metavar="FOLDER",
        show_default=NONE,
        help="With --truth: their photos, same names.",
    ),
    MAX_MEGAPIXELS,
)
RESULTS = topic(
    "Results",
    click.option(
        "--csv",
        "csv_path",
        type=ANY_PATH,
        metavar="FILE",
        show_default=NONE,
        help="Write a line for each image to this file.",
    ),
    click.option(
        "--markdown",
        type=ANY_PATH,
        metavar="FILE",
        show_default=NONE,
        help="Write tables to this file.",
    ),
    click.option(
        "--against",
        type=ANY_PATH,
        metavar="CSV",
        show_default=NONE,
        help="Compare image by image with an earlier --csv of the same images.",
    ),
    click.option(
        "--sheet",
        type=ANY_PATH,
        metavar="PNG",
        show_default=NONE,
        help="Write pictures of the worst images to this file.",
    ),
    click.option(
        "--worst",
        metavar="COUNT",
        type=WholeRange(1, 200),
        default=8,
        help="How many images the sheet has.",
    ),
)


@click.command(cls=TopicCommand, short_help="Score a model, or any alphas, against the truth.")
@click.argument("model_and_store", metavar="[MODEL] [STORE]", nargs=-1, type=Offer("text"))
@MEASURED
@FOLDERS
@RESULTS
@OUTPUT
def command(model_and_store: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401
    """Score MODEL on the samples of STORE, or any predictions against any truth.

    MODEL is a checkpoint (a .safetensors file, a phase's folder or a run's), what `shm export` made
    of one, or untrained:light, a recipe's nets as they start. Without it: --predictions, a
    folder of alphas by any method, or --baseline alone. Each table says how its figures are
    normalised. Grad (sigma 1.4, filters of L2 norm 1) and Conn (levels 0.1 apart, threshold 0.15,
    4-connected) follow the evaluation code published with Deep Image Matting, but alphas are not
    stretched.

    \b
    shm evaluate runs/first train.zarr --baseline knn --csv first.csv --sheet worst.png
    shm evaluate runs/second train.zarr --against first.csv
    shm evaluate --predictions mattes --truth alphas --trimaps trimaps
    """  # noqa: D301
    from shm.workflows.evaluate import EvaluateRun, evaluate

    theirs = _earlier(options["against"])
    _require_ours(options)
    model, truths = _sides(model_and_store, options)
    run = EvaluateRun(
        model=model,
        predictions=options["predictions"],
        baselines=options["baselines"],
        trimap=options["trimap"],
        device=options["device"],
        max_side=options["max_side"],
        max_pixels=options["max_megapixels"] * 1_000_000,
        worst=options["worst"] if options["sheet"] else 0,
    )
    found = evaluate(truths, run, say)
    _write(found, options)
    compared = None if theirs is None else found.against(theirs)
    if options["as_json"]:
        more = {} if compared is None else {"against": compared.as_json()}
        print_json(found.as_json() | more)
    else:
        say(f"{found.first} on {found.source}, {TRIMAPS[found.trimap]}")
        click.echo(found.as_markdown(), nl=False)
        if compared is not None:
            from shm.evaluation import comparison_to_markdown

            table = comparison_to_markdown(compared, found.first, str(options["against"]))
            click.echo("\n" + table, nl=False)
        if model is not None and not model.startswith("untrained:"):
            say_next("shm", "predict", model, "PHOTOS", "-o", "mattes")
    if found.failed:
        complain(f"{len(found.failed)} images could not be scored: mend them, and run it again")
        raise click.exceptions.Exit(1)


TRIMAPS = {
    "predicted": "on predicted trimaps",
    "true": "with the trimaps given",
    "none": "whole images only: --trimaps has the unknown regions",
}
"""What is told of each kind of trimap."""

OURS = {"csv_path": rb"method,", "markdown": rb"\d+ images of ", "sheet": rb"\x89PNG"}
"""How the files begin that are written, and may be written again."""


def _require_ours(options: dict[str, Any]) -> None:
    """Refuse, before anything is scored, to write in the place of something else."""
    sides = [options[name] for name in ("predictions", "truth", "trimaps", "images")]
    for name, begins in OURS.items():
        if options[name] is not None:
            require_ours(options[name], begins, sides)


def _earlier(path: "Path | None") -> "Sequence[Scored] | None":
    """Read what to compare with, before anything is scored, or written in its place."""
    from shm.evaluation import read_csv

    return None if path is None else next(iter(read_csv(path).values()))


def _sides(words: tuple[str, ...], options: dict[str, Any]) -> "tuple[str | None, Truths]":
    """Return the model, if there is one, and what to measure against."""
    from shm.workflows.truth import FolderTruths, StoreTruths

    truth, predictions = options["truth"], options["predictions"]
    beside = [name for name in ("trimaps", "images") if options[name] is not None]
    if truth is None and beside:
        raise click.UsageError(f"--{beside[0]} belongs to --truth: a store has its own")
    measured = predictions is not None or options["baselines"]
    least = (truth is None) + (not measured)
    most = (truth is None) + (predictions is None)
    if not least <= len(words) <= most:
        raise click.UsageError(
            "give MODEL and STORE; --predictions takes MODEL's place (and --baseline may), --truth "
            "takes STORE's"
        )
    if truth is not None:
        folders = FolderTruths(
            truth,
            trimaps=options["trimaps"],
            images=options["images"],
            max_pixels=options["max_megapixels"] * 1_000_000,
        )
        return (words[0] if words else None), folders
    return (words[0] if len(words) == 2 else None), StoreTruths(
        read_store(words[-1]), options["split"]
    )


def _write(found: "Evaluation", options: dict[str, Any]) -> None:
    from shm.datasets.files import write_bytes

    for name, content in (("csv_path", found.as_csv), ("markdown", found.as_markdown)):
        path: Path | None = options[name]
        if path is not None:
            write_bytes(path, content().encode())
    if options["sheet"] is not None:
        found.write_sheet(options["sheet"])
