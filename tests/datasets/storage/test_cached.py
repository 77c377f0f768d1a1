import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shm.datasets.storage.cached import CacheConfig, CachedStorage
from shm.datasets.storage.errors import (
    CacheWarning,
    StorageConfigError,
    StorageError,
    TruncatedError,
)
from shm.datasets.storage.local import LocalStorage
from shm.datasets.storage.remote import RemoteStorage
from tests.datasets.storage.conftest import Put
from tests.datasets.storage.readers import KEYS, content_of, folder_bytes, read_epochs
from tests.datasets.storage.servers import Fault, Proxy
from tests.datasets.streaming.processes import until

BLOCK = 4096 - 16  # with its header, what a disk counts in
CONTENT = np.random.default_rng(0).bytes(3000)
places = st.integers(0, len(CONTENT))


def config(tmp_path: Path, blocks: int = 64) -> CacheConfig:
    return CacheConfig(folder=tmp_path / "cache", limit=blocks * 4096, block=BLOCK)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "store.zarr"
    folder.mkdir()
    for key in KEYS:
        (folder / key).write_bytes(content_of(key))
    return folder


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    ranges=st.lists(st.tuples(places, places).map(lambda pair: (min(pair), max(pair))), max_size=5),
    block=st.sampled_from([300, 1000, 3001, 9000]),
)
def test_any_ranges_come_as_they_lie(
    ranges: list[tuple[int, int]], block: int, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(CONTENT)
    small = CacheConfig(folder=tmp_path / "cache", limit=16 * block, block=block)
    storage = CachedStorage(LocalStorage(tmp_path), small, "token")
    for _ in range(2):
        assert storage.read_ranges("image", ranges) == [CONTENT[a:b] for a, b in ranges]
    assert storage.read("image") == CONTENT
    assert storage.read_tail("image", 77) == CONTENT[-77:]


def test_the_second_epoch_asks_for_nothing(
    remote: RemoteStorage, put_object: Put, proxy: Proxy, tmp_path: Path, content: bytes
) -> None:
    put_object("image", content)
    put_object("empty", b"")
    first = CachedStorage(remote, config(tmp_path), "token")
    assert first.read("image") == content
    assert first.read("empty") == b""
    proxy.requests.clear()
    proxy.always = Fault(status=500)
    for storage in (first, CachedStorage(remote, config(tmp_path), "token")):
        assert storage.read("image") == content
        assert storage.read_ranges("image", [(5, 50_000)]) == [content[5:50_000]]
        assert storage.read_tail("image", 10) == content[-10:]
        assert storage.read("empty") == b""
    assert proxy.requests == []


def test_only_the_blocks_that_are_wanted_are_fetched(
    remote: RemoteStorage, put_object: Put, proxy: Proxy, tmp_path: Path, content: bytes
) -> None:
    put_object("image", content)
    storage = CachedStorage(remote, config(tmp_path), "token")
    storage.read_ranges("image", [(0, 10), (50_000, 50_010)])
    first = 50_000 // BLOCK * BLOCK
    assert {request.range for request in proxy.asked() if request.method == "GET"} == {
        f"bytes=0-{BLOCK - 1}",
        f"bytes={first}-{first + BLOCK - 1}",
    }


def test_what_is_not_there_is_looked_for_again(tmp_path: Path) -> None:
    storage = CachedStorage(LocalStorage(tmp_path), config(tmp_path), "token")
    assert storage.read("late") is None
    assert storage.read_ranges("late", [(0, 4)]) is None
    assert storage.read_tail("late", 4) is None
    (tmp_path / "late").write_bytes(b"here")
    assert storage.read("late") == b"here"


def test_the_cache_stays_below_its_limit(source: Path, tmp_path: Path) -> None:
    small = config(tmp_path, 40)  # of some 250 blocks
    storage = CachedStorage(LocalStorage(source), small, "token")
    fullest = 0
    for key in KEYS * 2:
        assert storage.read(key) == content_of(key)
        fullest = max(fullest, folder_bytes(small.folder))
    assert 0.9 * small.limit < fullest <= small.limit


def test_what_was_used_last_stays(source: Path, tmp_path: Path) -> None:
    storage = CachedStorage(LocalStorage(source), config(tmp_path, 64), "token")
    for key in KEYS:
        storage.read(key)
        storage.read_ranges(KEYS[0], [(0, 10)])
    for key in KEYS:
        (source / key).unlink()
    assert storage.read_ranges(KEYS[0], [(0, 10)]) == [content_of(KEYS[0])[:10]]
    assert storage.read_ranges(KEYS[1], [(0, 10)]) is None


def test_another_token_is_another_store(source: Path, tmp_path: Path) -> None:
    below, key = LocalStorage(source), KEYS[0]
    assert CachedStorage(below, config(tmp_path), "old").read(key) == content_of(key)
    (source / key).write_bytes(b"made anew")
    assert CachedStorage(below, config(tmp_path), "new").read(key) == b"made anew"
    with pytest.raises(StorageConfigError, match="token"):
        CachedStorage(below, config(tmp_path), "")


def test_stores_of_two_urls_share_a_folder(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zarr"
    other.mkdir()
    (other / KEYS[0]).write_bytes(b"other")
    for _ in range(2):
        first = CachedStorage(LocalStorage(source), config(tmp_path), "token")
        assert first.read(KEYS[0]) == content_of(KEYS[0])
        second = CachedStorage(LocalStorage(other), config(tmp_path), "token")
        assert second.read(KEYS[0]) == b"other"


def blocks_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap"])
def test_a_damaged_block_is_fetched_again(damage: str, source: Path, tmp_path: Path) -> None:
    key = KEYS[0]
    storage = CachedStorage(LocalStorage(source), config(tmp_path), "token")
    storage.read(key)
    blocks = blocks_of(tmp_path / "cache")
    contents = [block.read_bytes() for block in blocks]
    for number, block in enumerate(blocks):
        if damage == "flip":
            flipped = bytearray(contents[number])
            flipped[len(flipped) * number // len(blocks)] ^= 1
            block.write_bytes(flipped)
        elif damage == "swap":
            block.write_bytes(contents[number - 1])
        else:
            block.write_bytes(contents[number][: 100 if damage == "cut" else 0])
    fresh = CachedStorage(LocalStorage(source), config(tmp_path), "token")
    assert fresh.read(key) == content_of(key)
    assert [block.read_bytes() for block in blocks] == contents


def test_what_came_damaged_is_forgotten_and_fetched_anew(source: Path, tmp_path: Path) -> None:
    key = KEYS[0]
    (source / key).write_bytes(content_of(key)[:-100])
    storage = CachedStorage(LocalStorage(source), config(tmp_path), "token")
    assert storage.read(key) == content_of(key)[:-100]
    (source / key).write_bytes(content_of(key))  # mended, and still the same store
    assert storage.forget(key)
    assert storage.read(key) == content_of(key)
    assert storage.forget(key)
    assert not storage.forget(key)


def test_an_object_that_is_too_short_is_looked_at_again(source: Path, tmp_path: Path) -> None:
    key = KEYS[0]
    content = content_of(key)
    (source / key).write_bytes(content[:-100])
    storage = CachedStorage(LocalStorage(source), config(tmp_path), "token")
    storage.read(key)
    with pytest.raises(TruncatedError, match=f"{key}: ends at byte .*cut short"):
        storage.read_ranges(key, [(0, len(content))])
    (source / key).write_bytes(content)
    assert storage.read_ranges(key, [(0, len(content))]) == [content]


def test_processes_share_a_cache_that_is_too_small_for_them(source: Path, tmp_path: Path) -> None:
    small = config(tmp_path, 40)
    context = multiprocessing.get_context("spawn")
    storage = CachedStorage(LocalStorage(source), small, "token")
    processes = [context.Process(target=read_epochs, args=(storage, 3, n)) for n in range(2)]
    for process in processes:
        process.start()
    read_epochs(storage, 2, 2)
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert folder_bytes(small.folder) <= small.limit + 3 * 4096


def test_a_killed_process_leaves_nothing_that_harms(source: Path, tmp_path: Path) -> None:
    small = config(tmp_path, 40)
    context = multiprocessing.get_context("spawn")
    storage = CachedStorage(LocalStorage(source), small, "token")
    process = context.Process(target=read_epochs, args=(storage, 10**6, 0))
    process.start()
    until(lambda: bool(blocks_of(small.folder)) or not process.is_alive())
    time.sleep(0.1)
    assert process.is_alive()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    fragment = blocks_of(small.folder)[0].parent / ".fragment"
    fragment.write_bytes(bytes(1000))
    os.utime(fragment, (time.time() - 3600,) * 2)
    read_epochs(storage, 2, 1)
    assert not fragment.exists()
    assert folder_bytes(small.folder) <= small.limit


def test_a_disk_that_is_full_is_one_warning_and_no_wrong_byte(source: Path, tmp_path: Path) -> None:
    storage = CachedStorage(LocalStorage(source), config(tmp_path), "token")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # files can grow no longer than this
    try:
        with pytest.warns(CacheWarning, match=r"cache can't be written.*make room") as caught:
            read_epochs(storage, 1, 0)
        assert len(caught) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in blocks_of(tmp_path / "cache") if path.name.startswith(".")]
    read_epochs(storage, 1, 0)


def test_a_folder_that_cannot_be_written_is_refused_at_once(source: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    with pytest.raises(StorageError, match=f"{tmp_path}/cache: no cache can be kept here"):
        CachedStorage(LocalStorage(source), config(tmp_path), "token")


def test_a_limit_of_a_few_blocks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageConfigError, match="too small"):
        CacheConfig(folder=tmp_path, limit=2**20)


def test_another_limit_finds_the_same_blocks(source: Path, tmp_path: Path) -> None:
    below = LocalStorage(source)
    CachedStorage(below, config(tmp_path, 10_000), "token").read(KEYS[0])
    (source / KEYS[0]).unlink()
    assert CachedStorage(below, config(tmp_path, 500), "token").read(KEYS[0]) == content_of(KEYS[0])


def test_blocks_of_a_large_cache_are_spread_over_its_sets(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    (tmp_path / "image").write_bytes(random.bytes(1000 * 50))
    large = CacheConfig(folder=tmp_path / "cache", limit=900 * 4096, block=50)
    storage = CachedStorage(LocalStorage(tmp_path), large, "token")
    storage.read("image")
    assert 0.9 * large.limit < folder_bytes(large.folder) <= large.limit
