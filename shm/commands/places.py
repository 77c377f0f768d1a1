"""Where results may be written: in no other file's place."""

import re
from collections.abc import Iterable
from pathlib import Path

import click

PAGE_BEGINS = rb"<!doctype html>[\s\S]*<meta name=\"generator\" content=\"shm "
"""How our pages begin."""

BEGINNING = 4096
"""Bytes of a file that tell whether it is one of ours."""


def require_ours(path: Path, begins: bytes, beside: Iterable[object] = ()) -> None:
    """Refuse, before any work is done, to write in the place of something else.

    Parameters
    ----------
    path : Path
        A file that is to be written.
    begins : bytes
        Regular expression of how ours begin, which may be written again.
    beside : iterable
        Folders in which it must not lie; what is no path is passed over.
    """
    from shm.datasets.files import require_place

    require_place(path)
    for folder in beside:
        if isinstance(folder, Path) and path.resolve().is_relative_to(folder.resolve()):
            raise click.UsageError(f"{path} lies in {folder}: name another place")
    if path.exists() and not path.is_file():
        raise click.UsageError(f"{path} is a folder or a device: name a file")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if not re.match(begins, file.read(BEGINNING)):
                raise click.UsageError(f"{path} is there, and none of ours: name another file")
