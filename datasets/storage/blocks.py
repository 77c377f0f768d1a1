"""Blocks of bytes in a local folder of limited size.

Any number of processes share the folder without knowing of each other. A block is a file, which
appears whole, by renaming, and carries the CRC-32C (RFC 3720) of its name and of each page of its
bytes. There is nothing else: no index, no lock, no shared memory, so that nothing can be left
behind by a process that was killed.

The folder works as a set-associative cache does: a block's name chooses its set, and each set has
an equal share of the limit. Who writes a block makes room for it in its set, from what was used
longest ago. So the limit holds at any time, and to hold it only the few files of a set are looked
at, not the folder.
"""

import os
import struct
import time
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import google_crc32c

from shm.datasets.storage.errors import CacheWarning, StorageError
from shm.datasets.storage.runs import Range

MAGIC = b"shmblock"
PAGE = 2**15
"""Bytes under one checksum: what is read at least of a block."""

FOLDERS = 256
SET_BLOCKS = 64
"""Blocks in a set, at least, where the limit has room for so many."""

DISK_UNIT = 4096
"""What a file takes at least of a disk."""

ABANDONED = 600.0
"""Seconds after which a file that was not finished is nobody's."""


class BlockFolder:
    """Blocks by name, of which those used longest ago go when the limit is reached.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    limit : int
        Bytes that all files in it take at most. Processes that write to one set at the same
        moment may pass it by what they write.
    block : int
        Bytes of most blocks.

    Raises
    ------
    StorageError
        The folder can't be made or written to.
    """

    def __init__(self, folder: Path, limit: int, block: int) -> None:
        self._folder = folder
        self._sets = sets_of(limit, on_disk(header_bytes(block) + block))
        self._share = limit // self._sets
        self._warned = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = self._partial(folder)
            probe.touch()
            probe.unlink()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StorageError(
                f"{folder}: no cache can be kept here ({reason}); name a folder that can be "
                "written to, or go without a cache"
            ) from error

    def load(self, name: str, length: int, ranges: Sequence[Range]) -> list[bytes] | None:
        """Return ranges of a block's bytes, of which only the pages that they touch are read.

        None where the block is not there, is not so long, or is not what was kept.
        """
        try:
            file = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # a disk that fails is a cache that has nothing
            return None
        try:
            checksums = self._checksums(file, name, length)
            if checksums is None:
                return None
            found = [sound_range(file, range_, length, checksums) for range_ in ranges]
            with suppress(OSError):  # when it was used is worth no failure
                os.utime(file)
        except OSError:
            return None
        finally:
            os.close(file)
        whole = [content for content in found if content is not None]
        return whole if len(whole) == len(ranges) else None

    def _checksums(self, file: int, name: str, length: int) -> tuple[int, ...] | None:
        """Return the checksums of a block's pages; None where they are not those of this block."""
        pages = -(-length // PAGE)
        header = os.pread(file, header_bytes(length), 0)
        if len(header) != header_bytes(length):
            return None
        *said, checksum = struct.unpack(f"<8sQ{pages + 1}I", header)
        if said[:2] != [MAGIC, length] or checksum != checksum_of(name.encode(), header[:-4]):
            return None
        return tuple(said[2:])

    def keep(self, name: str, content: bytes) -> None:
        """Keep a block, and let others go for it.

        Warns
        -----
        CacheWarning
            It can't be written, say because the disk is full; once for each process. Nothing else
            happens: it will be fetched again.
        """
        path = self._path(name)
        partial = self._partial(path.parent)
        try:
            path.parent.mkdir(exist_ok=True)
            self._make_room(path.parent, header_bytes(len(content)) + len(content))
            try:
                with partial.open("xb") as file:
                    file.write(header_of(name, content))
                    file.write(content)
                partial.replace(path)
            except OSError:
                partial.unlink(missing_ok=True)
                raise
        except OSError as error:
            self._warn(error)

    def drop(self, name: str) -> bool:
        """Delete a block; False where it was not there."""
        try:
            self._path(name).unlink()
        except OSError:
            return False
        return True

    def _make_room(self, folder: Path, length: int) -> None:
        """Delete what was used longest ago in a folder's set, until so many bytes fit."""
        length = on_disk(length)
        now = time.time()
        found: list[tuple[int, int, str]] = []
        for entry, facts in self._entries(folder):
            if entry.name.startswith(".") and now - facts.st_mtime > ABANDONED:
                remove(entry.path)
            else:
                found.append((facts.st_mtime_ns, on_disk(facts.st_size), entry.path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total + length <= self._share:
                break
            remove(path)
            total -= size

    def _entries(self, folder: Path) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
        """Yield what stands in the folders of a folder's set."""
        for number in range(int(folder.name, 16) % self._sets, FOLDERS, self._sets):
            try:
                with os.scandir(self._folder / f"{number:02x}") as entries:
                    for entry in entries:
                        with suppress(FileNotFoundError):  # another process was quicker
                            yield entry, entry.stat()
            except FileNotFoundError:
                continue

    def _path(self, name: str) -> Path:
        # Which folder depends on the name alone, so that another limit finds the same blocks.
        return self._folder / f"{google_crc32c.value(name.encode()) % FOLDERS:02x}" / name

    def _partial(self, folder: Path) -> Path:
        return folder / f".{uuid.uuid4().hex}"

    def _warn(self, error: OSError) -> None:
        if self._warned:
            return
        self._warned = True
        reason = error.strerror or type(error).__name__
        warnings.warn(
            f"{self._folder}: the cache can't be written ({reason}); what is not in it yet is "
            "fetched each time; make room on its disk, or name another folder",
            CacheWarning,
            stacklevel=3,
        )


def header_bytes(length: int) -> int:
    """Return how long the header of a block of so many bytes is."""
    return 16 + 4 * -(-length // PAGE) + 4


def header_of(name: str, content: bytes) -> bytes:
    """Return what stands before a block's bytes.

    A magic, how long the block is, the CRC-32C of each page; and that of the name and all this,
    lest a block be taken for another.
    """
    pages = range(0, len(content), PAGE)
    checksums = [google_crc32c.value(content[start : start + PAGE]) for start in pages]
    header = struct.pack(f"<8sQ{len(pages)}I", MAGIC, len(content), *checksums)
    return header + struct.pack("<I", checksum_of(name.encode(), header))


def checksum_of(*parts: bytes) -> int:
    """Return the CRC-32C of parts that follow each other."""
    checksum = 0
    for part in parts:
        checksum = google_crc32c.extend(checksum, part)
    return checksum


def sound_range(file: int, range_: Range, length: int, checksums: Sequence[int]) -> bytes | None:
    """Read a range of a block in whole pages; None where one is not as its checksum says."""
    start, stop = range_
    first = start // PAGE
    from_, to = first * PAGE, min(-(-stop // PAGE) * PAGE, length)
    stored = os.pread(file, to - from_, header_bytes(length) + from_)
    if len(stored) != to - from_:
        return None
    pages = (stored[at : at + PAGE] for at in range(0, to - from_, PAGE))
    for number, page in enumerate(pages, first):
        if google_crc32c.value(page) != checksums[number]:
            return None
    return stored[start - from_ : stop - from_]


def sets_of(limit: int, block: int) -> int:
    """Return into how many sets blocks are divided: a power of 2, at most `FOLDERS`."""
    return min(1 << max((limit // (SET_BLOCKS * block)).bit_length() - 1, 0), FOLDERS)


def on_disk(size: int) -> int:
    """Return what a file of this size takes of a disk."""
    return -(-size // DISK_UNIT) * DISK_UNIT


def remove(path: str) -> None:
    """Delete a file that another process may have deleted."""
    with suppress(FileNotFoundError):
        Path(path).unlink()
