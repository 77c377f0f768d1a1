"""Storages that go wrong: they raise, are slow, or give and keep less than they should."""

import errno
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shm.datasets.storage.storage import Storage

Fault = Callable[[bytes], bytes]
"""What becomes of the bytes that are read or written; it may raise instead."""


def fails(_: bytes) -> bytes:
    """Raise what a dying disk does."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def delays(content: bytes) -> bytes:
    """Take its time."""
    time.sleep(0.01)
    return content


def truncates(content: bytes) -> bytes:
    """Lose the second half."""
    return content[: len(content) // 2]


@dataclass
class Plan:
    """Which accesses go wrong, counted from 1, and how; 0 means all."""

    fault: Fault
    nth: int = 0
    seen: int = 0

    def through(self, content: bytes) -> bytes:
        """Return what becomes of some bytes."""
        self.seen += 1
        return self.fault(content) if self.nth in (0, self.seen) else content


class FaultyStorage:
    """A storage whose reads or writes go wrong as planned."""

    def __init__(
        self, storage: Storage, *, reads: Plan | None = None, writes: Plan | None = None
    ) -> None:
        self._storage, self._reads, self._writes = storage, reads, writes

    @property
    def url(self) -> str:
        return self._storage.url

    def read(self, key: str) -> bytes | None:
        return self._read(self._storage.read(key))

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes] | None:
        found = self._storage.read_ranges(key, ranges)
        return found and [self._read(content) or b"" for content in found]

    def read_tail(self, key: str, length: int) -> bytes | None:
        return self._read(self._storage.read_tail(key, length))

    def size(self, key: str) -> int | None:
        return self._storage.size(key)

    def total_bytes(self) -> int | None:
        return self._storage.total_bytes()

    def write(self, key: str, content: bytes) -> None:
        self._storage.write(key, self._writes.through(content) if self._writes else content)

    def delete(self, key: str) -> None:
        self._storage.delete(key)

    def forget(self, key: str) -> bool:
        return self._storage.forget(key)

    def _read(self, content: bytes | None) -> bytes | None:
        return content if content is None or self._reads is None else self._reads.through(content)
