"""The store: samples in sharded zarr v3 arrays that say what must be in them.

Every array has one slot an input, in its first dimension; `shard` slots are one shard. Of pictures,
a slot is a grid of inner chunks, so that a crop can be read without the rest. A rejected input
leaves its slot empty. ``record`` holds, for every slot, a JSON object (UTF-8, padded with zeros):
what it is and where it came from, or why it was rejected. ``digest`` holds the SHA-256 of every
shard. A shard's record is written last: where it stands, the shard is whole.

Prepared people are one store. Composites (`shm.datasets.composites`) are several, in one group.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from shm.datasets.damage import Damage, DamageError, StoreError, repair_of
from shm.datasets.expected import expected_record
from shm.datasets.fields import FIELDS, Kind, layout_of, pictures, shard_slots
from shm.datasets.group import (
    FORMAT,
    Access,
    create_sharded,
    damaged_metadata,
    is_laid_out,
    open_array,
    open_group,
    require_complete,
    seal,
)
from shm.datasets.record import Record, decode_record, encode_record
from shm.datasets.shard_files import ShardFiles, create_digests
from shm.datasets.sharding import ShardedArray, ShardError
from shm.datasets.storage.location import Location
from shm.pipeline.enlarge import Window
from shm.pipeline.unknown import cells, count_unknown, draw_cell, draw_unknown

Arrays = dict[str, NDArray[np.uint8]]


def create_store(
    path: Location,
    *,
    kind: Kind,
    slots: int,
    canvas: int,
    attributes: Mapping[str, Any],
    shard: int | None = None,
) -> "Store":
    """Write the metadata of an empty store.

    Parameters
    ----------
    slots : int
        Number of inputs, accepted or not.
    canvas : int
        Side in pixels of the square that every sample fits in, at its top left; of a store of
        files, the bytes of the longest.
    attributes : mapping
        What the store says of itself besides its layout, as JSON.
    shard : int, optional
        Slots a shard, where it is not to be `shard_slots`.
    """
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    shard = shard or shard_slots(kind, canvas)
    for name in (*FIELDS[kind], "record"):
        create_sharded(group, name, slots, layout_of(name, canvas, shard))
    create_digests(group, -(-slots // shard), len(FIELDS[kind]))
    layout = {"format": FORMAT, "kind": kind, "slots": slots, "canvas": canvas, "shard": shard}
    group.attrs["shm"] = layout | {"complete": False} | dict(attributes)
    return Store(path, group)


def open_store(
    path: Location,
    *,
    writable: bool = False,
    incomplete: bool = False,
    root: Location | None = None,
    access: Access | None = None,
) -> "Store":
    """Open a store of one kind, or say in one line why it can't be.

    Parameters
    ----------
    root : Path or URL, optional
        The store that it is a part of, to name to who has to mend it.
    access : Access, optional

    Raises
    ------
    StoreError
        There is none, it is of another format, or (unless `incomplete`) not finished.
    """
    group, layout = open_group(path, writable=writable)
    kind = layout.get("kind")
    if kind == "composited":
        raise StoreError(f"{path} holds composited samples: give the store of `shm-data prepare`")
    if kind not in FIELDS:
        raise StoreError(f"{path}: its metadata names an unknown kind of samples, {kind!r}")
    with damaged_metadata(path):
        store = Store(path, group, root=root, access=access)
        sound = store.is_consistent()
    if not sound:
        raise StoreError(f"{path}: its metadata contradicts its arrays; make it again")
    require_complete(path, layout, incomplete=incomplete)
    return store


class Store:
    """A store at rest, read slot by slot and written shard by shard."""

    def __init__(
        self,
        path: Location,
        group: zarr.Group,
        *,
        root: Location | None = None,
        access: Access | None = None,
    ) -> None:
        self.path = path
        self._root = root or path
        self._group = group
        said: dict[str, Any] = dict(group.attrs["shm"])  # type: ignore[arg-type]
        self.attributes = {"complete": False} | said
        self.kind: Kind = self.attributes["kind"]
        self.slots: int = self.attributes["slots"]
        self.canvas: int = self.attributes["canvas"]
        self.shard: int = self.attributes["shard"]
        self.fields = FIELDS[self.kind]
        self.pictures = pictures(self.kind)
        self.shards = -(-self.slots // self.shard)
        access = access or Access()
        self._storage = replace(access, token=access.token or seal(self.attributes)).open(path)
        self._arrays = {
            name: ShardedArray(self._storage, name, layout_of(name, self.canvas, self.shard))
            for name in (*self.fields, "record")
        }
        self._files = ShardFiles(path, group, self._storage, self._arrays)

    def is_consistent(self) -> bool:
        """Return whether attributes and arrays say the same of slots, canvas and shards."""
        fits = all(
            is_laid_out(open_array(self._group, name, self.path), self.slots, array.layout)
            for name, array in self._arrays.items()
        )
        return fits and self._files.digests.shape == (self.shards, len(self.fields), 32)

    # ---------------------------------------------------------------- writing

    def slots_of(self, shard: int) -> range:
        """Return the slots of a shard."""
        return range(shard * self.shard, min(self.slots, (shard + 1) * self.shard))

    def write_shard(
        self,
        shard: int,
        samples: Sequence[Arrays | None],
        records: Sequence[Record],
        *,
        allowed: Callable[[], None] = lambda: None,
        anew: bool = False,
    ) -> None:
        """Write one shard of every array, whole, then its digests, then its records.

        Parameters
        ----------
        samples : sequence of (dict of uint8 arrays, or None)
            One a slot: every picture, (h, w) or (h, w, 3) with h, w within the canvas, or the bytes
            of a file; None where the input was rejected.
        records : sequence of dict
            One a slot.
        allowed : callable, optional
            Raises where the store is another one meanwhile; called when all is ready to be written,
            and once more before the records are.
        anew : bool
            The shard is there with other bytes: its record is deleted first.
        """
        stored: dict[str, bytes] = {}
        for name in self.fields:
            slots = [None if sample is None else _slot(name, sample) for sample in samples]
            stored[name] = self._arrays[name].encode(slots)
        stored["record"] = self._arrays["record"].encode(list(map(encode_record, records)))
        allowed()
        if anew:
            self.delete_shard(shard)
        self._files.write(shard, stored, allowed)

    def shard_bytes(self, shard: int, names: Sequence[str]) -> dict[str, bytes]:
        """Return a shard's bytes as they are stored, of some arrays and of the record.

        Raises
        ------
        DamageError
            They are not what was written.
        """
        for damage in self.damages_of(shard):
            if damage.array in (*names, "record", "digest"):
                raise self._damage(damage)
        return self._files.read(shard, (*names, "record"))

    def write_shard_bytes(self, shard: int, stored: Mapping[str, bytes]) -> None:
        """Write what `shard_bytes` of a store of the same slots, canvas and shards returned."""
        self._files.write(shard, stored, lambda: None)

    def has_shard(self, shard: int) -> bool:
        """Return whether a shard was written whole."""
        return self._files.has(shard)

    def is_whole(self, shard: int) -> bool:
        """Return whether a shard was written whole, and each of its files is there."""
        return self._files.are_there(shard)

    def forget_shard(self, array: str, shard: int) -> None:  # noqa: ARG002 - all go together
        """Delete an array's shard, so that the command that made it makes it again."""
        self.mark(complete=False)
        self.delete_shard(shard)

    def delete_shard(self, shard: int) -> None:
        """Delete a shard's files, its record first: without it the shard counts as not made."""
        self._files.delete(shard)

    def mark(self, *, complete: bool) -> None:
        """Say whether every shard stands."""
        self.attributes["complete"] = complete
        self.attributes["seal"] = seal(self.attributes)
        self._group.attrs["shm"] = self.attributes

    def is_sealed(self) -> bool:
        """Return whether the store says of itself what it said when it was finished."""
        return bool(self.attributes.get("seal") == seal(self.attributes))

    # ---------------------------------------------------------------- reading

    def records_of(self, shard: int) -> list[Record]:
        """Return the records of one shard.

        Raises
        ------
        DamageError
            They can't be read.
        """
        try:
            rows = self._arrays["record"].read_shard(shard)[: len(self.slots_of(shard))]
            return list(map(self._decode, rows))
        except ValueError as error:
            raise self._unreadable(error, shard) from error

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield (slot, record) of every input, accepted or rejected."""
        for shard in range(self.shards):
            yield from zip(self.slots_of(shard), self.records_of(shard), strict=True)

    def samples(self, split: str | None = None) -> Iterator[tuple[int, Record]]:
        """Yield (slot, record) of every accepted sample, or of one split's."""
        for slot, record in self.records():
            if "rejected" not in record and split in (None, record["split"]):
                yield slot, record

    def record(self, slot: int) -> Record:
        """Return the record of one slot; raises `DamageError` where it can't be read."""
        try:
            return self._decode(self._arrays["record"].read(slot, ()))
        except ValueError as error:
            raise self._unreadable(error, slot // self.shard) from error

    def _decode(self, row: NDArray[np.uint8]) -> Record:
        return expected_record(decode_record(row), self.kind, self.canvas)

    def slots_in(self, split: str | None = None) -> NDArray[np.int64]:
        """Return the slots of the accepted samples, or of one split's."""
        return np.array([slot for slot, _ in self.samples(split)], np.int64)

    def rejected(self) -> Iterator[Record]:
        """Yield the record of every input that was rejected."""
        return (record for _, record in self.records() if "rejected" in record)

    def read(
        self,
        slot: int,
        record: Record,
        names: Sequence[str] | None = None,
        window: Window | None = None,
    ) -> Arrays:
        """Read a sample at its own size, or a window of it.

        Parameters
        ----------
        names : sequence of str, optional
            Pictures: of people some of ``image``, ``alpha``, ``trimap``, ``foreground``; all
            without it.
        window : (rows, columns), optional
            With start and stop, within the sample.

        Returns
        -------
        dict of uint8 arrays
            (h, w) for alpha and trimap, (h, w, 3) for the others.

        Raises
        ------
        DamageError
            A checksum does not match, or a shard is not there.
        """
        height, width = record["size"]
        part = window or (slice(0, height), slice(0, width))
        return {name: self._read(name, slot, part) for name in names or self.pictures}

    def read_bytes(self, slot: int, span: slice) -> NDArray[np.uint8]:
        """Read a part of a file, with start and stop; raises as `read` does."""
        return self._read("file", slot, (span,))

    def draw_unknown(
        self, slot: int, record: Record, random: np.random.Generator
    ) -> tuple[int, int] | None:
        """Draw an unknown pixel of a sample, (row, column), each as probable as any.

        The trimap is not read but around that pixel. None where no pixel is unknown.
        """
        height, width = record["size"]
        used = slice(0, cells(height)), slice(0, cells(width))
        cell = draw_cell(self._read("unknown", slot, used), random)
        if cell is None:
            return None
        rows, columns = (
            slice(part.start, min(part.stop, side))
            for part, side in zip(cell, (height, width), strict=True)
        )
        found = draw_unknown(self._read("trimap", slot, (rows, columns)), random)
        return found and (rows.start + found[0], columns.start + found[1])

    def _read(self, name: str, slot: int, window: Sequence[slice]) -> NDArray[np.uint8]:
        try:
            return self._arrays[name].read(slot, window)
        except ShardError as error:
            samples = self._samples_of(error.shard)
            raise self._damage(Damage(error.shard, name, error.what, samples)) from error

    def _unreadable(self, error: ValueError, shard: int) -> DamageError:
        """Return what to say of records that can't be read, or that are none."""
        what = error.what if isinstance(error, ShardError) else "is damaged"
        return self._damage(Damage(shard, "record", what, ()))

    def _damage(self, damage: Damage) -> DamageError:
        return DamageError(f"{self.path}: {damage}; {repair_of(self._root)}")

    # ---------------------------------------------------------------- checking

    def damages(self) -> Iterator[list[Damage]]:
        """Check every shard that was written; yields what is wrong with each in turn."""
        for shard in range(self.shards):
            made = self.attributes["complete"] or self.has_shard(shard)
            yield list(self.damages_of(shard)) if made else []

    def damages_of(self, shard: int) -> Iterator[Damage]:
        """Check one shard's files against its digests; only record and digest are decoded."""
        try:
            samples = self._samples_of(shard)
        except DamageError:
            yield Damage(shard, "record", "is missing or damaged", ())
            return
        for array, what in self._files.damages(shard):
            yield Damage(shard, array, what, samples)

    def identity(self) -> str:
        """Return a SHA-256 that two stores share only if their shards have the same bytes."""
        return self._files.identity(self.shards)

    def bytes_on_disk(self) -> int | None:
        """Return the size of all files of the store; None where they can't be listed."""
        return self._storage.total_bytes()

    def _samples_of(self, shard: int) -> tuple[str, ...]:
        """Return the ids of a shard's samples."""
        records = self.records_of(shard)
        return tuple(str(record["id"]) for record in records if "rejected" not in record)


def _slot(name: str, sample: Arrays) -> NDArray[np.uint8]:
    return count_unknown(sample["trimap"]) if name == "unknown" else sample[name]
