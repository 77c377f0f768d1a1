"""``shm-data composite``."""

from typing import TYPE_CHECKING, Any

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
    STORE,
    TARGET,
    Parse,
    WholeRange,
    cluster_of,
)
from shm.commands.speech import say, tell_outcome
from shm.commands.topics import TopicCommand, topic
from shm.pipeline.placement import parse_moves
from shm.pipeline.ranges import parse_range

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location

RANGE = Parse("LOW,HIGH", parse_range)

RECIPE = (
    "per_foreground",
    "people_per_composite",
    "placement",
    "match_colours",
    "blur",
    "noise",
    "jpeg",
    "linear",
)
"""Options that say what a composite is made like: fields of `RecipeConfig`."""

DECIDED = (*RECIPE, "people", "unlabelled")
"""Options that a published protocol decides."""


BACKGROUNDS = topic(
    "Backgrounds",
    click.option(
        "--backgrounds",
        type=ANY_PATH,
        metavar="FOLDER",
        multiple=True,
        required=True,
        help="A Pascal VOC or COCO tree, or a plain folder of photos; may be given again.",
    ),
    click.option(
        "--people",
        type=click.Choice(["exclude", "allow"]),
        default="exclude",
        help="What to do with backgrounds whose annotations show a person.",
    ),
    click.option(
        "--unlabelled",
        type=click.Choice(["exclude", "allow"]),
        default="exclude",
        help="What to do with backgrounds without annotations, which may show a person.",
    ),
    MAX_MEGAPIXELS,
    MAX_REJECTS,
)
COMPOSITES = topic(
    "Composites",
    click.option(
        "--per-foreground",
        metavar="COUNT",
        type=WholeRange(1, 10_000),
        default=10,
        help="Composites made of each person.",
    ),
    click.option(
        "--people-per-composite",
        metavar="COUNT",
        type=WholeRange(1, 2),
        default=1,
        help="With 2, another person of the same split stands behind each.",
    ),
    click.option(
        "--placement",
        metavar="keep|move,scale,flip",
        type=Parse("placement", parse_moves),
        default="keep",
        help="Leave people where they stood, or some of move, scale, flip; who is cut off by a "
        "side of the photo stays cut off there.",
    ),
    SEED,
)
LIKENESS = topic(
    "Likeness to photographs (a number, or LOW,HIGH to draw between for each composite)",
    click.option(
        "--match-colours",
        type=RANGE,
        default="0",
        help="How far the person takes on the background's colours, 0 to 1.",
    ),
    click.option(
        "--blur", type=RANGE, default="0", help="Blur of the background, sigma in pixels."
    ),
    click.option(
        "--noise",
        type=RANGE,
        default="0",
        help="Grain over the whole composite, sigma in levels of 255.",
    ),
    click.option(
        "--jpeg",
        type=RANGE,
        default="0",
        help="Traces of a JPEG of this quality, 1 to 100; 0: none.",
    ),
    click.option(
        "--linear", is_flag=True, help="Mix colours in linear light, not in the photos' gamma."
    ),
)
PUBLISHED = topic(
    "Published sets",
    click.option(
        "--protocol",
        type=click.Choice(["composition-1k", "shm"]),
        show_default=NONE,
        help="Deep Image Matting's set, as its --lists have it, of people prepared at their full "
        "size; or Semantic Human Matting's, 100 composites of each person who came with colours "
        "of their own and 1 of each other, each background once.",
    ),
    click.option(
        "--lists",
        type=ANY_PATH,
        metavar="FOLDER",
        show_default=NONE,
        help="Folder of composition-1k's lists, which may lie in folders of their own below it: "
        "training_fg_names.txt, training_bg_names.txt, test_fg_names.txt, test_bg_names.txt.",
    ),
)
FORM = topic(
    "How they are stored",
    click.option(
        "--lazy", is_flag=True, help="Write recipes, not images: these are made as they are read."
    ),
    click.option(
        "--decode-backgrounds",
        is_flag=True,
        help="Keep backgrounds as pixels: some four times their bytes, and composites are made in "
        "much less time as they are read.",
    ),
    OVERWRITE,
)


@click.command(cls=TopicCommand, short_help="Paste the people on backgrounds.")
@click.argument("store", type=STORE)
@click.argument("out", type=TARGET)
@BACKGROUNDS
@COMPOSITES
@LIKENESS
@PUBLISHED
@FORM
@CLUSTER
@OUTPUT
@click.pass_context
def command(
    context: click.Context,
    /,
    store: "Location",
    out: "Location",
    **options: Any,  # noqa: ANN401
) -> None:
    """Paste the people of STORE on backgrounds and write the composites to OUT.

    Backgrounds are split as the people are: none of either is in both train and test. Each is
    used once before any is used twice. LOW,HIGH is drawn for each composite; all that is drawn
    stands in its recipe (`shm-data inspect OUT --sample ID`).

    \b
    shm-data composite people.zarr train.zarr --backgrounds VOC2012 --backgrounds COCO
    """  # noqa: D301
    from shm.datasets.composites.planning import PlanError, RecipeConfig
    from shm.workflows.composite import composite_store
    from shm.workflows.composite.sources import CompositeRun

    protocol = options["protocol"]
    _refuse_what_a_protocol_decides(context, protocol)
    published = {"per_foreground": None} if protocol else {}
    recipe = {name: options[name] for name in RECIPE} | published
    try:
        config = RecipeConfig(**recipe)
    except PlanError as error:
        raise click.UsageError(str(error)) from error
    run = CompositeRun(
        recipe=config,
        protocol=protocol,
        people="allow" if protocol == "composition-1k" else options["people"],
        unlabelled="allow" if protocol == "composition-1k" else options["unlabelled"],
        max_pixels=options["max_megapixels"] * 1_000_000,
        seed=options["seed"],
        decoded=options["decode_backgrounds"],
    )
    outcome = composite_store(
        store,
        out,
        options["backgrounds"],
        run,
        cluster_of(options),
        form="lazy" if options["lazy"] else "materialised",
        lists=options["lists"],
        overwrite=options["overwrite"],
        note=say,
    )
    tell_outcome(
        outcome,
        options["max_rejects"],
        as_json=options["as_json"],
        what="composites",
        then=("shm", "train", out, "--run", "runs/first"),
    )


def _refuse_what_a_protocol_decides(context: click.Context, protocol: str | None) -> None:
    """Raise `UsageError` where an option would change a published set, or needs one."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in DECIDED
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE
    ]
    if protocol and given:
        raise click.UsageError(f"--protocol {protocol} decides {', '.join(given)}: leave it out")
    if (context.params["lists"] is not None) != (protocol == "composition-1k"):
        raise click.UsageError("--protocol composition-1k needs --lists, and only that does")
