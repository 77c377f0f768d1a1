"""Making a store in any number of attempts: create it, or find out how far the last one got."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from shm.datasets.damage import StoreError
from shm.datasets.group import open_group
from shm.pipeline.errors import ShmError


class ResumeError(ShmError, ValueError):
    """The store at the target was made from other inputs or with other options."""


class _Store(Protocol):
    kind: Any
    attributes: dict[str, Any]


AnyStore = TypeVar("AnyStore", bound=_Store)


def open_for_writing(
    path: Path,
    wanted: Mapping[str, Any],
    *,
    create: Callable[[Path], AnyStore],
    reopen: Callable[[Path], AnyStore],
    overwrite: bool = False,
) -> AnyStore:
    """Create the store, or open what an earlier run of the same command left.

    Parameters
    ----------
    wanted : mapping
        What the store must say of itself: its kind, and all that decides its bytes.
    create : callable
        Creates an empty store of that at a path.
    reopen : callable
        Opens one to write in it, whether it is finished or not.
    overwrite : bool
        Make the store anew, unless what stands there is this very one, unfinished.

    Raises
    ------
    ResumeError
        What stands there was made otherwise; the message names the options that differ.
    """
    wanted = _plain(wanted)
    if overwrite and path.exists():
        # Opening it first, so that nothing is ever deleted but a store of ours.
        _, layout = open_group(path)
        if path.is_symlink():
            raise ResumeError(f"{path} is a link: name the store that it leads to")
        if layout["kind"] != wanted["kind"]:
            raise ResumeError(
                f"{path} holds {layout['kind']} samples: --overwrite replaces a store of its own "
                "kind only; name another"
            )
        if layout["complete"] or differences(layout, wanted):
            _remove(path)
    if not path.exists():
        _create(path, create)
        return reopen(path)
    changes = differences(open_group(path)[1], wanted)
    if changes:
        raise ResumeError(
            f"{path} was made otherwise: {'; '.join(changes)}. Give the options that it was made "
            "with, name another store, or add --overwrite to make it anew"
        )
    for leftover in path.rglob("*.partial"):
        leftover.unlink()
    return reopen(path)


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Describe in words every wanted value that is not the one there."""
    found = []
    for name, value in wanted.items():
        old = there.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            found += differences(old, value, f"{prefix}{name}.")
        elif old != value:
            digest = name in ("inputs", "identity")
            what = "changed" if digest else f"was {old}, now {value}"
            found.append(f"{prefix}{name} {what}")
    return found


def _remove(path: Path) -> None:
    """Delete a store; out of its place in one step, so that a kill leaves no part of it there."""
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    path.rename(old)
    shutil.rmtree(old)


def _create(path: Path, create: Callable[[Path], object]) -> None:
    """Create the store beside its place and move it there whole."""
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent}: no such folder to put {path.name} in")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    create(partial)
    partial.rename(path)


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value as JSON gives it back: tuples as lists, keys as strings."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain
