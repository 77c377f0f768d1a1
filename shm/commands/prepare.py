"""``shm-data prepare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from click.core import ParameterSource

from shm.commands.options import (
    ANY_PATH,
    CLUSTER,
    MAX_MEGAPIXELS,
    MAX_REJECTS,
    NONE,
    OUTPUT,
    OVERWRITE,
    SEED,
    TARGET,
    FiniteRange,
    Parse,
    WholeRange,
    cluster_of,
)
from shm.commands.speech import say, tell_outcome
from shm.commands.topics import TopicCommand, topic
from shm.datasets.layouts import LAYOUTS
from shm.datasets.splits import SplitConfig
from shm.pipeline.prepare import ForegroundMethod
from shm.pipeline.refine import RefineMethod
from shm.pipeline.trimap import Kernel, Reach, TrimapMode

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location

REACH = Parse("reach", Reach.parse)

BAND_OPTIONS = ("kernel", "erode", "dilate", "iterations")
"""What an adaptive trimap of a mask has no use for."""


INPUT = topic(
    "What is read",
    click.option(
        "--layout",
        type=click.Choice(["auto", *LAYOUTS]),
        default="auto",
        help="How photos and annotations lie in RAW; auto detects it.",
    ),
    click.option(
        "--annotation",
        type=click.Choice(["auto", "alpha", "mask", "trimap"]),
        default="auto",
        help="Which annotation to start from where a photo has several; auto takes the best.",
    ),
    MAX_MEGAPIXELS,
)
SAMPLE = topic(
    "What is made of it",
    click.option(
        "--size",
        metavar="PIXELS",
        type=WholeRange(32, 20_000),
        default=800,
        help="Longer side of a sample, pixels; smaller photos are not enlarged, and keep every "
        "pixel.",
    ),
    click.option(
        "--refine",
        type=click.Choice(get_args(RefineMethod)),
        default="auto",
        help="How alpha is solved in the unknown region; auto keeps real mattes, else hybrid.",
    ),
    click.option(
        "--foreground",
        type=click.Choice(get_args(ForegroundMethod)),
        default="estimate",
        help="The subject's colours: estimated, or the photo's own with its halo.",
    ),
    click.option(
        "--split",
        type=Parse("shares", SplitConfig.parse),
        default="0.8,0.1,0.1",
        help="Shares of people for train, validation and test, from 0 to 1.",
    ),
    SEED,
)
TRIMAP = topic(
    "Trimap (reach, kernel and iterations: of fixed and random bands)",
    click.option(
        "--trimap",
        type=click.Choice(get_args(TrimapMode)),
        default="adaptive",
        help="The unknown band: as wide as each edge needs, of one width, or drawn for each "
        "sample.",
    ),
    click.option(
        "--kernel",
        type=click.Choice(get_args(Kernel)),
        default="ellipse",
        help="Shape of erosion and dilation.",
    ),
    click.option(
        "--erode",
        type=REACH,
        default="1%",
        help="Reach inwards, of a random band the largest: 12px, or % of the subject's size (root "
        "of its area).",
    ),
    click.option("--dilate", type=REACH, default="1%", help="Reach outwards, likewise."),
    click.option(
        "--iterations",
        metavar="TIMES",
        type=WholeRange(1, 100),
        default=1,
        help="How many times erosion and dilation are repeated.",
    ),
    click.option(
        "--tolerance",
        metavar="LEVELS",
        type=WholeRange(0, 12),
        default=2,
        help="A matte's values so few levels (of 255) from 0 and 255 count as these.",
    ),
)
REJECTS = topic(
    "What is rejected",
    click.option(
        "--reject-below",
        metavar="QUALITY",
        type=FiniteRange(0, 1),
        default=0.0,
        help="Reject samples of a lower quality, 0 to 1; `inspect` lists the lowest. Much hair "
        "lowers it, even of a perfect alpha.",
    ),
    click.option(
        "--marks",
        type=ANY_PATH,
        metavar="FILE",
        show_default=NONE,
        help="Marks that the page of `report` saved: photos to reject, or to keep whatever their "
        "quality.",
    ),
    MAX_REJECTS,
)


@click.command(cls=TopicCommand, short_help="Make samples of photos and their rough masks.")
@click.argument("raw", type=ANY_PATH)
@click.argument("store", type=TARGET)
@INPUT
@SAMPLE
@TRIMAP
@REJECTS
@topic("How it is stored", OVERWRITE)
@CLUSTER
@OUTPUT
def command(raw: Path, store: "Location", **options: Any) -> None:  # noqa: ANN401
    """Make samples of the photos and masks in RAW and write them to STORE (a .zarr folder or URL).

    Each photo gets a trimap, a refined alpha and clean foreground colours. What can't be used is
    rejected with its reason, and the rest goes on. An alpha that can't be solved is tried once more
    with a stronger preconditioner, then its photo is rejected: no lesser method takes over. Stopped
    at any moment, the same command carries on; photos that changed since are prepared anew. New
    photos would change the splits: they want a store of their own (`shm train --mix`), or
    --overwrite.

    \b
    shm-data prepare photos people.zarr
    shm-data prepare photos people.zarr --trimap fixed --erode 8px --dilate 16px
    """  # noqa: D301
    from shm.datasets.marks import read_marks
    from shm.pipeline.prepare import PrepareConfig
    from shm.pipeline.trimap import TrimapConfig
    from shm.workflows.prepare import PrepareRun, prepare_corpus

    refuse_unused_band(options["trimap"])
    trimap = TrimapConfig(
        mode=options["trimap"],
        kernel=options["kernel"],
        erode=options["erode"],
        dilate=options["dilate"],
        iterations=options["iterations"],
        tolerance=options["tolerance"],
    )
    run = PrepareRun(
        sample=PrepareConfig(
            size=options["size"],
            trimap=trimap,
            refine=options["refine"],
            foreground=options["foreground"],
            reject_below=options["reject_below"],
        ),
        split=options["split"],
        annotation=options["annotation"],
        layout=options["layout"],
        max_pixels=options["max_megapixels"] * 1_000_000,
        seed=options["seed"],
    )
    cluster = cluster_of(options)
    outcome = prepare_corpus(
        raw,
        store,
        run,
        cluster,
        overwrite=options["overwrite"],
        marks=None if options["marks"] is None else read_marks(options["marks"]),
        note=say,
    )
    tell_outcome(
        outcome,
        options["max_rejects"],
        as_json=options["as_json"],
        what="photos",
        then=("shm-data", "report", store, "--corpus", raw),
    )


def refuse_unused_band(mode: TrimapMode) -> None:
    """Raise wrong usage where a band was described that an adaptive trimap would not use."""
    context = click.get_current_context()
    given = [
        f"--{name}"
        for name in BAND_OPTIONS
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if mode == "adaptive" and given:
        raise click.UsageError(
            f"an adaptive trimap finds the band of masks by itself: to set it with "
            f"{', '.join(given)}, of mattes too, add --trimap fixed or random"
        )
