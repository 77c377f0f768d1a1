"""Small raw corpora and commands run as real processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from distributed import Client
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


def kill_when(words: Sequence[object], sign: Path) -> bool:
    """Start a command and SIGKILL it once `sign` exists; False where it ended before."""
    process = subprocess.Popen(
        command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    give_up = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < give_up:
        if sign.exists():
            process.kill()
            process.wait()
            return True
        time.sleep(0.002)
    process.kill()
    process.wait()
    return False


QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "20s",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "5s",
}
"""Watch itself less: a cluster that waits for a whole file of tests takes a fifth of the time."""


@contextmanager
def cluster(file: Path, *, workers: int) -> Iterator[str]:
    """Start a Dask scheduler and workers as processes of their own; yield its address.

    Commands that are given it as ``--scheduler`` need not start a worker, with all its imports,
    each by itself.
    """
    dask = [sys.executable, "-m", "dask"]
    options = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]
    scheduler = [*dask, "scheduler", "--port", "0", *options]
    worker = [*dask, "worker", "--nthreads", "1", "--no-nanny", *options]

    def start(words: list[str]) -> subprocess.Popen[bytes]:
        nowhere = subprocess.DEVNULL
        environment = os.environ | QUIET
        return subprocess.Popen(
            words, cwd=file.parent, env=environment, stdout=nowhere, stderr=nowhere
        )

    started = [start(scheduler)]
    try:
        give_up = time.monotonic() + 60
        while not file.exists() and time.monotonic() < give_up:
            time.sleep(0.05)
        started += [start(worker) for _ in range(workers)]
        address = json.loads(file.read_text())["address"]
        with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(workers, timeout=60)
        yield address
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
