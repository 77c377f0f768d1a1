"""``shm predict``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from shm.commands.options import (
    ANY_PATH,
    DEVICE,
    MAX_MEGAPIXELS,
    NONE,
    OUTPUT,
    FiniteRange,
    Offer,
    WholeRange,
)
from shm.commands.speech import print_json, say
from shm.commands.topics import TopicCommand, topic

if TYPE_CHECKING:
    from shm.workflows.predict import PredictRun

RESULTS = topic(
    "Results (an alpha, unless others are asked for)",
    click.option(
        "-o",
        "--out",
        type=ANY_PATH,
        required=True,
        metavar="FOLDER",
        help="Folder for the results; - for one PNG on standard output.",
    ),
    click.option("--alpha", is_flag=True, help="The matte, a grey PNG."),
    click.option("--cutout", is_flag=True, help="RGBA, with clean edge colours."),
    click.option(
        "--background",
        "backgrounds",
        metavar="FILE|FOLDER|#rrggbb",
        multiple=True,
        show_default=NONE,
        help="Composite on this photo, each photo of this folder, or this colour; may be repeated.",
    ),
    click.option(
        "--trimap",
        "show_trimap",
        is_flag=True,
        help="The trimap that T-Net makes of the photo, or that --trimaps gives.",
    ),
    click.option(
        "--raw-alpha",
        is_flag=True,
        help="M-Net's alpha as it is, before certain regions of the trimap overrule it.",
    ),
    click.option("--depth", type=click.Choice(["8", "16"]), default="8", help="Bits of an alpha."),
    click.option("--overwrite", is_flag=True, help="Make finished results anew."),
)
HOW = topic(
    "How photos are predicted",
    click.option(
        "--mode",
        type=click.Choice(["whole", "tiles", "resize"]),
        default="whole",
        help="Size at which nets see a photo. whole: its own, up to --max-side; resize: --max-side "
        "in any case; tiles: M-Net at full size, piece by piece.",
    ),
    click.option(
        "--max-side",
        metavar="PIXELS",
        type=WholeRange(min=32),
        show_default="the preset's",
        help="Longer side at which nets see a photo, pixels.",
    ),
    click.option(
        "--upsampling",
        type=click.Choice(["guided", "bicubic"]),
        default="guided",
        help="How an alpha comes back to the photo's size.",
    ),
    click.option(
        "--tile",
        metavar="PIXELS",
        type=WholeRange(min=64),
        default=1024,
        help="With --mode tiles: side of a tile, pixels; a quarter of it overlaps the next.",
    ),
    click.option(
        "--trimaps",
        type=ANY_PATH,
        metavar="FILE|FOLDER",
        show_default=NONE,
        help="A trimap, or a folder of them by the photos' names, in T-Net's place.",
    ),
    MAX_MEGAPIXELS,
)
VIDEO = topic(
    "Videos, and cameras",
    click.option(
        "--smooth",
        metavar="SHARE",
        type=FiniteRange(0, 0.95),
        default=0.0,
        help="Share of the frame before in each alpha, against flicker.",
    ),
    click.option(
        "--video",
        "video_format",
        type=click.Choice(["auto", "mp4", "mkv", "mov", "webm"]),
        default="auto",
        help="Container; auto: mp4, but mov for cut-outs, mkv (lossless) for 16 bits.",
    ),
)
CAMERA = topic(
    "Camera",
    click.option(
        "--camera",
        metavar="N|ADDRESS|browser",
        show_default=NONE,
        help="Show this camera's mattes, in place of INPUTS. Stills and recordings go to FOLDER, "
        "each beside its photo.",
    ),
    click.option(
        "--preview",
        type=click.Choice(["auto", "window", "page"]),
        default="auto",
        help="auto: a window where OpenCV has one, else a page on this machine.",
    ),
    click.option(
        "--port",
        metavar="NUMBER",
        type=WholeRange(0, 65535),
        default=8400,
        help="Port of the page; 0: any free one.",
    ),
)
MACHINE = topic(
    "Where it runs",
    DEVICE,
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
        default="auto",
        help="auto: half precision on CUDA.",
    ),
    click.option(
        "--batch",
        metavar="COUNT",
        type=WholeRange(1, 256),
        default=1,
        help="Photos of one size, or frames, at once.",
    ),
)


@click.command(cls=TopicCommand, short_help="Predict mattes of photos, videos or a camera.")
@click.argument("model", type=Offer("text"))
@click.argument("inputs", type=Offer("text"), nargs=-1)
@RESULTS
@HOW
@VIDEO
@CAMERA
@MACHINE
@OUTPUT
def command(model: str, inputs: tuple[str, ...], out: Path, **options: Any) -> None:  # noqa: ANN401
    """Predict mattes of INPUTS: photos, videos, folders of them, patterns, or - for a photo.

    Results have the input's name, folder and size, one kind in FOLDER, several each in its own
    below. What fails is named, the others go on; run again, it carries on.

    \b
    shm predict runs/first photos -o mattes
    shm predict runs/first a.jpg b.jpg c.jpg -o cut --cutout
    shm predict runs/first --camera 0 -o shots --background beach.jpg
    """  # noqa: D301
    from shm.workflows.predict import predict

    target = None if str(out) == "-" else out
    if options["camera"] is not None:
        _watch(model, inputs, target, options)
        return
    _require_default("INPUTS", "preview", "port")
    if not inputs:
        raise click.UsageError("Missing INPUTS: give photos, videos or folders, or --camera.")
    if target is None and options["as_json"]:
        raise click.UsageError("standard output has room for --json or for -o -, not for both.")
    found = predict(model, inputs, target, _run(options), say)
    if target is not None and options["as_json"]:
        print_json(found.as_json())
    elif target is not None:
        finished = f", {len(found.finished)} were finished" if found.finished else ""
        count = len(found.written)
        files = f"{count} file{'s' * (count != 1)}"
        say(f"{out}: {files} written, {len(found.failed)} failed{finished}")
        if found.failed:
            say(
                "mend these and run it again: what is finished is passed over",
                colour="yellow",
            )
    if found.failed:
        raise click.exceptions.Exit(1)


def _watch(
    model: str, inputs: tuple[str, ...], target: Path | None, options: Mapping[str, Any]
) -> None:
    from shm.workflows.predict.camera import CameraConfig, predict_camera

    if inputs or target is None:
        raise click.UsageError("--camera goes without INPUTS, and with a folder --out.")
    _require_default("--camera", "trimaps", "batch", "overwrite")
    config = CameraConfig(
        camera=options["camera"], preview=options["preview"], port=options["port"]
    )
    found = predict_camera(model, target, config, _run(options), say)
    if options["as_json"]:
        print_json(found.as_json())
    else:
        say(f"{target}: {len(found.written)} files kept")
    if found.ended is not None:
        raise click.ClickException(found.ended)


def _require_default(why: str, *names: str) -> None:
    """Refuse options that would do nothing."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} has no meaning with {why}.")


def _run(options: Mapping[str, Any]) -> "PredictRun":
    from shm.prediction import PhotoConfig, TilesConfig
    from shm.workflows.nets import NetsConfig
    from shm.workflows.predict import PredictRun
    from shm.workflows.predict.results import KINDS, Wanted, find_backdrops
    from shm.workflows.predict.videos import VideoConfig

    max_pixels = options["max_megapixels"] * 1_000_000
    asked = {
        "alpha": options["alpha"],
        "raw-alpha": options["raw_alpha"],
        "trimap": options["show_trimap"],
        "cutout": options["cutout"],
        "composite": bool(options["backgrounds"]),
    }
    backdrops = find_backdrops(options["backgrounds"], max_pixels)
    wanted = Wanted(
        kinds=tuple(kind for kind in KINDS if asked[kind]) or ("alpha",),
        depth=16 if options["depth"] == "16" else 8,
        backdrops=backdrops,
    )
    side = options["tile"]
    return PredictRun(
        wanted=wanted,
        nets=NetsConfig(device=options["device"], precision=options["precision"]),
        photo=PhotoConfig(
            mode=options["mode"],
            max_side=options["max_side"] or 0,
            upsampling=options["upsampling"],
            tiles=TilesConfig(side=side, overlap=side // 4),
        ),
        video=VideoConfig(format=options["video_format"], smooth=options["smooth"]),
        trimaps=options["trimaps"],
        batch=options["batch"],
        overwrite=options["overwrite"],
        max_pixels=max_pixels,
    )
