"""Samples of either kind: prepared people, or composites in either form."""

from pathlib import Path
from typing import TypeAlias

from shm.datasets.composites.store import CompositeStore, open_composites
from shm.datasets.damage import StoreError
from shm.datasets.store import Store, open_group, open_store

Samples: TypeAlias = Store | CompositeStore
"""What has samples: to list with `samples` and `slots_in`, to look up with `record`, to `read`."""

PARTS = ("foregrounds", "backgrounds", "images")
"""Kinds of stores that stand in one of composites, and say too little of themselves."""


def open_samples(path: Path, *, writable: bool = False, incomplete: bool = False) -> Samples:
    """Open a store of people or of composites, or say in one line why it can't be.

    Raises
    ------
    StoreError
        There is none, it is of another format, or (unless `incomplete`) not finished.
    """
    _, layout = open_group(path)
    if layout.get("kind") == "composited":
        return open_composites(path, writable=writable, incomplete=incomplete)
    if layout.get("kind") in PARTS:
        raise StoreError(f"{path} is a part of the composites of {path.parent}: name these")
    return open_store(path, writable=writable, incomplete=incomplete)
