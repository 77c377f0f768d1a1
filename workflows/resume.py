"""Making a store in any number of attempts: create it, or find out how far the last one got."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shm.datasets.damage import StoreError
from shm.datasets.store import Kind, Store, create_store, open_store
from shm.pipeline.errors import ShmError


class ResumeError(ShmError, ValueError):
    """The store at the target was made from other inputs or with other options."""


def open_for_writing(
    path: Path,
    *,
    kind: Kind,
    slots: int,
    canvas: int,
    attributes: Mapping[str, Any],
    notes: Mapping[str, Any],
    overwrite: bool = False,
) -> Store:
    """Create the store, or open what an earlier run of the same command left.

    Parameters
    ----------
    attributes : mapping
        What decides the store's bytes: an earlier run must have had the same.
    notes : mapping
        What the store says besides, and need not be the same.
    overwrite : bool
        Make the store anew, unless what stands there is this very one, unfinished.

    Raises
    ------
    ResumeError
        What stands there was made otherwise; the message names the options that differ.
    """
    wanted = _plain({"kind": kind, "slots": slots, "canvas": canvas} | dict(attributes))
    if overwrite and path.exists():
        # Opening it first, so that nothing is ever deleted but a store of ours.
        store = open_store(path, incomplete=True)
        if store.kind != kind:
            raise ResumeError(
                f"{path} holds {store.kind} samples: --overwrite replaces a store of its own kind "
                "only; name another"
            )
        if store.attributes["complete"] or differences(store.attributes, wanted):
            _remove(path)
    if not path.exists():
        about = {**attributes, **notes}
        return _create(path, kind=kind, slots=slots, canvas=canvas, attributes=about)
    store = open_store(path, writable=True, incomplete=True)
    changes = differences(store.attributes, wanted)
    if changes:
        raise ResumeError(
            f"{path} was made otherwise: {'; '.join(changes)}. Give the options that it was made "
            "with, name another store, or add --overwrite to make it anew"
        )
    for leftover in path.rglob("*.partial"):
        leftover.unlink()
    return store


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


def _create(
    path: Path, *, kind: Kind, slots: int, canvas: int, attributes: Mapping[str, Any]
) -> Store:
    """Create the store beside its place and move it there whole."""
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent}: no such folder to put {path.name} in")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    create_store(partial, kind=kind, slots=slots, canvas=canvas, attributes=attributes)
    partial.rename(path)
    return open_store(path, writable=True, incomplete=True)


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value as JSON gives it back: tuples as lists, keys as strings."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain
