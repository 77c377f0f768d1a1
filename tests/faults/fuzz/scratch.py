"""A folder for what the targets write, deleted when the process ends."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def scratch(name: str) -> Path:
    """Return a folder of its own for each name."""
    folder = _root() / name
    folder.mkdir()
    return folder


@cache
def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="shm-fuzz-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root
