"""A local cache of limited size below any storage.

Objects are kept in blocks, aligned, under names that hold the storage's URL, a token and the key.
The token changes with the store behind the URL, so that what was kept of the old one is never
served; it goes as it is used no more. What the cache returns was checked against its checksum, or
was fetched just now: a block that is damaged is a block that is not there. A cache that can't be
written any more is no reason to stop training, and costs no byte its truth, so it is a warning;
one that can't be written from the start is a mistake in the command, and an error.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

from shm.datasets.storage.blocks import BlockFolder
from shm.datasets.storage.errors import StorageConfigError, TruncatedError
from shm.datasets.storage.runs import Range
from shm.datasets.storage.storage import Storage

SIZE = struct.Struct("<Q")
FEWEST_BLOCKS = 16
MOST_SIZES = 100_000
"""Objects of which a process remembers how long they are."""

Part: TypeAlias = tuple[int, int, int]
"""(number of a block, start, stop), in bytes from the start of the block."""


@dataclass(frozen=True, kw_only=True)
class CacheConfig:
    """What to keep, and where.

    Attributes
    ----------
    folder : Path
        On a disk of this machine; may be shared by processes, stores and runs.
    limit : int
        Bytes that the folder takes at most.
    block : int
        Bytes of a block: what is fetched and kept at once.
    """

    folder: Path
    limit: int
    block: int = 2**20

    def __post_init__(self) -> None:
        if self.block < 1 or self.limit < FEWEST_BLOCKS * self.block:
            raise StorageConfigError(
                f"a cache of {self.limit} bytes is too small: give it {FEWEST_BLOCKS} blocks of "
                f"{self.block} bytes at least"
            )


class CachedStorage:
    """A storage, and what was read of it before.

    Parameters
    ----------
    storage : Storage
        Where the bytes come from.
    config : CacheConfig
    token : str
        What the store is: another one where it was made anew.
    """

    def __init__(self, storage: Storage, config: CacheConfig, token: str) -> None:
        if not token:
            raise StorageConfigError(
                f"{storage.url}: a cache without a token would serve stale bytes"
            )
        self._storage = storage
        self._token = token
        self._block = config.block
        self._kept = BlockFolder(config.folder, config.limit, config.block)
        self._sizes: dict[str, int] = {}

    @property
    def url(self) -> str:
        """URL of the storage below."""
        return self._storage.url

    def read(self, key: str) -> bytes | None:
        """Return all bytes of an object, or None without one."""
        size = self.size(key)
        return None if size is None else self._one(key, (0, size))

    def read_ranges(self, key: str, ranges: Sequence[Range]) -> list[bytes] | None:
        """Return the bytes of each range, or None without such an object."""
        size = self.size(key)
        if size is None:
            return None
        last = max((stop for _, stop in ranges), default=0)
        if last > size:
            self.forget(key)  # perhaps it was mended meanwhile
            size = self.size(key)
            if size is None:
                return None
            if last > size:
                raise TruncatedError(
                    f"{self.url}/{key}: ends at byte {size}, before byte {last}: cut short"
                )
        plan = [list(self._parts(range_)) for range_ in ranges]
        found = self._found(key, size, set(chain.from_iterable(plan)))
        return (
            None if found is None else [b"".join([found[part] for part in some]) for some in plan]
        )

    def read_tail(self, key: str, length: int) -> bytes | None:
        """Return the last bytes of an object, or None without one."""
        size = self.size(key)
        return None if size is None else self._one(key, (max(size - length, 0), size))

    def size(self, key: str) -> int | None:
        """Return how many bytes an object has, or None without one."""
        size = self._known_size(key)
        if size is None:
            size = self._storage.size(key)
            if size is not None:  # what is not there may come
                self._kept.keep(self._name(key, "size"), SIZE.pack(size))
                self._sizes[key] = size
        return size

    def total_bytes(self) -> int | None:
        """Return the bytes of all objects, asked anew."""
        return self._storage.total_bytes()

    def write(self, key: str, content: bytes) -> None:
        """Write an object below, and forget what is kept of the old one."""
        self._storage.write(key, content)
        self.forget(key)

    def delete(self, key: str) -> None:
        """Delete an object below, and what is kept of it."""
        self._storage.delete(key)
        self.forget(key)

    def forget(self, key: str) -> bool:
        """Delete what is kept of an object; False where that was nothing."""
        size = self._known_size(key) or self._storage.size(key) or 0
        self._sizes.pop(key, None)
        numbers = range(-(-size // self._block))
        names = [self._name(key, what) for what in ("size", *numbers)]
        dropped = [self._kept.drop(name) for name in names]
        return any(dropped)

    def _one(self, key: str, range_: Range) -> bytes | None:
        found = self.read_ranges(key, [range_])
        return None if found is None else found[0]

    def _known_size(self, key: str) -> int | None:
        """Return how long an object is, as far as that was asked before."""
        if key not in self._sizes:
            kept = self._kept.load(self._name(key, "size"), SIZE.size, [(0, SIZE.size)])
            if kept is None:
                return None
            if len(self._sizes) >= MOST_SIZES:
                self._sizes.clear()
            self._sizes[key] = SIZE.unpack(kept[0])[0]
        return self._sizes.get(key)

    def _found(self, key: str, size: int, parts: set[Part]) -> dict[Part, bytes] | None:
        """Return parts of blocks, from the cache or from below it, where blocks come whole."""
        found: dict[Part, bytes] = {}
        missing: dict[int, list[Part]] = {}
        for number, group in groupby(sorted(parts), key=itemgetter(0)):
            some = list(group)
            start, stop = self._span(number, size)
            ranges = [(part[1], part[2]) for part in some]
            kept = self._kept.load(self._name(key, number), stop - start, ranges)
            if kept is None:
                missing[number] = some
            else:
                found.update(zip(some, kept, strict=True))
        if missing:
            wanted = [self._span(number, size) for number in missing]
            fetched = self._storage.read_ranges(key, wanted)
            if fetched is None:
                return None
            for (number, some), content in zip(missing.items(), fetched, strict=True):
                self._kept.keep(self._name(key, number), content)
                found.update((part, content[part[1] : part[2]]) for part in some)
        return found

    def _parts(self, range_: Range) -> Iterator[Part]:
        """Yield the parts of blocks that a range is made of."""
        start, stop = range_
        while start < stop:
            number, first = divmod(start, self._block)
            last = min(stop - number * self._block, self._block)
            yield number, first, last
            start += last - first

    def _span(self, number: int, size: int) -> Range:
        """Return where a block lies in its object."""
        return number * self._block, min((number + 1) * self._block, size)

    def _name(self, key: str, what: int | str) -> str:
        """Return the name of a block, or of the size, of an object."""
        parts = "\0".join((self.url, self._token, key, str(self._block)))
        return f"{hashlib.sha256(parts.encode()).hexdigest()[:40]}-{what}"
