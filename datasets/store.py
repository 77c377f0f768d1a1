"""The store: samples in sharded zarr v3 arrays that say what must be in them.

Every array has one slot an input, in its first dimension; `shard` slots are one shard. Of pictures,
a slot is one inner chunk. A rejected input leaves its slot empty. ``record`` holds, for every slot,
a JSON object (UTF-8, padded with zeros): what it is and where it came from, or why it was rejected.
``digest`` holds the SHA-256 of every shard. A shard's record is written last: where it stands, the
shard is whole.

Prepared people are one store. Composites (`shm.datasets.composites`) are several, in one group.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarr.core.buffer import Buffer, default_buffer_prototype
from zarr.core.sync import sync

from shm.datasets.damage import Damage, DamageError, StoreError
from shm.datasets.record import RECORD_BYTES, Record, decode_record, encode_record

FORMAT = 2
TARGET_SHARD_BYTES = 64 * 2**20
FILE_CHUNK_BYTES = 2**18
"""Inner chunk of an array of files: reading one costs what it is long, not the longest."""

Kind = Literal["prepared", "foregrounds", "backgrounds", "images"]
Arrays = dict[str, NDArray[np.uint8]]

FIELDS: dict[Kind, dict[str, int]] = {
    "prepared": {"image": 3, "alpha": 1, "trimap": 1, "foreground": 3},
    "foregrounds": {"alpha": 1, "trimap": 1, "foreground": 3},
    "backgrounds": {"file": 0},
    "images": {"image": 3},
}
"""Channels of each array of a kind of store, in the order in which a shard is written; a file has
none, it is a row of bytes."""

LEVELS: dict[Kind, int] = {"images": -5}
"""Levels of Zstandard; composites are written faster, since there are so many of them."""


def slot_shape(channels: int, canvas: int) -> tuple[int, ...]:
    """Return the shape of a slot of an array."""
    return {0: (canvas,), 1: (canvas, canvas)}.get(channels, (canvas, canvas, channels))


def shard_slots(kind: Kind, canvas: int) -> int:
    """Return how many samples make one shard of about 64 MiB before compression, 1..64."""
    shapes = (slot_shape(channels, canvas) for channels in FIELDS[kind].values())
    return int(np.clip(TARGET_SHARD_BYTES // sum(map(math.prod, shapes)), 1, 64))


def create_store(
    path: Path,
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
    compressors = [ZstdCodec(level=LEVELS.get(kind, 3), checksum=True)]
    for name, channels in FIELDS[kind].items():
        shape = slot_shape(channels, canvas)
        inner = shape if channels else (min(canvas, FILE_CHUNK_BYTES),)
        outer = shape if channels else (-(-canvas // inner[0]) * inner[0],)
        group.create_array(
            name,
            shape=(slots, *shape),
            chunks=(1, *inner),
            shards=(shard, *outer),
            dtype="uint8",
            compressors=compressors,
            fill_value=0,
        )
    shards = -(-slots // shard)
    for name, shape, chunk in (
        ("record", (slots, RECORD_BYTES), (shard, RECORD_BYTES)),
        ("digest", (shards, len(FIELDS[kind]), 32), (1, len(FIELDS[kind]), 32)),
    ):
        group.create_array(
            name,
            shape=shape,
            chunks=chunk,
            dtype="uint8",
            compressors=compressors,
            fill_value=0,
        )
    layout = {"format": FORMAT, "kind": kind, "slots": slots, "canvas": canvas, "shard": shard}
    group.attrs["shm"] = layout | {"complete": False} | dict(attributes)
    return Store(path, group)


def open_group(path: Path, *, writable: bool = False) -> tuple[zarr.Group, dict[str, Any]]:
    """Open a store's zarr group and return what it says of itself.

    Raises
    ------
    StoreError
        There is none, or it is of another format.
    """
    if not path.exists():
        raise StoreError(f"{path}: no such store")
    if not (path / "zarr.json").is_file():
        raise StoreError(f"{path}: not a zarr v3 group: this is no store, name another")
    try:
        group = zarr.open_group(path, mode="r+" if writable else "r", zarr_format=3)
        layout: Any = group.attrs.get("shm")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path}: not a zarr v3 group that can be read ({error})") from error
    if not isinstance(layout, dict) or "format" not in layout:
        raise StoreError(f"{path}: a zarr group, but not one that shm wrote")
    if layout["format"] != FORMAT:
        raise StoreError(
            f"{path}: store format {layout['format']}, this version of shm reads {FORMAT}; "
            "make it again, or use the version that wrote it"
        )
    return group, layout


def open_store(
    path: Path, *, writable: bool = False, incomplete: bool = False, root: Path | None = None
) -> "Store":
    """Open a store of one kind, or say in one line why it can't be.

    Parameters
    ----------
    root : Path, optional
        The store that it is a part of, to name to who has to mend it.

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
        store = Store(path, group, root=root)
        sound = store.is_consistent()
    if not sound:
        raise StoreError(f"{path}: its metadata contradicts its arrays; make it again")
    require_complete(path, layout, incomplete=incomplete)
    return store


@contextmanager
def damaged_metadata(path: Path) -> Iterator[None]:
    """Turn what broken metadata raises into one line."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path}: its metadata is damaged ({error!r}); make it again") from error


def require_complete(path: Path, layout: Mapping[str, Any], *, incomplete: bool) -> None:
    """Raise `StoreError` where a store is not finished, unless that is allowed."""
    if not (layout.get("complete") or incomplete):
        raise StoreError(f"{path}: not finished; run the command that makes it again to carry on")


def seal(attributes: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a store says of itself, whether it is complete apart."""
    said = {name: value for name, value in attributes.items() if name not in ("seal", "complete")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class Store:
    """A store at rest, read slot by slot and written shard by shard."""

    def __init__(self, path: Path, group: zarr.Group, *, root: Path | None = None) -> None:
        self.path = path
        self._root = root or path
        self._group = group
        self.attributes: dict[str, Any] = dict(group.attrs["shm"])  # type: ignore[arg-type]
        self.kind: Kind = self.attributes["kind"]
        self.slots: int = self.attributes["slots"]
        self.canvas: int = self.attributes["canvas"]
        self.shard: int = self.attributes["shard"]
        self.fields = FIELDS[self.kind]
        self.shards = -(-self.slots // self.shard)

    @cached_property
    def _arrays(self) -> dict[str, zarr.Array[Any]]:
        names = [*self.fields, "record", "digest"]
        try:
            # To look for chunks of zeros takes longer than to write them; and with all of them
            # written, a shard that is not there is one that was lost.
            with zarr.config.set({"array.write_empty_chunks": True}):
                return {name: self._group[name] for name in names}  # type: ignore[misc]
        except (KeyError, ValueError, OSError) as error:
            raise DamageError(
                f"{self.path}: the metadata of {error} is missing or damaged; delete the store and "
                "make it again"
            ) from error

    def is_consistent(self) -> bool:
        """Return whether attributes and arrays say the same of slots, canvas and shards."""
        arrays = self._arrays
        fits = all(
            arrays[name].shape == (self.slots, *slot_shape(channels, self.canvas))
            and (arrays[name].shards or (0,))[0] == self.shard
            for name, channels in self.fields.items()
        )
        records, digests = arrays["record"], arrays["digest"]
        return fits and records.shape[0] == self.slots and digests.shape[0] == self.shards

    # ---------------------------------------------------------------- writing

    def slots_of(self, shard: int) -> range:
        """Return the slots of a shard."""
        return range(shard * self.shard, min(self.slots, (shard + 1) * self.shard))

    def write_shard(
        self, shard: int, samples: Sequence[Arrays | None], records: Sequence[Record]
    ) -> None:
        """Write one shard of every array, whole, then its digests, then its records.

        Parameters
        ----------
        samples : sequence of (dict of uint8 arrays, or None)
            One a slot: every field, (h, w) or (h, w, 3) with h, w within the canvas, or the bytes
            of a file; None where the input was rejected.
        records : sequence of dict
            One a slot.
        """
        self._delete(shard)  # zarr reads a shard before it writes it: a damaged one stops it
        slots = self.slots_of(shard)
        digests = np.zeros((len(self.fields), 32), np.uint8)
        for place, name in enumerate(self.fields):
            array = self._arrays[name]
            block = np.zeros((len(slots), *array.shape[1:]), np.uint8)
            for at, sample in enumerate(samples):
                if sample is not None:
                    part = tuple(slice(length) for length in sample[name].shape)
                    block[at][part] = sample[name]
            array[slots.start : slots.stop] = block
            digests[place] = np.frombuffer(self._digest(name, shard), np.uint8)
        self._arrays["digest"][shard] = digests
        lines = [encode_record(record) for record in records]
        self._arrays["record"][slots.start : slots.stop] = np.stack(lines)

    def shard_bytes(self, shard: int, names: Sequence[str]) -> dict[str, bytes]:
        """Return a shard's bytes as they are stored, of some arrays and of the record.

        Raises
        ------
        DamageError
            They are not what was written.
        """
        for damage in self.damages_of(shard):
            if damage.array in (*names, "record", "digest"):
                raise DamageError(f"{self.path}: {damage}; {self._cure()}")
        return {name: self._bytes(name, shard) or b"" for name in (*names, "record")}

    def write_shard_bytes(self, shard: int, stored: Mapping[str, bytes]) -> None:
        """Write what `shard_bytes` of a store of the same slots, canvas and shards returned."""
        self._delete(shard)
        digests = np.zeros((len(self.fields), 32), np.uint8)
        for place, name in enumerate(self.fields):
            self._put(name, shard, stored[name])
            digests[place] = np.frombuffer(self._digest(name, shard), np.uint8)
        self._arrays["digest"][shard] = digests
        self._put("record", shard, stored["record"])

    def has_shard(self, shard: int) -> bool:
        """Return whether a shard was written whole."""
        return self._bytes("record", shard) is not None

    def forget_shard(self, array: str, shard: int) -> None:  # noqa: ARG002 - all go together
        """Delete an array's shard, so that the command that made it makes it again."""
        self.mark(complete=False)
        self._delete(shard)

    def _delete(self, shard: int) -> None:
        """Delete a shard's files, its record first: without it the shard counts as not made."""
        for name in ("record", "digest", *self.fields):
            sync(self._group.store.delete(self._key(name, shard)))

    def mark(self, *, complete: bool) -> None:
        """Say whether every shard stands."""
        self.attributes["complete"] = complete
        self.attributes["seal"] = seal(self.attributes)
        self._group.attrs["shm"] = self.attributes

    def is_sealed(self) -> bool:
        """Return whether the store says of itself what it said when it was finished."""
        return bool(self.attributes.get("seal") == seal(self.attributes))

    # ---------------------------------------------------------------- reading

    def records_of(self, shard: int, part: slice | None = None) -> list[Record]:
        """Return the records of one shard, or of some slots of it.

        Raises
        ------
        DamageError
            They can't be read.
        """
        slots = self.slots_of(shard)
        try:
            rows = np.asarray(self._arrays["record"][part or slice(slots.start, slots.stop)])
            return [decode_record(row) for row in rows]
        except (RuntimeError, ValueError, OSError) as error:
            what = f"{self.path}: shard {shard} of record is missing or damaged"
            raise DamageError(f"{what}; {self._cure()}") from error

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
        return self.records_of(slot // self.shard, slice(slot, slot + 1))[0]

    def slots_in(self, split: str | None = None) -> NDArray[np.int64]:
        """Return the slots of the accepted samples, or of one split's."""
        return np.array([slot for slot, _ in self.samples(split)], np.int64)

    def rejected(self) -> Iterator[Record]:
        """Yield the record of every input that was rejected."""
        return (record for _, record in self.records() if "rejected" in record)

    def read(self, slot: int, record: Record, names: Sequence[str] | None = None) -> Arrays:
        """Read a sample at its own size.

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
        part = slice(0, height), slice(0, width)
        return {name: self._part(slot, name, *part) for name in names or self.fields}

    def read_file(self, slot: int, length: int) -> bytes:
        """Read a file of so many bytes; raises as `read` does."""
        return self._part(slot, "file", slice(0, length)).tobytes()

    def _part(self, slot: int, name: str, *part: slice) -> NDArray[np.uint8]:
        """Read the part of a slot that holds something."""
        array = self._arrays[name]
        whole = len(part) == 2  # a picture is one chunk
        try:
            found = np.asarray(array[slot] if whole else array[slot, part[0]], np.uint8)
        except (RuntimeError, ValueError, OSError) as error:
            raise self._damage(slot, name, "is damaged") from error
        if not found.any() and self._is_missing(name, slot // self.shard):
            raise self._damage(slot, name, "is missing")
        return found[part] if whole else found

    # ---------------------------------------------------------------- checking

    def damages(self) -> Iterator[list[Damage]]:
        """Check every shard that was written; yields what is wrong with each in turn."""
        for shard in range(self.shards):
            made = self.attributes["complete"] or self.has_shard(shard)
            yield list(self.damages_of(shard)) if made else []

    def damages_of(self, shard: int) -> Iterator[Damage]:
        """Check one shard's files against its digests; only record and digest are decoded."""
        try:
            records = self.records_of(shard)
        except DamageError:
            yield Damage(shard, "record", "is missing or damaged", ())
            return
        samples = tuple(str(record["id"]) for record in records if "rejected" not in record)
        try:
            digests = np.asarray(self._arrays["digest"][shard])
        except (RuntimeError, ValueError, OSError):
            yield Damage(shard, "digest", "is damaged", samples)
            return
        for place, name in enumerate(self.fields):
            if self._bytes(name, shard) is None:
                yield Damage(shard, name, "is missing", samples)
            elif self._digest(name, shard) != digests[place].tobytes():
                yield Damage(shard, name, "is damaged", samples)

    def identity(self) -> str:
        """Return a SHA-256 that two stores share only if their shards have the same bytes."""
        content = hashlib.sha256()
        for name in ("digest", "record"):
            for shard in range(self.shards):
                content.update(self._bytes(name, shard) or b"")
        return content.hexdigest()

    def bytes_on_disk(self) -> int:
        """Return the size of every file of the store together."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    def _is_missing(self, name: str, shard: int) -> bool:
        """Return whether a shard was lost, which zarr reads as zeros."""
        return self._bytes(name, shard) is None

    def _damage(self, slot: int, name: str, what: str) -> DamageError:
        shard = slot // self.shard
        samples = tuple(str(r["id"]) for r in self.records_of(shard) if "rejected" not in r)
        return DamageError(f"{self.path}: {Damage(shard, name, what, samples)}; {self._cure()}")

    def _cure(self) -> str:
        return f"run `shm-data verify --repair {self._root}`, then the command that made it"

    def _key(self, name: str, shard: int) -> str:
        array = self._arrays[name]
        coordinates = (shard,) + (0,) * (array.ndim - 1)
        return f"{name}/{array.metadata.encode_chunk_key(coordinates)}"

    def _put(self, name: str, shard: int, content: bytes) -> None:
        buffer = default_buffer_prototype().buffer.from_bytes(content)
        sync(self._group.store.set(self._key(name, shard), buffer))

    def _bytes(self, name: str, shard: int) -> bytes | None:
        stored = self._stored(name, shard)
        return None if stored is None else stored.to_bytes()

    def _stored(self, name: str, shard: int) -> Buffer | None:
        return sync(self._group.store.get(self._key(name, shard), default_buffer_prototype()))

    def _digest(self, name: str, shard: int) -> bytes:
        stored = self._stored(name, shard)
        return hashlib.sha256(b"" if stored is None else stored.as_numpy_array().data).digest()
