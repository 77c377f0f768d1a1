"""Stores put in their places and taken away: whole, in a folder as in a bucket."""

import glob
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from upath import UPath

from shm.datasets.group import open_group
from shm.datasets.storage.location import Location
from shm.datasets.storage.remote import RemoteStorage
from shm.pipeline.errors import ShmError

ROOT = "zarr.json"
"""Key of what makes a folder, or the objects below a name, a store."""


class PlacingError(ShmError, OSError):
    """A store can't be put in its place, or not be taken away."""


def remove(path: Location) -> None:
    """Delete a store; out of its place in one step, so that a kill leaves no part of it there."""
    if not isinstance(path, Path):
        _remove_there(path)
        return
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    path.rename(old)
    shutil.rmtree(old)


def remove_leftovers(path: Location) -> None:
    """Delete what was being written when its process died."""
    if isinstance(path, Path):
        for leftover in path.rglob("*.partial"):
            leftover.unlink(missing_ok=True)


def _remove_there(path: UPath) -> None:
    """Delete a store's objects, last the one that makes it a store; until then it is unfinished.

    Shards that stayed behind would be taken for those of the next store.
    """
    group, layout = open_group(path, writable=True)
    group.attrs["shm"] = layout | {"complete": False}
    storage = RemoteStorage(path)
    storage.delete_some([key for key in storage.listing() if key != ROOT])
    left = [key for key in storage.listing() if key != ROOT]
    if left:
        raise PlacingError(f"{path}: {len(left)} objects can't be deleted, as {left[0]}; try again")
    storage.delete(ROOT)


def create_whole(path: Location, create: Callable[[Location], object]) -> None:
    """Create the store beside its place and move it there whole."""
    if not isinstance(path, Path):
        _create_there(path, create)
        return
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.rmtree(path.with_name(f".{path.name}.old"), ignore_errors=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        create(partial)
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _create_there(path: UPath, create: Callable[[Location], object]) -> None:
    """Create the store here and upload it, what makes it one last."""
    if not path.name:
        raise PlacingError(f"{path}: names no place in the bucket: add one, as people.zarr")
    storage = RemoteStorage(path)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        create(made)
        files = sorted(each for each in made.rglob("*") if each.is_file())
        keys = {each.relative_to(made).as_posix(): each for each in files}
        others = sorted(set(storage.listing()) - keys.keys())  # else of a creation that was killed
        if others:
            raise PlacingError(
                f"{path}: there are other objects, as {others[0]}: name another place"
            )
        for key in sorted(keys, key=lambda key: (key == ROOT, key)):
            storage.write(key, keys[key].read_bytes())
