from pathlib import Path

import numpy as np
import pytest
import zarr
from upath import UPath
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from shm.datasets.storage.cached import CacheConfig
from shm.datasets.storage.errors import StorageError
from shm.datasets.storage.local import LocalStorage
from shm.datasets.storage.opening import open_storage
from shm.datasets.storage.remote import RemoteConfig
from shm.datasets.storage.zarr_store import StorageStore
from tests.datasets.storage.conftest import QUICK, Put
from tests.datasets.storage.servers import Fault, Proxy

TOKEN = "made on Monday"  # noqa: S105 - no secret


def write_group(path: Path) -> np.ndarray:
    """A group with an array in shards, and one without."""
    group = zarr.open_group(path, mode="w", zarr_format=3, attributes={"shm": {"kind": "test"}})
    pixels = np.random.default_rng(0).integers(0, 256, (12, 40, 40), np.uint8)
    for name, shards in (("image", (4, 40, 40)), ("record", None)):
        array = group.create_array(
            name, shape=pixels.shape, chunks=(2, 40, 40), shards=shards, dtype="uint8"
        )
        array[:] = pixels
    return pixels


def test_a_group_is_read_through_a_cache_and_a_service_that_fails(
    store: UPath, put_object: Put, proxy: Proxy, tmp_path: Path
) -> None:
    pixels = write_group(tmp_path / "local.zarr")
    for file in (tmp_path / "local.zarr").rglob("*"):
        if file.is_file():
            put_object(file.relative_to(tmp_path / "local.zarr").as_posix(), file.read_bytes())
    cache = CacheConfig(folder=tmp_path / "cache", limit=2**24, block=2**14)
    for epoch in range(2):
        proxy.requests.clear()
        proxy.faults.extend([Fault(status=503)] * 3 if epoch == 0 else [])
        storage = open_storage(store, cache=cache, token=TOKEN, remote=RemoteConfig(retry=QUICK))
        group = zarr.open_group(StorageStore(storage), mode="r", zarr_format=3)
        assert group.attrs["shm"] == {"kind": "test"}
        for name in ("image", "record"):
            array = group[name]
            assert isinstance(array, zarr.Array)
            assert np.array_equal(np.asarray(array[:]), pixels)
            assert np.array_equal(np.asarray(array[3:9, 5:9]), pixels[3:9, 5:9])
    assert proxy.requests == []


def test_a_service_that_goes_on_failing_is_named_through_zarr(store: UPath, proxy: Proxy) -> None:
    proxy.always = Fault(status=503)
    storage = open_storage(store, remote=RemoteConfig(retry=QUICK))
    with pytest.raises(StorageError, match=r"zarr\.json: given up after 4 tries"):
        zarr.open_group(StorageStore(storage), mode="r", zarr_format=3)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    store = StorageStore(LocalStorage(tmp_path))
    with pytest.raises(FileNotFoundError):
        zarr.open_group(store, mode="r", zarr_format=3)


def test_parts_are_what_zarr_asks_for(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image").write_bytes(content)
    store = StorageStore(LocalStorage(tmp_path))
    prototype = default_buffer_prototype()
    parts: dict[ByteRequest | None, bytes] = {
        RangeByteRequest(10, 20): content[10:20],
        OffsetByteRequest(99_990): content[99_990:],
        SuffixByteRequest(7): content[-7:],
        None: content,
    }
    for part, expected in parts.items():
        found = sync(store.get("image", prototype, part))
        assert found is not None
        assert found.to_bytes() == expected
        assert sync(store.get("no", prototype, part)) is None
    several = sync(store.get_partial_values(prototype, [("image", part) for part in parts]))
    assert [part and part.to_bytes() for part in several] == list(parts.values())
    assert sync(store.exists("image"))
    assert not sync(store.exists("no"))
    assert sync(store.getsize("image")) == len(content)


def test_nothing_can_be_written(tmp_path: Path) -> None:
    write_group(tmp_path / "local.zarr")
    store = StorageStore(LocalStorage(tmp_path / "local.zarr"))
    group = zarr.open_group(store, mode="r", zarr_format=3)
    with pytest.raises(ValueError, match="read-only"):
        group["image"][0] = 1  # type: ignore[index]
    with pytest.raises(ValueError, match="read"):
        zarr.open_group(store, mode="r+", zarr_format=3)
