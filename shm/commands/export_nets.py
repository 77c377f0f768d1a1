"""``shm export``."""

from pathlib import Path

import click

from shm.commands.options import ANY_PATH, OUTPUT
from shm.commands.speech import print_json, say, say_next
from shm.commands.topics import TopicCommand, topic


@click.command(cls=TopicCommand, short_help="Write nets for programs that know nothing of shm.")
@click.argument("checkpoint", type=ANY_PATH)
@click.argument("folder", type=ANY_PATH)
@topic(
    "What is written",
    click.option(
        "--format",
        "formats",
        type=click.Choice(["onnx", "program"]),
        multiple=True,
        default=("onnx", "program"),
        help="onnx: for onnxruntime and others; program: .pt2, for torch.export.load; may be "
        "repeated.",
    ),
)
@OUTPUT
def command(checkpoint: Path, folder: Path, formats: tuple[str, ...], as_json: bool) -> None:
    """Write the nets of CHECKPOINT into FOLDER, for programs that know nothing of shm.

    photo.onnx takes a photo, photo-and-trimap.onnx a trimap beside it, the .pt2 files likewise; all
    take any size and batch. Each is compared with the nets at three sizes before it is written, and
    MODEL_CARD.md says what they were trained on and how good they were. `shm predict FOLDER` runs
    the ONNX files, too.

    \b
    shm export runs/first exported && shm predict exported photos --out mattes
    """  # noqa: D301
    from shm.workflows.export_nets import export_nets

    found = export_nets(checkpoint, folder, formats, say)
    if as_json:
        print_json(found.as_json())
    else:
        say(f"{folder}: {', '.join(file.name for file in found.files)}")
        if "onnx" in formats:
            say_next("shm", "predict", folder, "PHOTOS", "-o", "mattes")
