"""Small raw corpora and commands run as real processes."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.pipeline.scenes import scene
from tests.workflows.forks import forks

Options = tuple[object, ...]
"""Words of a command line."""

PERSON_XML = "<annotation><object><name>{name}</name></object></annotation>"


HEAR_CTRL_C = "import signal as s; s.signal(s.SIGINT, s.default_int_handler)"
"""As on a terminal: what a shell starts in the background is born deaf to it."""


def write_people(folder: Path, count: int, size: int = 64) -> Path:
    """Write photos of soft discs, each of its own brightness, and their binary masks."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    image, alpha, _, _ = scene(size)
    mask = np.where(alpha >= 128, np.uint8(255), np.uint8(0))
    for number in range(count):
        own = np.clip(image.astype(int) - number % 200, 0, 255).astype(np.uint8)
        own[0, 0] = (number % 256, number // 256, 7)
        Image.fromarray(own).save(folder / "images" / f"p{number:04d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"p{number:04d}.png")
    return folder


def write_backgrounds(folder: Path, count: int, people: Sequence[int] = ()) -> Path:
    """Write a Pascal VOC tree; the photos whose numbers are in `people` show a person."""
    for name in ("JPEGImages", "Annotations"):
        (folder / "VOC2012" / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        noise = random.integers(0, 256, (6, 8, 3), np.uint8)
        photo = Image.fromarray(noise).resize((120, 90), Image.Resampling.BICUBIC)
        photo.save(folder / "VOC2012" / "JPEGImages" / f"b{number:03d}.jpg", quality=90)
        shown = "person" if number in people else "chair"
        xml = PERSON_XML.format(name=shown)
        (folder / "VOC2012" / "Annotations" / f"b{number:03d}.xml").write_text(xml)
    return folder


def command(*words: object) -> list[str]:
    """Return the command line of ``shm-data …`` or ``shm …``."""
    group, *rest = map(str, words)
    function = {"shm-data": "data", "shm": "shm"}[group]
    code = f"{HEAR_CTRL_C}; from shm.cli import {function}; {function}()"
    return [sys.executable, "-c", code, *rest]


def run(*words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; no command may ever show a traceback."""
    done = forks().run([str(word) for word in words])
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, done.stderr
    return done


def inspected(store: Path) -> dict[str, Any]:
    """Return what ``inspect --json`` says of a store."""
    described: dict[str, Any] = json.loads(run("shm-data", "inspect", store, "--json").stdout)
    return described
