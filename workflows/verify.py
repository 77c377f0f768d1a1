"""Checking that every byte of a store is the one that was written, and that no split leaks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from shm.datasets.composites.leaks import leaks_among, leaks_of_composites
from shm.datasets.composites.store import CompositeStore
from shm.datasets.damage import Damage, DamageError
from shm.datasets.group import damaged_metadata, require_writable
from shm.datasets.opening import Samples, open_samples
from shm.datasets.storage.location import Location
from shm.workflows.ledger import Ledger
from shm.workflows.lock import locked
from shm.workflows.progress import progress


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What `verify_store` found: `damages` of bytes, and `leaks` between splits, a line each."""

    store: Location
    kind: str
    shards: int
    complete: bool
    damages: tuple[Damage, ...]
    leaks: tuple[str, ...]
    repaired: bool = False

    @property
    def sound(self) -> bool:
        """Return whether nothing is missing or damaged, and nobody is in two splits."""
        return self.complete and not self.damages and not self.leaks

    def as_json(self) -> dict[str, Any]:
        """Return the verdict for ``--json``."""
        return {
            "store": str(self.store),
            "kind": self.kind,
            "sound": self.sound,
            "complete": self.complete,
            "shards": self.shards,
            "damages": [
                {"shard": d.shard, "array": d.array, "what": d.what, "samples": list(d.samples)}
                for d in self.damages
            ],
            "leaks": list(self.leaks),
            "repaired": self.repaired,
        }


def verify_store(path: Location, *, repair: bool = False) -> Verdict:
    """Check the manifest and every checksum of a store, and who is in which split.

    With `repair`, the records of damaged shards are taken back, so that the command that made the
    store makes just these again. A leak is not repaired: only who made it knows what is right.
    """
    if not repair:
        return _verified(path)
    require_writable(path)
    open_samples(path, incomplete=True)  # what isn't there can't be held either
    with locked(path, "shm-data verify --repair"):
        return _repaired(path)


def _repaired(path: Location) -> Verdict:
    verdict = _verified(path)
    store = open_samples(path, writable=True, incomplete=True)
    damaged = sorted({(damage.array, damage.shard) for damage in verdict.damages})
    for array, shard in damaged:
        if array != "zarr.json":  # what that should say, only its command knows
            store.forget_shard(array, shard)
    if damaged:
        Ledger(path).add("repair", damages=list(map(str, verdict.damages)))
    return replace(verdict, repaired=True)


def _verified(path: Location) -> Verdict:
    store = open_samples(path, incomplete=True)
    complete = bool(store.attributes["complete"])
    damages: list[Damage] = []
    with progress("verify", store.shards, "shard") as bar:
        for found in store.damages():
            damages += found
            bar.advance()
    if complete and not store.is_sealed():
        damages.append(Damage(0, "zarr.json", "is not what was written", ()))
    leaks = () if damages else tuple(_leaks(store))
    return Verdict(
        store=path,
        kind=store.kind,
        shards=store.shards,
        complete=complete,
        damages=tuple(damages),
        leaks=leaks,
    )


def _leaks(store: Samples) -> Iterator[str]:
    try:
        with damaged_metadata(store.path):
            if not isinstance(store, CompositeStore):
                yield from leaks_among(record for _, record in store.samples())
            elif store.attributes["recipes"] is not None:
                yield from leaks_of_composites(store)
    except DamageError:
        if store.attributes["complete"]:
            raise
