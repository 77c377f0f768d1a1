"""Where results are written, pages above all: in no other file's place."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from shm.commands.options import ANY_PATH, FiniteRange
from shm.commands.topics import Command, topic

PAGE_BEGINS = rb"<!doctype html>[\s\S]*<meta name=\"generator\" content=\"shm "
"""How our pages begin."""

BEGINNING = 4096
"""Bytes of a file that tell whether it is one of ours."""


def page_options(name: str, bounded: str) -> Callable[[Command], Command]:
    """Return the options that say where a page goes, and how large it may be.

    Parameters
    ----------
    name : str
        What it is called by default.
    bounded : str
        What happens where it would be larger, for the help.
    """
    return topic(
        "The page",
        click.option(
            "--out", "-o", type=ANY_PATH, default=name, help="The page: one file, no network."
        ),
        click.option(
            "--megabytes",
            metavar="MEGABYTES",
            type=FiniteRange(1, 1000),
            default=64.0,
            help=f"Size that the page may have, megabytes: {bounded}",
        ),
    )


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
