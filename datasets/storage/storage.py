"""What has bytes below one root, under keys such as ``image/c/0/0/0``."""

from collections.abc import Sequence
from typing import Protocol


class Storage(Protocol):
    """Bytes by key, to be read by several threads at once, and in processes that were spawned.

    A storage can be pickled; what it holds open is opened anew in the process that it comes to.
    Every method raises `StorageError` where the bytes can't be had, and names the file or URL.
    """

    @property
    def url(self) -> str:
        """Path or URL of the root, fit to be printed: no credentials."""
        ...

    def read(self, key: str) -> bytes | None:
        """Return all bytes of an object, or None where there is none."""
        ...

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes] | None:
        """Return the bytes [start, stop) of each range, in the order of the ranges.

        They may lie anywhere and overlap. None where there is no such object.

        Raises
        ------
        TruncatedError
            The object ends before a range does.
        """
        ...

    def read_tail(self, key: str, length: int) -> bytes | None:
        """Return the last bytes of an object (all, where it has fewer), or None without one."""
        ...

    def size(self, key: str) -> int | None:
        """Return how many bytes an object has, or None where there is none."""
        ...

    def total_bytes(self) -> int | None:
        """Return the bytes of all objects below the root; None where they can't be listed."""
        ...

    def write(self, key: str, content: bytes) -> None:
        """Put an object in its place, whole: who reads finds the old one or the new one.

        Raises
        ------
        OSError
            The disk refuses, or is full: with its number.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        ...

    def forget(self, key: str) -> bool:
        """Drop what a cache keeps of an object; False where none was there to keep it.

        For bytes that came whole and are wrong all the same: after True, reading once more asks
        where they came from.
        """
        ...
