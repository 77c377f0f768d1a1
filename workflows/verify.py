"""Checking that every byte of a store is the one that was written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shm.datasets.damage import Damage
from shm.datasets.store import open_store
from shm.workflows.progress import progress


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What `verify_store` found; sound where `damages` is empty and the store is complete."""

    store: Path
    shards: int
    complete: bool
    damages: tuple[Damage, ...]
    repaired: bool

    @property
    def sound(self) -> bool:
        """Return whether nothing is missing or damaged."""
        return self.complete and not self.damages

    def as_json(self) -> dict[str, Any]:
        """Return the verdict for ``--json``."""
        return {
            "store": str(self.store),
            "sound": self.sound,
            "complete": self.complete,
            "shards": self.shards,
            "damages": [
                {"shard": d.shard, "array": d.array, "what": d.what, "samples": list(d.samples)}
                for d in self.damages
            ],
        }


def verify_store(path: Path, *, repair: bool = False) -> Verdict:
    """Check the manifest and every checksum of a store.

    With `repair`, the records of damaged shards are taken back, so that the command that made the
    store makes just these again.
    """
    store = open_store(path, writable=repair, incomplete=True)
    complete = bool(store.attributes["complete"])
    damages: list[Damage] = []
    with progress("verify", store.shards, "shard") as bar:
        for shard in range(store.shards):
            if complete or store.has_shard(shard):  # else it is still to be made
                damages += store.damages_of(shard)
            bar.advance()
    if repair:
        for shard in sorted({damage.shard for damage in damages}):
            store.forget_shard(shard)
    return Verdict(
        store=path, shards=store.shards, complete=complete, damages=tuple(damages), repaired=repair
    )
