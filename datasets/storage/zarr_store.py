"""A storage as zarr reads it, so that metadata come by the same way as the samples."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype

from shm.datasets.storage.errors import StorageError
from shm.datasets.storage.storage import Storage


class StorageStore(Store):
    """A zarr store of a storage's objects: ``zarr.open_group(StorageStore(storage))``.

    It can't be listed. Unlike other stores it raises `TruncatedError` for a range that reaches
    past the end of an object, rather than return less.
    """

    supports_writes = True
    supports_deletes = True
    supports_listing = False

    def __init__(self, storage: Storage, *, read_only: bool = True) -> None:
        super().__init__(read_only=read_only)
        self.storage = storage

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorageStore) and other.storage is self.storage

    def __hash__(self) -> int:
        return id(self.storage)

    def __str__(self) -> str:
        return self.storage.url

    def with_read_only(self, read_only: bool = False) -> Store:
        """Return itself, or a store of the same objects that can only be read.

        Raises ValueError where what can only be read is to be written to.
        """
        if read_only == self.read_only:
            return self
        if self.read_only:
            raise ValueError(f"{self}: is opened to be read only")
        return type(self)(self.storage)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return an object, or a part of it."""
        # In a thread: zarr's loop goes on meanwhile, and fsspec's is another one.
        content = await asyncio.to_thread(self._read, key, byte_range)
        return None if content is None else prototype.buffer.from_bytes(content)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of objects."""
        asked = [self.get(key, prototype, part) for key, part in key_ranges]
        return list(await asyncio.gather(*asked))

    async def exists(self, key: str) -> bool:
        """Return whether there is such an object."""
        return await asyncio.to_thread(self.storage.size, key) is not None

    async def getsize(self, key: str) -> int:
        """Return how many bytes an object has."""
        size = await asyncio.to_thread(self.storage.size, key)
        if size is None:
            raise FileNotFoundError(key)
        return size

    async def set(self, key: str, value: Buffer) -> None:
        """Put an object in its place; raises ValueError where it may only be read."""
        self._check_writable()
        await asyncio.to_thread(self.storage.write, key, value.to_bytes())

    async def delete(self, key: str) -> None:
        """Delete an object; raises ValueError where it may only be read."""
        self._check_writable()
        await asyncio.to_thread(self.storage.delete, key)

    def list(self) -> AsyncIterator[str]:
        """Raise `StorageError`: what has no listing says so by `supports_listing`."""
        raise StorageError(f"{self}: can't be listed; name the arrays of a store instead")

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002 - zarr's signature
        """Raise `StorageError`."""
        return self.list()

    def list_dir(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002 - zarr's signature
        """Raise `StorageError`."""
        return self.list()

    def _read(self, key: str, part: ByteRequest | None) -> bytes | None:
        if part is None:
            return self.storage.read(key)
        if isinstance(part, SuffixByteRequest):
            return self.storage.read_tail(key, part.suffix)
        if isinstance(part, OffsetByteRequest):
            size = self.storage.size(key)
            if size is None:
                return None
            part = RangeByteRequest(part.offset, max(size, part.offset))
        found = self.storage.read_ranges(key, [(part.start, part.end)])
        return None if found is None else found[0]
