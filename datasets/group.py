"""The zarr group of a store: opened, believed or not, from a folder or from anywhere else."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import MemoryStore

from shm.datasets.damage import DamageError, StoreError
from shm.datasets.expected import unexpected_attribute
from shm.datasets.sharding import Layout
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.storage.errors import StorageError
from shm.datasets.storage.location import WEB, Location
from shm.datasets.storage.opening import open_storage
from shm.datasets.storage.storage import Storage
from shm.datasets.storage.zarr_store import StorageStore
from shm.pipeline.errors import ShmError

FORMAT = 3

BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What zarr and we stumble over in metadata that somebody bent."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How the bytes of a store are reached.

    Parameters
    ----------
    cache : CacheConfig, optional
        Where the bytes of a store that lies elsewhere are kept.
    token : str
        What tells the store from another one that was in its place before.
    """

    cache: CacheConfig | None = None
    token: str = ""

    def open(self, path: Location) -> Storage:
        """Return the storage of a store, or of a part of it."""
        cache = None if isinstance(path, Path) else self.cache
        return open_storage(path, cache=cache, token=self.token)


def create_sharded(group: zarr.Group, name: str, slots: int, layout: Layout) -> None:
    """Write the metadata of an array for `ShardedArray` to fill."""
    group.create_array(
        name,
        shape=(slots, *layout.slot),
        chunks=layout.chunks,
        shards=layout.shards,
        dtype=layout.dtype,
        compressors=layout.codecs,
        fill_value=0,
    )


def open_group(path: Location, *, writable: bool = False) -> tuple[zarr.Group, dict[str, Any]]:
    """Open a store's zarr group and return what it says of itself.

    Raises
    ------
    StoreError
        There is none, or it is of another format.
    StorageError
        It lies elsewhere and can't be reached.
    """
    if isinstance(path, Path):
        if not path.exists():
            raise StoreError(f"{path}: no such store")
        if not (path / "zarr.json").is_file():
            raise StoreError(f"{path}: not a zarr v3 group: this is no store, name another")
        where: Any = path
    else:
        if writable:
            require_writable(path)
        storage = open_storage(path)
        if storage.read("zarr.json") is None:
            raise StoreError(f"{path}: no such store")
        where = StorageStore(storage, read_only=not writable)
    try:
        group = zarr.open_group(where, mode="r+" if writable else "r", zarr_format=3)
        layout: Any = group.attrs.get("shm")
    except StorageError:
        raise
    except (OSError, *BROKEN) as error:
        raise StoreError(
            f"{path}: its zarr.json is damaged, or no store's: name another, or delete it first "
            f"({error!s:.200})"
        ) from error
    kind = layout.get("kind") if isinstance(layout, dict) else None
    if not isinstance(kind, str) or "format" not in layout:
        raise StoreError(f"{path}: a zarr group, but not one that shm wrote")
    if layout["format"] != FORMAT:
        raise StoreError(
            f"{path}: store format {layout['format']!s:.40}, this version of shm reads {FORMAT}; "
            "make it again, or use the version that wrote it"
        )
    _require_expected(path, layout)
    return group, layout


def require_writable(path: Location) -> None:
    """Raise `StoreError` where nothing can be written to."""
    if not isinstance(path, Path) and path.protocol in WEB:
        raise StoreError(f"{path}: can only be read: name a folder, or a bucket (s3://, gs://)")


def _require_expected(path: Location, layout: Mapping[str, Any]) -> None:
    strange = unexpected_attribute(layout)
    if strange is not None:
        raise StoreError(f"{path}: its {strange} is not what shm writes there; make it again")


def open_array(group: zarr.Group, name: str, path: Location) -> "zarr.Array[Any]":
    """Return an array of a store; raises `DamageError` where its metadata is lost."""
    try:
        array = group[name]
    except StorageError:
        raise
    except (OSError, *BROKEN) as error:
        raise DamageError(
            f"{path}: the metadata of {name} is missing or damaged; delete the store and make it "
            "again"
        ) from error
    if not isinstance(array, zarr.Array):
        raise StoreError(f"{path}: {name} is no array; make the store again")
    return array


def is_laid_out(array: "zarr.Array[Any]", slots: int, layout: Layout) -> bool:
    """Return whether an array's metadata are those that `create_sharded` writes.

    `ShardedArray` reads less of them than other readers of zarr, who must find the same.
    """
    return (
        array.shape == (slots, *layout.slot)
        and is_coded(array, layout)
        and array.metadata.to_dict() == _metadata(slots, layout)
    )


@lru_cache(maxsize=64)
def _metadata(slots: int, layout: Layout) -> dict[str, Any]:
    group = zarr.group(MemoryStore(), zarr_format=3)
    create_sharded(group, "array", slots, layout)
    return dict(group["array"].metadata.to_dict())


def is_coded(array: "zarr.Array[Any]", layout: Layout) -> bool:
    """Return whether the inner chunks of an array hold what `ShardedArray` decodes."""
    codecs = [type(codec) for codec in array.compressors]
    return array.dtype == layout.dtype and codecs == [ZstdCodec, Crc32cCodec]


@contextmanager
def damaged_metadata(path: Location) -> Iterator[None]:
    """Turn what broken metadata raises into one line."""
    try:
        yield
    except BROKEN as error:
        if isinstance(error, ShmError):
            raise
        raise StoreError(
            f"{path}: its metadata is damaged ({error!r:.200}); make it again"
        ) from error


def require_complete(path: Location, layout: Mapping[str, Any], *, incomplete: bool) -> None:
    """Raise `StoreError` where a store is not finished, unless that is allowed."""
    if not (layout.get("complete") or incomplete):
        raise StoreError(f"{path}: not finished; run the command that makes it again to carry on")


DECIDING = ("format", "kind", "form", "slots", "canvas", "config", "people", "inputs", "software")
"""What a store says of itself that decides its bytes."""


def made_as(attributes: Mapping[str, Any]) -> str:
    """Return what tells a store from one that is made otherwise, finished or not."""
    said = {name: attributes.get(name) for name in DECIDING}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def require_made_as(path: Location, expected: str) -> None:
    """Raise `StoreError` where another store stands at a path than the one that work was for.

    A worker of a command that was killed may still be at work when the next command has made the
    store anew.
    """
    if made_as(open_group(path)[1]) != expected:
        raise StoreError(f"{path}: made anew by another command meanwhile, so it was left alone")


def seal(attributes: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a store says of itself, whether it is complete apart."""
    said = {name: value for name, value in attributes.items() if name not in ("seal", "complete")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
