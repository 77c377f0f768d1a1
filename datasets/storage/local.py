"""Bytes in a folder of this machine, or of one that it mounts."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from shm.datasets.files import write_bytes
from shm.datasets.storage.errors import StorageError, TruncatedError
from shm.datasets.storage.runs import Range, cut, merge

GAP = 2**14
"""Bytes between two ranges that are read along rather than skipped.

From a cold NVMe disk that took half the time, and less up to some 100 KiB; of a file that is in
memory already it takes a sixth more, and at 64 KiB three quarters.
"""

T = TypeVar("T")

NOT_THERE = (FileNotFoundError, NotADirectoryError)


class LocalStorage:
    """A folder's files; each call opens its file and closes it, so that no handle stays behind."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def url(self) -> str:
        """Path of the folder."""
        return str(self._root)

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes, or None without one."""
        return self._read(key, lambda file, size: self._run(file, key, (0, size)))

    def read_ranges(self, key: str, ranges: Sequence[Range]) -> list[bytes] | None:
        """Return the bytes of each range, or None without such a file."""
        runs = merge(ranges, GAP)
        contents = self._read(key, lambda file, _: [self._run(file, key, run) for run in runs])
        return None if contents is None else cut(ranges, runs, contents)

    def read_tail(self, key: str, length: int) -> bytes | None:
        """Return a file's last bytes, or None without one."""
        return self._read(
            key, lambda file, size: self._run(file, key, (max(size - length, 0), size))
        )

    def size(self, key: str) -> int | None:
        """Return a file's size in bytes, or None without one."""
        return self._read(key, lambda _, size: size)

    def total_bytes(self) -> int | None:
        """Return the size in bytes of all files together."""
        with self._named(self._root):
            files = (
                Path(folder, name) for folder, _, names in os.walk(self._root) for name in names
            )
            return sum(file.stat().st_size for file in files)

    def write(self, key: str, content: bytes) -> None:
        """Write a file beside its place, then move it there; the folder itself is never made."""
        if not self._root.is_dir():
            raise StorageError(f"{self._root}: is gone, so {key} was not written")
        write_bytes(self._root / key, content)

    def delete(self, key: str) -> None:
        """Delete a file, if it is there."""
        (self._root / key).unlink(missing_ok=True)

    def forget(self, key: str) -> bool:  # noqa: ARG002 - there is nothing to forget
        """Return False: nothing is kept."""
        return False

    def _read(self, key: str, read: Callable[[int, int], T]) -> T | None:
        """Call `read(descriptor, size)` on a file; None without one."""
        path = f"{self._root}/{key}"  # pathlib would take as long as the system does to open it
        with self._named(path):
            try:
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except NOT_THERE:
                return None
            try:
                facts = os.fstat(file)
                if stat.S_ISDIR(facts.st_mode):  # which opens all the same
                    return None
                return read(file, facts.st_size)
            finally:
                os.close(file)

    def _run(self, file: int, key: str, run: Range) -> bytes:
        """Read one run; a read of the system may return less than was asked for."""
        start, stop = run
        parts: list[bytes] = []
        while start < stop:
            part = os.pread(file, stop - start, start)
            if not part:
                path = self._root / key
                raise TruncatedError(f"{path}: ends at byte {start}, before byte {stop}: cut short")
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @contextmanager
    def _named(self, path: Path | str) -> Iterator[None]:
        """Turn what the system says into one line that names the file."""
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StorageError(
                f"{path}: can't be read ({reason}); check its disk and its permissions"
            ) from error
