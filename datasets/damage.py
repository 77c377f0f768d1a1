"""What can be wrong with a store."""

from dataclasses import dataclass

from shm.pipeline.errors import ShmError


class StoreError(ShmError, ValueError):
    """A path holds no store, or one that this version can't use."""


class DamageError(StoreError):
    """A shard is missing or its bytes are not those that were written."""


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
