"""``shm predict``."""

from pathlib import Path
from typing import Any

import click

from shm.commands.options import ANY_PATH, JSON, MAX_MEGAPIXELS, print_json, say


@click.command()
@click.argument("checkpoint", type=ANY_PATH)
@click.argument("inputs", type=ANY_PATH, nargs=-1, required=True)
@click.option("--out", type=ANY_PATH, required=True, help="Folder for the results.")
@click.option("--alpha/--no-alpha", default=True, help="Write NAME_alpha.png.")
@click.option("--cutout", is_flag=True, help="Write NAME_cutout.png: RGBA, clean edge colours.")
@click.option("--trimap", is_flag=True, help="Write NAME_trimap.png: what T-Net sees.")
@click.option(
    "--background",
    metavar="FILE|#rrggbb",
    help="Write NAME_composite.png: the person on this photo or colour.",
)
@click.option(
    "--max-side",
    type=click.IntRange(min=32),
    help="Longer side at which to predict, pixels.  [default: the preset's]",
)
@MAX_MEGAPIXELS
@click.option("--device", default="auto", help="cpu, cuda, mps or auto.")
@JSON
def command(checkpoint: Path, inputs: tuple[Path, ...], out: Path, **options: Any) -> None:  # noqa: ANN401
    """Predict the mattes of photos: INPUTS are images and folders of images.

    Results have the photo's name, folder and size. A photo that can't be read is named, and the
    others go on.

    \b
    shm predict runs/first photos --out mattes --cutout
    """  # noqa: D301
    from shm.workflows.predict import PredictRun, predict

    outputs = tuple(name for name in ("alpha", "cutout", "trimap") if options[name])
    if not outputs and options["background"] is None:
        raise click.UsageError("nothing to write: give --alpha, --cutout, --trimap or --background")
    run = PredictRun(
        outputs=outputs,
        background=options["background"],
        device=options["device"],
        max_side=options["max_side"],
        max_pixels=options["max_megapixels"] * 1_000_000,
    )
    found = predict(checkpoint, inputs, out, run, say)
    if options["as_json"]:
        failed = [{"source": str(photo), "reason": reason} for photo, reason in found.failed]
        print_json({"written": [str(path) for path in found.written], "failed": failed})
    else:
        say(f"{out}: {len(found.written)} files written, {len(found.failed)} photos failed")
    if found.failed:
        raise click.exceptions.Exit(1)
