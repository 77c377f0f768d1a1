"""What can be wrong with a store."""

from dataclasses import dataclass
from pathlib import Path

from shm.datasets.storage.location import Location
from shm.pipeline.errors import ShmError


class StoreError(ShmError, ValueError):
    """A path holds no store, or one that this version can't use."""


class DamageError(StoreError):
    """A shard is missing or its bytes are not those that were written."""


def repair_of(path: Location) -> str:
    """Return what to do about a damaged store."""
    if not isinstance(path, Path):
        return f"repair it where it was made (`shm-data verify --repair`), and copy it to {path}"
    return f"run `shm-data verify --repair {path}`, then the command that made it"


@dataclass(frozen=True)
class Damage:
    """One thing that `Store.damages` found."""

    shard: int
    array: str
    what: str
    samples: tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join(self.samples[:8]) + (" …" if len(self.samples) > 8 else "")
        return f"shard {self.shard} of {self.array} {self.what} (samples: {names or 'unknown'})"
