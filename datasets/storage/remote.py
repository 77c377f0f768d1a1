"""Bytes behind a URL, by fsspec: few long requests, several at once, asked again when they fail.

Each process opens its own connection, on first use. Connections do not survive a fork: start
workers with spawn, as PyTorch's loaders do here.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import Any, TypeVar

import fsspec
from fsspec.asyn import AsyncFileSystem, sync
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from upath import UPath

from shm.datasets.storage.errors import StorageError, TruncatedError
from shm.datasets.storage.location import WEB, public_url, require_protocol
from shm.datasets.storage.retry import RetryConfig, ShortBodyError, persist, status_of
from shm.datasets.storage.runs import Range, cut, merge, split

T = TypeVar("T")

BATCH = 1000
"""Objects that are deleted before the next ones are asked for."""

SLOWEST = 2**18
"""Bytes a second that an upload makes at least, or it is given up."""


@dataclass(frozen=True, kw_only=True)
class RemoteConfig:
    """How to ask for bytes.

    Attributes
    ----------
    retry : RetryConfig
        How often, and how long.
    gap : int
        Bytes between two ranges that are read along rather than asked for apart. A request to S3
        takes some 2 ms of this machine's time, besides the latency; a MiB of a body 3 ms.
    piece : int
        Most bytes of one request; longer runs are read in several at once.
    requests : int
        Most requests of one process at a time, to all that one connection serves.
    """

    retry: RetryConfig = field(default_factory=RetryConfig)
    gap: int = 2**18
    piece: int = 2**23
    requests: int = 16


class RemoteStorage:
    """The objects below a URL."""

    def __init__(self, location: UPath, config: RemoteConfig | None = None) -> None:
        self._location = location
        self._config = config or RemoteConfig()

    def __reduce__(self) -> tuple[type["RemoteStorage"], tuple[UPath, RemoteConfig]]:
        return type(self), (self._location, self._config)

    @property
    def url(self) -> str:
        """URL of the root, without what may be secret in it."""
        return public_url(str(self._location)).rstrip("/")

    def read(self, key: str) -> bytes | None:
        """Return all bytes of an object, or None without one."""
        return self._wait(partial(self._whole, key))

    def read_ranges(self, key: str, ranges: Sequence[Range]) -> list[bytes] | None:
        """Return the bytes of each range, or None without such an object."""
        runs = merge(ranges, self._config.gap)
        contents = self._wait(partial(self._runs, key, runs))
        return None if contents is None else cut(ranges, runs, contents)

    def read_tail(self, key: str, length: int) -> bytes | None:
        """Return the last bytes of an object, or None without one."""
        if length == 0:  # which no request can say
            return None if self.size(key) is None else b""
        return self._wait(partial(self._tail, key, length))

    def size(self, key: str) -> int | None:
        """Return how many bytes an object has, or None without one."""
        return self._wait(partial(self._size, key))

    def total_bytes(self) -> int | None:
        """Return the bytes of all objects; None over HTTP, which has no listing."""
        if self._location.protocol in WEB:
            return None
        return self._wait(self._total) or 0

    def write(self, key: str, content: bytes) -> None:
        """Upload an object; it appears when it is there whole."""
        sync(self._system().loop, partial(self._put, key, content))

    def create(self, key: str, content: bytes) -> bool:
        """Upload an object unless there is one: False where there is.

        That only one of two that do so at once comes through is up to the service: S3 and Google
        Cloud Storage see to it. What is there already is found out on any.
        """
        if self.size(key) is not None:
            return self.read(key) == content
        try:
            sync(self._system().loop, partial(self._put, key, content, mode="create"))
        except FileExistsError:
            # Of our own, where a first answer was lost on its way.
            return self.read(key) == content
        return True

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        self._wait(partial(self._delete, key))

    def delete_some(self, keys: Sequence[str]) -> None:
        """Delete objects, those that are there, several at once."""
        sync(self._system().loop, partial(self._delete_some, keys))

    def listing(self) -> list[str]:
        """Return the keys of all objects below the root, asked anew."""
        return self._wait(self._listing) or []

    def forget(self, key: str) -> bool:  # noqa: ARG002 - there is nothing to forget
        """Return False: nothing is kept."""
        return False

    # ---------------------------------------------------------------- one request

    async def _whole(self, key: str) -> bytes:
        ask = partial(self._ask, key)
        return await self._persist(key, ask, self._config.retry.seconds)

    async def _runs(self, key: str, runs: Sequence[Range]) -> list[bytes]:
        """Read all runs, each in pieces, all at once; the first failure ends the others."""
        if not runs:  # nothing to read, of what may not be there
            await self._size(key)
        pieces = [split(run, self._config.piece) for run in runs]
        tasks = [asyncio.create_task(self._piece(key, piece)) for some in pieces for piece in some]
        try:
            found = iter(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
        return [b"".join([next(found) for _ in some]) for some in pieces]

    async def _piece(self, key: str, piece: Range) -> bytes:
        return await self._persist(key, partial(self._ask_piece, key, piece))

    async def _tail(self, key: str, length: int) -> bytes:
        return await self._persist(key, partial(self._ask_tail, key, length))

    async def _size(self, key: str) -> int:
        return await self._persist(key, partial(self._ask_size, key))

    async def _total(self) -> int:
        return await self._persist("", self._ask_total, self._config.retry.seconds)

    async def _persist(
        self, key: str, ask: Callable[[], Awaitable[T]], timeout: float | None = None
    ) -> T:
        """Ask for something until it comes, with so many others at a time."""
        async with self._connection().slots:  # waits included: who is busy is asked less
            return await persist(ask, self._name(key), self._config.retry, timeout)

    async def _ask(self, key: str, start: int | None = None, stop: int | None = None) -> bytes:
        # The coroutines of an asynchronous file system have an underscore; they are public.
        content = await self._system()._cat_file(self._path(key), start=start, end=stop)  # noqa: SLF001
        return bytes(content)

    async def _ask_piece(self, key: str, piece: Range) -> bytes:
        start, stop = piece
        try:
            content = await self._ask(key, start, stop)
        except Exception as error:
            if status_of(error) != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            content = b""
        if len(content) < stop - start:
            size = await self._ask_size(key)
            if size >= stop:
                raise ShortBodyError
            raise TruncatedError(
                f"{self._name(key)}: ends at byte {size}, before byte {stop}: cut short"
            )
        self._require_ranges(key, content, stop - start)
        return content

    async def _ask_tail(self, key: str, length: int) -> bytes:
        try:
            content = await self._ask(key, -length)
        except Exception as error:
            if status_of(error) != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            content = b""  # of an empty object no byte is the last
        if len(content) < length and len(content) != await self._ask_size(key):
            raise ShortBodyError
        self._require_ranges(key, content, length)
        return content

    async def _ask_size(self, key: str) -> int:
        found = await self._system()._info(self._path(key))  # noqa: SLF001
        if found["type"] != "file":
            raise FileNotFoundError
        if found["size"] is None:
            raise StorageError(f"{self._name(key)}: the server does not say how long it is")
        return int(found["size"])

    async def _ask_total(self) -> int:
        system = self._system()
        system.invalidate_cache()  # a listing of before would serve stale facts
        found = await system._find(self._path(""), detail=True)  # noqa: SLF001
        system.invalidate_cache()
        return sum(int(entry["size"]) for entry in found.values())

    async def _put(self, key: str, content: bytes, mode: str = "overwrite") -> None:
        retry = self._config.retry
        patient = replace(retry, seconds=retry.seconds + len(content) / SLOWEST)
        system, path = self._system(), self._path(key)

        async def ask() -> None:
            try:
                more = {} if mode == "overwrite" else {"mode": mode}  # which not every one knows
                await system._pipe_file(path, content, **more)  # noqa: SLF001
            except Exception as error:
                if mode == "create" and status_of(error) == HTTPStatus.PRECONDITION_FAILED:
                    raise FileExistsError from error
                raise

        async with self._connection().slots:
            await persist(ask, self._name(key), patient, patient.seconds, verb="written")

    async def _delete(self, key: str) -> None:
        system, path = self._system(), self._path(key)
        async with self._connection().slots:
            await persist(
                lambda: system._rm_file(path),  # noqa: SLF001
                self._name(key),
                self._config.retry,
                verb="deleted",
            )

    async def _delete_some(self, keys: Sequence[str]) -> None:
        async def each(key: str) -> None:
            try:
                await self._delete(key)
            except FileNotFoundError:
                return

        for start in range(0, len(keys), BATCH):
            await asyncio.gather(*map(each, keys[start : start + BATCH]))

    async def _listing(self) -> list[str]:
        system, root = self._system(), self._path("")

        async def ask() -> list[str]:
            system.invalidate_cache()  # a listing of before would serve stale facts
            found: list[str] = await system._find(root)  # noqa: SLF001
            return found

        bare = root.lstrip("/")
        found = await self._persist("", ask, self._config.retry.seconds)
        return [each.lstrip("/").removeprefix(bare).lstrip("/") for each in found]

    def _require_ranges(self, key: str, content: bytes, length: int) -> None:
        if len(content) > length:
            raise StorageError(
                f"{self._name(key)}: the server sends all of it where a part is asked for; serve "
                "it with one that answers range requests, or copy the store to this machine"
            )

    # ---------------------------------------------------------------- the connection

    def _wait(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Wait for an answer from fsspec's own thread; None where there is no such object."""
        try:
            answer: T = sync(self._system().loop, ask)
        except FileNotFoundError:
            return None
        return answer

    def _system(self) -> AsyncFileSystem:
        return self._connection().system

    def _connection(self) -> "Connection":
        return shared_connection(self._location, self._config)

    def _path(self, key: str) -> str:
        root = self._location.path.rstrip("/")
        return f"{root}/{key}" if key else root

    def _name(self, key: str) -> str:
        return f"{self.url}/{key}" if key else self.url


_lock = Lock()


@dataclass(frozen=True)
class Connection:
    """A file system, and what bounds the requests to it."""

    system: AsyncFileSystem
    slots: asyncio.Semaphore


_connections: dict[tuple[int, str], Connection] = {}


def shared_connection(location: UPath, config: RemoteConfig) -> Connection:
    """Return the connection to a location, opened once in a process: for S3 that takes 0.15 s."""
    options = sorted(location.storage_options.items())
    key = os.getpid(), repr((location.protocol, options, config))
    with _lock:
        if key not in _connections:
            slots = asyncio.Semaphore(config.requests)
            _connections[key] = Connection(open_system(location, config), slots)
        return _connections[key]


def open_system(location: UPath, config: RemoteConfig) -> AsyncFileSystem:
    """Open the file system of a location, with time-outs, and without its own tries and caches.

    Raises
    ------
    LocationError
        The library that reads its protocol is not installed.
    """
    require_protocol(location.protocol, str(location))
    options = own_options(location.protocol, config)
    for name, given in location.storage_options.items():
        own = options.get(name)
        both = isinstance(own, dict) and isinstance(given, dict)
        options[name] = (own | given) if both else given
    system = fsspec.filesystem(location.protocol, skip_instance_cache=True, **options)
    if location.protocol in ("s3", "s3a"):
        system.retries = 1  # five of its own for each of ours would be 25
    return system if system.async_impl else AsyncFileSystemWrapper(system, asynchronous=False)


def own_options(protocol: str, config: RemoteConfig) -> dict[str, Any]:
    """Return the options that a protocol's file system needs, to be overruled by a location's."""
    timeout = config.retry.timeout
    if protocol in ("s3", "s3a"):
        return {
            "use_listings_cache": False,
            "max_concurrency": 1,  # otherwise to read an object is to ask for its size first
            "config_kwargs": {
                "retries": {"total_max_attempts": 1},
                "connect_timeout": timeout,
                "read_timeout": timeout,
                "max_pool_connections": config.requests,
            },
        }
    if protocol in WEB:
        from aiohttp import ClientTimeout

        return {
            "use_listings_cache": False,
            "headers": {"Accept-Encoding": "identity"},  # of what is packed, ranges are no use
            "client_kwargs": {
                "timeout": ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)
            },
        }
    return {}
