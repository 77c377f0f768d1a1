"""What a phase shows of itself: pictures of the same samples, one matte as it grows, its losses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from shm.pictures import PictureRow, alpha_of_first_row, appearing, write_grid
from shm.training.log import read_log

NO_LOSSES = ("gradient_norm", "overflow")
"""What a line of the log has beside losses."""

MARGINS = {"left": 0.09, "right": 0.98, "bottom": 0.3, "top": 0.92, "wspace": 0.15}
"""Of the plot, with room for a legend of three rows below it. To have them fitted takes as long as
to draw it twice more."""

FRAME_MILLISECONDS = 400
LAST_MILLISECONDS = 2000
"""How long the animation shows the last matte before it begins again."""


def draw_progress(folder: Path, step: int, rows: Sequence[PictureRow]) -> None:
    """Write what the nets make of some samples at a step, and the animation anew.

    ``pictures/step-000100.png`` shows the samples; ``matte.gif`` the alpha of the first of them at
    each step that has pictures.
    """
    pictures = folder / "pictures"
    write_grid(pictures / f"step-{step:06d}.png", rows)
    frames = [path for path in sorted(pictures.glob("step-*.png")) if _step_of(path) <= step]
    _write_animation(folder / "matte.gif", frames)


def draw_losses(folder: Path) -> None:
    """Plot a phase's log: losses on the left, validation SAD on the right, to ``losses.png``."""
    records = list(read_log(folder / "log.jsonl"))
    trained = [record for record in records if record["kind"] == "train"]
    judged = [record for record in records if record["kind"] == "validation"]
    if not trained:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5))
    losses, sads = figure.subplots(1, 2, gridspec_kw=MARGINS)
    for name in trained[0]["losses"]:
        if name in NO_LOSSES:
            continue
        values = [record["losses"].get(name, np.nan) for record in trained]
        losses.plot([record["step"] for record in trained], values, label=name)
    losses.set(title=f"{folder.name}: losses", xlabel="step", yscale="log")
    losses.legend(loc="upper left", bbox_to_anchor=(0, -0.17), ncols=3)
    for region in ("whole", "unknown"):
        values = [record[region]["sad"] for record in judged]
        sads.plot([record["step"] for record in judged], values, marker="o", label=region)
    sads.set(title="SAD of the validation samples / 1000", xlabel="step", ylim=(0, None))
    sads.legend()
    with appearing(folder / "losses.png") as partial:
        figure.savefig(partial, format="png", dpi=100)


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def _write_animation(path: Path, grids: Sequence[Path]) -> None:
    frames = []
    for grid in grids:
        with Image.open(grid) as picture:
            frames.append(Image.fromarray(alpha_of_first_row(np.asarray(picture))))
    shown = [FRAME_MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
    with appearing(path) as partial:
        frames[0].save(
            partial, format="GIF", save_all=True, append_images=frames[1:], duration=shown, loop=0
        )
