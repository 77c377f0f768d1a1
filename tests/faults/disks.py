"""Small disks of their own, that can be filled up and enlarged."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A file system in memory, mounted at `folder`."""

    folder: Path

    def hold(self, size: int) -> None:
        """Make it hold so many bytes."""
        _mount("-o", f"remount,size={size}", str(self.folder))

    def fill(self, left: int) -> Path:
        """Write a file that leaves so many bytes free; returns it."""
        file = self.folder / "filler"
        free = os.statvfs(self.folder)
        with file.open("wb") as content:
            content.truncate()
            content.write(bytes(max(0, free.f_bavail * free.f_frsize - left)))
        return file


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Mount a file system of so many bytes; the test is skipped where that is not allowed."""
    folder.mkdir()
    done = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def taken(folder: Path) -> int:
    """Return how many bytes the files and folders of a folder take on such a disk."""
    return sum(-(-max(each.stat().st_size, 1) // PAGE) * PAGE for each in folder.rglob("*"))


def _mount(*options: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(["mount"], 1, "", "there is no mount command")
