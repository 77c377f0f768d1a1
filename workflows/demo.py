"""The whole chain on the sample corpus: the commands that a person would type, one by one."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shm.datasets.composites.store import open_composites
from shm.datasets.files import write_png
from shm.datasets.store import open_store
from shm.pictures import contact_sheet
from shm.pipeline.errors import ShmError
from shm.prediction import PhotoConfig, predict_photos
from shm.workflows.nets import load_network
from shm.workflows.terminal import is_quiet

COLUMNS = ("photo", "mask", "trimap", "refined alpha", "composite", "prediction", "truth")
SIZE = 384
PER_FOREGROUND = 4
SHOWN = 6


class DemoError(ShmError, RuntimeError):
    """A command of the demo failed; what it said stands above."""


@dataclass(frozen=True, kw_only=True)
class DemoFigures:
    """Held-out SAD of each model, and where the pictures are."""

    table: tuple[tuple[str, dict[str, Any]], ...]
    sheet: Path


def run_demo(folder: Path, *, people: int, note: Callable[[str], None]) -> DemoFigures:
    """Run the chain in `folder`; what is finished is not done again.

    Raises
    ------
    DemoError
        One of the commands failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    corpus, store, train = folder / "corpus", folder / "people.zarr", folder / "train.zarr"
    run = folder / "run"
    # A portrait's foreground is written last: as many as people, and the corpus is whole.
    if len(list(corpus.glob("truth/foregrounds/*.png"))) != people:
        _run(note, "shm-data", "sample", corpus, "--people", people, "--size", SIZE)
    _run(note, "shm-data", "prepare", corpus, store, "--size", SIZE, "--split", "0.8,0.1,0.1")
    backgrounds = corpus / "backgrounds"
    options = ("--backgrounds", backgrounds, "--per-foreground", PER_FOREGROUND)
    _run(note, "shm-data", "composite", store, train, *options)
    _run(note, "shm", "train", train, "--run", run)
    models = (
        ("untrained nets", "untrained:light"),
        ("T-Net alone", run / "tnet"),
        ("end to end", run / "end-to-end"),
    )
    table = tuple(
        (name, json.loads(_run(note, "shm", "evaluate", model, train, "--json")))
        for name, model in models
    )
    sheet = folder / "sheet.png"
    write_png(sheet, demo_sheet(corpus, store, train, run))
    return DemoFigures(table=table, sheet=sheet)


def demo_sheet(corpus: Path, people: Path, composites: Path, run: Path) -> NDArray[np.uint8]:
    """Return a sheet of held-out people, each from photo to prediction."""
    nets = load_network(str(run))
    config = nets.photo_config(PhotoConfig(max_side=0))
    prepared, train = open_store(people), open_composites(composites)
    rows = []
    for slot, record in list(train.samples("test"))[::PER_FOREGROUND][:SHOWN]:
        origin = record["foreground"]
        person = prepared.read(origin["slot"], {"size": record["size"]})
        composite = train.read(slot, record, ("image",))["image"]
        rows.append(
            (
                person["image"],
                _picture(corpus / "masks" / f"{origin['id']}.png"),
                person["trimap"],
                person["alpha"],
                composite,
                _eight_bits(predict_photos(nets.network, [composite], config)[0].alpha),
                _picture(corpus / "truth" / "alphas" / f"{origin['id']}.png"),
            )
        )
    return contact_sheet(rows, COLUMNS)


def _eight_bits(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    levels: NDArray[np.float32] = np.rint(alpha * np.float32(255))
    return levels.astype(np.uint8)


def _picture(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.array(picture.convert("L"), np.uint8)


def _run(note: Callable[[str], None], program: str, *words: object) -> str:
    """Say and run one command; returns its standard output."""
    quiet = ["--quiet"] if is_quiet() else []
    arguments: Sequence[str] = [*map(str, words), *quiet]
    note(f"\n$ {shlex.join([program, *arguments])}")
    function = {"shm-data": "data", "shm": "shm"}[program]
    code = f"from shm.cli import {function}; {function}(prog_name={program!r})"
    done = subprocess.run(  # noqa: S603 - our own commands, no shell
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise DemoError(f"`{program} {arguments[0]}` failed with exit code {done.returncode}")
    return done.stdout
