"""The files of a store's shards: written whole, the record last, and told from any others."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from shm.datasets.group import BROKEN, open_array
from shm.datasets.sharding import ShardedArray
from shm.datasets.storage.errors import StorageError
from shm.datasets.storage.location import Location
from shm.datasets.storage.storage import Storage

RECORD, DIGEST = "record", "digest"


def create_digests(group: zarr.Group, shards: int, fields: int) -> None:
    """Write the metadata of the array that holds the SHA-256 of every shard's files."""
    group.create_array(
        DIGEST,
        shape=(shards, fields, 32),
        chunks=(1, fields, 32),
        dtype="uint8",
        compressors=[ZstdCodec(level=3, checksum=True)],
        fill_value=0,
    )


class ShardFiles:
    """Files of shards, as bytes: one of each array, and one of the records.

    Parameters
    ----------
    path : Path or URL
        The store, to name in errors.
    group : zarr.Group
        Has the digests.
    storage : Storage
    arrays : dict of ShardedArray
        By name, in the order in which a shard is written, with ``record``.
    """

    def __init__(
        self,
        path: Location,
        group: zarr.Group,
        storage: Storage,
        arrays: Mapping[str, ShardedArray],
    ) -> None:
        self._path, self._group, self._storage, self._arrays = path, group, storage, arrays
        self._fields = [name for name in arrays if name != RECORD]

    @cached_property
    def digests(self) -> "zarr.Array[Any]":
        """Return the array of SHA-256, (shards, fields, 32)."""
        return open_array(self._group, DIGEST, self._path)

    def has(self, shard: int) -> bool:
        """Return whether a shard was written whole."""
        return self._storage.read_tail(self._key(RECORD, shard), 1) is not None

    def are_there(self, shard: int) -> bool:
        """Return whether a shard was written whole, and none of its files was lost since."""
        keys = [*(self._key(name, shard) for name in self._arrays), self._digest_key(shard)]
        return all(self._storage.size(key) is not None for key in keys)

    def read(self, shard: int, names: Sequence[str]) -> dict[str, bytes]:
        """Return a shard's files of some arrays, empty where there is none."""
        return {name: self._read(name, shard) or b"" for name in names}

    def write(self, shard: int, content: Mapping[str, bytes], allowed: Callable[[], None]) -> None:
        """Write a shard's files, then their digests, then its record.

        Nothing is deleted first: a cluster may run a task twice at once, and then each finds what
        it has written, as both write the same.

        Parameters
        ----------
        content : dict of bytes
            One of each array.
        allowed : callable
            Called before the record is written; raises where the store is another one meanwhile.
        """
        digests = np.zeros((len(self._fields), 32), np.uint8)
        for place, name in enumerate(self._fields):
            self.put(name, shard, content[name])
            digests[place] = np.frombuffer(hashlib.sha256(content[name]).digest(), np.uint8)
        self.digests[shard] = digests
        allowed()
        self.put(RECORD, shard, content[RECORD])

    def put(self, name: str, shard: int, content: bytes) -> None:
        """Write one file."""
        self._storage.write(self._key(name, shard), content)
        self._arrays[name].forget(shard)

    def delete(self, shard: int) -> None:
        """Delete a shard's files, its record first: without it the shard counts as not made."""
        names = (RECORD, *self._fields)
        for key in (*(self._key(name, shard) for name in names), self._digest_key(shard)):
            self._storage.delete(key)
        for name in names:
            self._arrays[name].forget(shard)

    def damages(self, shard: int) -> Iterator[tuple[str, str]]:
        """Compare a shard's files with their digests; yields (array, what is wrong with it)."""
        try:
            digests = np.asarray(self.digests[shard])
        except StorageError:
            raise
        except (RuntimeError, OSError, *BROKEN):
            yield DIGEST, "is damaged"
            return
        for place, name in enumerate(self._fields):
            stored = self._read(name, shard)
            if stored is None:
                yield name, "is missing"
            elif hashlib.sha256(stored).digest() != digests[place].tobytes():
                yield name, "is damaged"

    def identity(self, shards: int) -> str:
        """Return a SHA-256 of the digests and records of all shards."""
        content = hashlib.sha256()
        for key_of in (self._digest_key, lambda shard: self._key(RECORD, shard)):
            for shard in range(shards):
                content.update(self._storage.read(key_of(shard)) or b"")
        return content.hexdigest()

    def _key(self, name: str, shard: int) -> str:
        return self._arrays[name].key(shard)

    def _digest_key(self, shard: int) -> str:
        return f"{DIGEST}/{self.digests.metadata.encode_chunk_key((shard, 0, 0))}"

    def _read(self, name: str, shard: int) -> bytes | None:
        return self._storage.read(self._key(name, shard))
