"""One command at a time on one place; who comes second is told who was first."""

import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout
from upath import UPath

from shm.datasets.files import is_full
from shm.datasets.storage.errors import StorageError
from shm.datasets.storage.location import Location
from shm.datasets.storage.remote import RemoteStorage
from shm.pipeline.errors import ShmError

INSIDE = ".lock"
"""Name of a lock's file that lies in the folder that it holds."""


RACE = 1.0
"""Seconds that who takes a dead command's lock in a bucket waits for others who do so, too."""


_HELD: set[str] = set()
"""Tokens of what this process holds."""


class BusyError(ShmError, BlockingIOError):
    """Another command works on the same place."""


class PlaceError(ShmError, OSError):
    """Nothing can be written to a place."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a place, and since when.

    `machine` tells one where processes are numbered apart from another, whatever it is called, and
    `token` this holder from every other one.
    """

    command: str
    pid: int
    host: str
    since: str
    machine: str = ""
    token: str = ""

    def __str__(self) -> str:
        return f"`{self.command}` (process {self.pid} on {self.host}, since {self.since})"

    @property
    def is_dead(self) -> bool:
        """Return whether it is known to have ended: of another machine's nothing is known."""
        if not self.machine or self.machine != this_machine():
            return False
        if self.pid == os.getpid():  # perhaps a number that was given away again
            return self.token not in _HELD
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it is there, and another user's
            return False
        return False


@cache
def this_machine() -> str:
    """Return what tells this machine, since it was started, and this container from all others."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return f"{socket.gethostname()} {uuid.getnode()}"


@contextmanager
def locked(place: Location, command: str, *, inside: bool = False) -> Iterator[Holder | None]:
    """Hold a place; yields who held it before, where that command was killed.

    A folder is held by the operating system's lock of a file, which ends with its process, however
    that ends. In a bucket an object takes its place, which only one can create; there a command
    that was killed on another machine can't be told from one that works.

    Parameters
    ----------
    place : Path or URL
        The store or folder that is written to; it need not be there yet, what it lies in must.
    command : str
        What wants it, in the words of the command line.
    inside : bool
        Whether the lock's file lies in the folder, which is made; else beside it, for what is
        moved to its place as a whole.

    Raises
    ------
    BusyError
        Another command holds it.
    PlaceError
        Nothing can be written there, or a folder for results lies in a store.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    own = Holder(
        command=command,
        pid=os.getpid(),
        host=socket.gethostname(),
        since=now,
        machine=this_machine(),
        token=uuid.uuid4().hex,
    )
    if isinstance(place, Path):
        whole = place.resolve()  # by whatever link it was named
        if inside:
            _require_no_store(place, whole)
        file = whole / INSIDE if inside else whole.with_name(f".{whole.name}.lock")
        hold = _held_here(place, file, own)
    else:
        hold = _held_there(place, own)
    with hold as before, _named(place):
        yield before


def _require_no_store(place: Path, whole: Path) -> None:
    """Raise `PlaceError` where files would come among those of a store, and be deleted with it."""
    for folder in (whole, *whole.parents):
        if (folder / "zarr.json").is_file():
            raise PlaceError(f"{place} lies in the store {folder}: name another folder")


@contextmanager
def _named(place: Location) -> Iterator[None]:
    """Say of a disk's error that names no file where it was: what is full names none."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise type(error)(error.errno, error.strerror, str(place)) from error


@contextmanager
def _held_here(place: Path, file: Path, own: Holder) -> Iterator[Holder | None]:
    # A file that stands for a lock would outlive a command that is killed.
    lock = FileLock(file, timeout=0, fallback_to_soft=False)
    try:
        if file.name == INSIDE:
            file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise _busy(place, _holder(_content(file))) from None
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        if is_full(error):
            raise
        why = getattr(error, "strerror", None) or "it has no locks"
        told = f"{place}: can't be written to ({why}): name another place"
        raise PlaceError(told) from error
    before = _holder(_content(file))
    try:
        with suppress(OSError):  # on a full disk it is held without a name
            file.write_text(json.dumps(asdict(own)), encoding="utf-8")
        yield before
    finally:
        file.unlink(missing_ok=True)  # before it is given back: later it may be another's
        lock.release()


@contextmanager
def _held_there(place: UPath, own: Holder) -> Iterator[Holder | None]:
    storage, key = RemoteStorage(place.parent), f".{place.name}.lock"
    content = json.dumps(asdict(own)).encode()
    before = None
    if not storage.create(key, content):
        before = _holder(storage.read(key))
        if before is None or not before.is_dead:
            cure = f"; if it has ended, delete {storage.url}/{key}"
            raise _busy(place, before, cure)
        storage.write(key, content)
        time.sleep(RACE)
        if storage.read(key) != content:  # another one took it over at the same moment
            raise _busy(place, _holder(storage.read(key)))
    _HELD.add(own.token)
    try:
        yield before
    finally:
        _HELD.discard(own.token)
        with suppress(StorageError):  # which the next command on this machine sees through
            if storage.read(key) == content:
                storage.delete(key)


def _busy(place: Location, holder: Holder | None, more: str = "") -> BusyError:
    who = str(holder or "another command")
    return BusyError(f"{place}: {who} is writing to it: wait for its end, or stop it{more}")


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _holder(content: bytes | None) -> Holder | None:
    """Return who is named in a lock; None where nobody is, or not yet."""
    try:
        told = json.loads(content or b"")
        return Holder(
            command=str(told["command"]),
            pid=int(told["pid"]),
            host=str(told["host"]),
            since=str(told["since"]),
            machine=str(told.get("machine", "")),
            token=str(told.get("token", "")),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
