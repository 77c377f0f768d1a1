"""Sharded arrays at the level of bytes: only the inner chunks that are asked for are read.

The layout is zarr's (v3, codec ``sharding_indexed``): inner chunks, each a Zstandard frame and its
CRC-32C, then an index of their (offset, length), then the index's CRC-32C. (Zstandard's own
checksum leaves a few bits of its tables unchecked.) A chunk of nothing but zeros is left out. zarr
reads and writes the same; it takes several times as long (``benchmarks/layouts.py``), and can't say
which shard of which array it stumbled over.

Everything is decoded without holding the GIL, and may be called by several threads.
"""

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import google_crc32c
import numpy as np
import zstandard
from cachetools import LRUCache, cached
from numpy.typing import NDArray
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import Crc32cCodec, ZstdCodec

from shm.datasets.storage.errors import TruncatedError
from shm.datasets.storage.storage import Storage
from shm.pipeline.errors import ShmError

INDICES_KEPT = 1024
"""Shard indices of an array that are kept: 16 bytes an inner chunk."""

_LEFT_OUT = 2**64 - 1
"""Offset and length in the index of a chunk of zeros."""

_CRC_BYTES = 4

_thread = threading.local()
"""Holds each thread's decompressor: it may not be shared."""


class ShardError(ShmError, ValueError):
    """A shard is missing or damaged."""

    def __init__(self, shard: int, what: Literal["is missing", "is damaged"]) -> None:
        super().__init__(f"shard {shard} {what}")
        self.shard, self.what = shard, what


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How an array lies in its shards.

    Parameters
    ----------
    slots : int
        Slots a shard: the first dimension.
    slot : tuple of int
        Shape of a slot.
    chunk : tuple of int
        Shape of an inner chunk, in a slot.
    dtype : str
    level : int
        Of Zstandard.
    """

    slots: int
    slot: tuple[int, ...]
    chunk: tuple[int, ...]
    dtype: str = "uint8"
    level: int = 3

    @property
    def grid(self) -> tuple[int, ...]:
        """Return how many chunks cover a slot along each of its dimensions."""
        return tuple(-(-side // step) for side, step in zip(self.slot, self.chunk, strict=True))

    @property
    def chunks(self) -> tuple[int, ...]:
        """Return zarr's ``chunks``: the shape of an inner chunk, the slot's dimension included."""
        return (1, *self.chunk)

    @property
    def shards(self) -> tuple[int, ...]:
        """Return zarr's ``shards``."""
        sides = (count * step for count, step in zip(self.grid, self.chunk, strict=True))
        return (self.slots, *sides)

    @property
    def codecs(self) -> list[BytesBytesCodec]:
        """Return zarr's codecs of an inner chunk."""
        return [ZstdCodec(level=self.level, checksum=False), Crc32cCodec()]

    @property
    def index(self) -> tuple[int, ...]:
        """Return the shape of a shard's index."""
        return (self.slots, *self.grid, 2)


class ShardedArray:
    """An array that is read chunk by chunk, and of which a shard is encoded at a time.

    Parameters
    ----------
    storage : Storage
    name : str
        The array's, in the storage.
    layout : Layout
    """

    def __init__(self, storage: Storage, name: str, layout: Layout) -> None:
        self.name, self.layout = name, layout
        self._storage = storage
        self._kept: LRUCache[int, NDArray[np.uint64]] = LRUCache(INDICES_KEPT)
        self._lock = threading.Lock()
        self._index = cached(self._kept, key=int, lock=self._lock)(self._read_index)

    def key(self, shard: int) -> str:
        """Return the key of a shard in the storage."""
        return "/".join((self.name, "c", str(shard), *("0" for _ in self.layout.slot)))

    # ---------------------------------------------------------------- reading

    def read(self, slot: int, window: Sequence[slice]) -> NDArray[Any]:
        """Read a window of a slot.

        What is wrong in a cache is read once more from where it came from.

        Parameters
        ----------
        slot : int
        window : slices
            One a dimension of the slot, with start and stop; what is left out is read whole.

        Raises
        ------
        ShardError
            The shard is missing, or a checksum does not match.
        """
        rest = self.layout.slot[len(window) :]
        whole = (*window, *(slice(0, side) for side in rest))
        shard, place = divmod(slot, self.layout.slots)
        return self._again(shard, lambda: self._read(shard, place, whole))

    def _again(self, shard: int, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Read; what is wrong is read once more, without what is kept of it here or in a cache."""
        try:
            return self._tried(shard, read)
        except ShardError:
            self._storage.forget(self.key(shard))
            self.forget(shard)
            return self._tried(shard, read)

    def _tried(self, shard: int, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        try:
            return read()
        except TruncatedError as error:
            raise ShardError(shard, "is damaged") from error

    def _read(self, shard: int, place: int, window: Sequence[slice]) -> NDArray[Any]:
        layout = self.layout
        found = np.zeros([part.stop - part.start for part in window], layout.dtype)
        if not found.size:
            return found
        index = self._index(shard)[place]
        touched = itertools.product(
            *(
                range(part.start // step, -(-part.stop // step))
                for part, step in zip(window, layout.chunk, strict=True)
            )
        )
        there = [(at, index[at].tolist()) for at in touched]
        there = [(at, span) for at, span in there if span[0] != _LEFT_OUT]
        ranges = [self._range(shard, *span) for _, span in there]
        for (at, _), content in zip(there, self._contents(shard, ranges), strict=True):
            chunk = self._decode(shard, content)
            target, source = zip(*self._overlaps(at, window), strict=True)
            found[target] = chunk[source]
        return found

    def _contents(self, shard: int, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        contents = self._storage.read_ranges(self.key(shard), ranges) if ranges else []
        if contents is None:
            raise ShardError(shard, "is missing")
        return contents

    def read_shard(self, shard: int) -> NDArray[Any]:
        """Read all slots of a shard, (slots, …); raises as `read` does."""
        return self._again(shard, lambda: self._read_shard(shard))

    def _read_shard(self, shard: int) -> NDArray[Any]:
        layout = self.layout
        content = self._storage.read(self.key(shard))
        if content is None:
            raise ShardError(shard, "is missing")
        index = self._index_in(shard, content)
        found = np.zeros((layout.slots, *layout.slot), layout.dtype)
        whole = [slice(0, side) for side in layout.slot]
        for place, *at in np.ndindex(*layout.index[:-1]):
            offset, length = index[place, *at].tolist()
            if offset == _LEFT_OUT:
                continue
            start, stop = self._range(shard, offset, length)
            chunk = self._decode(shard, content[start:stop])
            target, source = zip(*self._overlaps(at, whole), strict=True)
            found[place][target] = chunk[source]
        return found

    def forget(self, shard: int) -> None:
        """Forget a shard's index: the shard was made anew, or deleted."""
        with self._lock:
            self._kept.pop(shard, None)

    def _overlaps(
        self, at: Sequence[int], window: Sequence[slice]
    ) -> Iterator[tuple[slice, slice]]:
        """Yield, for each dimension, where a chunk and a window overlap: in this, and in that."""
        for number, step, part in zip(at, self.layout.chunk, window, strict=True):
            start, stop = max(part.start, number * step), min(part.stop, (number + 1) * step)
            yield (
                slice(start - part.start, stop - part.start),
                slice(start - number * step, stop - number * step),
            )

    def _range(self, shard: int, offset: int, length: int) -> tuple[int, int]:
        largest = 2 * math.prod(self.layout.chunk) * np.dtype(self.layout.dtype).itemsize + 1024
        if length > largest or offset >= 2**63 - largest:
            raise ShardError(shard, "is damaged")
        return offset, offset + length

    def _decode(self, shard: int, content: bytes) -> NDArray[Any]:
        """Return a chunk; its checksum and its length are right, or it is refused."""
        layout = self.layout
        frame = _checked(shard, content)
        size = math.prod(layout.chunk) * np.dtype(layout.dtype).itemsize
        try:
            if zstandard.frame_content_size(frame) != size:
                raise ShardError(shard, "is damaged")
            chunk = _decompressor().decompress(frame, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise ShardError(shard, "is damaged") from error
        return np.frombuffer(chunk, layout.dtype).reshape(layout.chunk)

    def _read_index(self, shard: int) -> NDArray[np.uint64]:
        length = math.prod(self.layout.index) * 8 + _CRC_BYTES
        tail = self._storage.read_tail(self.key(shard), length)
        if tail is None:
            raise ShardError(shard, "is missing")
        return self._index_in(shard, tail)

    def _index_in(self, shard: int, content: bytes) -> NDArray[np.uint64]:
        """Return the index at the end of a shard's bytes."""
        length = math.prod(self.layout.index) * 8 + _CRC_BYTES
        if len(content) < length:
            raise ShardError(shard, "is damaged")
        return np.frombuffer(_checked(shard, content[-length:]), "<u8").reshape(self.layout.index)

    # ---------------------------------------------------------------- writing

    def encode(self, slots: Sequence[NDArray[Any] | None]) -> bytes:
        """Return the bytes of a shard.

        Parameters
        ----------
        slots : sequence of (array or None)
            What each slot holds, from its first corner on; the rest of the slot is zero. None: the
            slot is empty.
        """
        layout = self.layout
        index = np.full(layout.index, _LEFT_OUT, "<u8")
        compressor = zstandard.ZstdCompressor(level=layout.level)
        chunk = np.zeros(layout.chunk, layout.dtype)  # one for all: a new one takes longer to get
        parts: list[bytes] = []
        offset = 0
        for place, array in enumerate(slots):
            if array is None:
                continue
            for at in np.ndindex(*layout.grid):
                if not self._fill(chunk, array, at):
                    continue
                content = compressor.compress(chunk.data)
                parts += content, _checksum(content)
                index[place, *at] = offset, len(content) + _CRC_BYTES
                offset += len(content) + _CRC_BYTES
        last = index.tobytes()
        return b"".join([*parts, last, _checksum(last)])

    def _fill(self, chunk: NDArray[Any], array: NDArray[Any], at: Sequence[int]) -> bool:
        """Put a chunk of a slot in its array; False where it is zero."""
        part = array[
            tuple(
                slice(number * step, (number + 1) * step)
                for number, step in zip(at, self.layout.chunk, strict=True)
            )
        ]
        if not part.size:
            return False
        if part.shape != chunk.shape:
            chunk[...] = 0
        chunk[tuple(slice(side) for side in part.shape)] = part
        return bool(chunk.max() != 0 or chunk.min() != 0)


def _checksum(content: bytes) -> bytes:
    """Return the CRC-32C that stands behind content."""
    checksum: int = google_crc32c.value(content)
    return checksum.to_bytes(_CRC_BYTES, "little")


def _checked(shard: int, content: bytes) -> bytes:
    """Return content without the CRC-32C behind it; raises `ShardError` where that is not its."""
    checked = content[:-_CRC_BYTES]
    if google_crc32c.value(checked) != int.from_bytes(content[-_CRC_BYTES:], "little"):
        raise ShardError(shard, "is damaged")
    return checked


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_thread, "decompressor"):
        _thread.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _thread.decompressor
    return decompressor
