import multiprocessing
import pickle
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from upath import UPath

from shm.datasets.storage.cached import CacheConfig, CachedStorage
from shm.datasets.storage.errors import StorageError, TruncatedError
from shm.datasets.storage.remote import RemoteConfig, RemoteStorage
from shm.datasets.storage.retry import RetryConfig
from tests.datasets.storage.conftest import QUICK, SECRET, Put
from tests.datasets.storage.readers import KEYS, content_of, read_epochs
from tests.datasets.storage.servers import DROP, Fault, Proxy, running, web_server

RANGES = [(70_000, 80_000), (0, 10), (5, 2_000), (99_999, 100_000), (50, 50)]


def test_objects_and_their_parts_come_as_they_lie(
    remote: RemoteStorage, put_object: Put, content: bytes
) -> None:
    put_object("image/c/0", content)
    assert remote.read("image/c/0") == content
    assert remote.read_ranges("image/c/0", RANGES) == [content[a:b] for a, b in RANGES]
    assert remote.read_tail("image/c/0", 20) == content[-20:]
    assert remote.read_tail("image/c/0", 200_000) == content
    assert remote.size("image/c/0") == len(content)


def test_an_empty_object_is_an_object(remote: RemoteStorage, put_object: Put) -> None:
    put_object("empty", b"")
    assert remote.read("empty") == b""
    assert remote.read_tail("empty", 20) == b""
    assert remote.read_ranges("empty", [(0, 0)]) == [b""]


def test_what_is_not_there_is_none_and_not_asked_for_again(
    remote: RemoteStorage, proxy: Proxy
) -> None:
    assert remote.read("no") is None
    assert len(proxy.asked("/no")) == 1
    for ranges in ([(0, 10)], [(3, 3)], []):
        assert remote.read_ranges("no", ranges) is None
    assert remote.read_tail("no", 10) is None
    assert remote.read_tail("no", 0) is None
    assert remote.size("no") is None


@pytest.mark.parametrize(
    "fault", [Fault(status=503), Fault(status=500), DROP, Fault(sent=500), Fault(shorter=100)]
)
def test_what_fails_for_a_while_is_asked_for_again(
    fault: Fault, remote: RemoteStorage, put_object: Put, proxy: Proxy, content: bytes
) -> None:
    put_object("image", content)
    proxy.faults.extend([fault, fault])
    assert remote.read_ranges("image", [(10_000, 20_000)]) == [content[10_000:20_000]]
    assert not proxy.faults


def test_each_of_many_runs_is_asked_for_again_by_itself(
    remote: RemoteStorage, put_object: Put, proxy: Proxy, content: bytes
) -> None:
    put_object("image", content)
    proxy.faults.extend([Fault(status=503), DROP, Fault(sent=7)] * 3)
    ranges = [(start, start + 1_000) for start in range(0, 100_000, 10_000)]
    assert remote.read_ranges("image", ranges) == [content[a:b] for a, b in ranges]
    assert len(proxy.asked()) == 10 + 9


@pytest.mark.parametrize("method", ["read", "read_tail", "size"])
def test_every_way_of_reading_is_stubborn(
    method: str, remote: RemoteStorage, put_object: Put, proxy: Proxy, content: bytes
) -> None:
    put_object("image", content)
    proxy.faults.extend([Fault(status=503), DROP])
    expected = {"read": content, "read_tail": content[-9:], "size": len(content)}[method]
    arguments = [9] if method == "read_tail" else []
    assert getattr(remote, method)("image", *arguments) == expected


@pytest.mark.parametrize(
    ("fault", "said"),
    [(Fault(status=503), "503 Service Unavailable"), (DROP, "connection, or a broken one")],
)
def test_what_goes_on_failing_is_given_up_with_a_line_that_names_the_object(
    fault: Fault, said: str, remote: RemoteStorage, store: UPath, proxy: Proxy
) -> None:
    proxy.always = fault
    with pytest.raises(StorageError, match=f"after 4 tries .*{said}") as caught:
        remote.read_ranges("image/c/7", [(0, 10)])
    line = str(caught.value)
    assert line.startswith(f"{store}/image/c/7: ")
    assert "\n" not in line
    # aiohttp asks a second time by itself where a connection is dropped
    assert 4 <= len(proxy.requests) <= 8


def test_no_time_is_wasted_on_what_will_not_pass(remote: RemoteStorage, proxy: Proxy) -> None:
    proxy.always = Fault(status=403)
    with pytest.raises(StorageError, match=r"403 Forbidden.*credentials"):
        remote.read("image")
    assert len(proxy.requests) == 1


def test_errors_tell_neither_credentials_nor_endpoints(remote: RemoteStorage, proxy: Proxy) -> None:
    for fault in (Fault(status=403), Fault(status=500), DROP):
        proxy.always = fault
        with pytest.raises(StorageError) as caught:
            remote.read("image")
        error = caught.value
        told = f"{error} {pickle.dumps(error)!r}"
        assert not any(secret in told for secret in (SECRET, proxy.url, "127.0.0.1"))
        assert error.__cause__ is None
        assert error.__context__ is None  # which Dask would pass on, too
    signed = UPath("https://someone:hush@example.org/store.zarr?signature=hush")
    assert RemoteStorage(signed).url == "https://example.org/store.zarr"


def test_a_service_that_does_not_answer_is_given_up_in_time(
    store: UPath, put_object: Put, proxy: Proxy
) -> None:
    put_object("image", b"picture")
    retry = RetryConfig(tries=100, seconds=1.5, timeout=0.3, first_wait=0.01, longest_wait=0.02)
    remote = RemoteStorage(store, RemoteConfig(retry=retry))
    for _ in range(100):  # to connect takes its time, too: more than it has on a busy machine
        with suppress(StorageError):
            remote.size("image")
            break
    proxy.requests.clear()
    proxy.delay = 60.0
    with pytest.raises(StorageError, match=r"/image: .*no answer in time"):
        remote.read_tail("image", 3)
    assert not proxy.late  # it was given up before the first answer was to come
    assert 1 <= len(proxy.asked("/image")) < retry.tries


def test_an_object_that_was_cut_short_is_not_asked_for_again(
    remote: RemoteStorage, put_object: Put, proxy: Proxy, content: bytes
) -> None:
    put_object("image", content)
    for ranges in ([(99_000, 100_001)], [(100_000, 100_010)], [(0, 10), (200_000, 200_010)]):
        proxy.requests.clear()
        with pytest.raises(
            TruncatedError, match=r"/image: ends at byte 100000, before .*cut short"
        ):
            remote.read_ranges("image", ranges)
        assert len(proxy.requests) <= 3


def test_runs_overlap_their_latency(
    store: UPath, put_object: Put, proxy: Proxy, content: bytes
) -> None:
    put_object("image", content)
    remote = RemoteStorage(store, RemoteConfig(retry=QUICK, gap=0))
    remote.size("image")
    proxy.delay = 0.5
    ranges = [(start, start + 1_000) for start in range(0, 100_000, 12_500)]
    started = time.monotonic()
    assert remote.read_ranges("image", ranges) == [content[a:b] for a, b in ranges]
    assert time.monotonic() - started < 4 * proxy.delay  # one after another: 8
    assert len(proxy.asked()) == 1 + 8


def test_near_ranges_are_one_request_and_long_ones_several(
    store: UPath, put_object: Put, proxy: Proxy, content: bytes
) -> None:
    put_object("image", content)
    remote = RemoteStorage(store, RemoteConfig(retry=QUICK, gap=100, piece=30_000))
    near = [(0, 10), (110, 120), (60, 70)]
    assert remote.read_ranges("image", near) == [content[a:b] for a, b in near]
    assert [request.range for request in proxy.requests] == ["bytes=0-119"]
    proxy.requests.clear()
    assert remote.read_ranges("image", [(0, 100_000)]) == [content]
    assert len(proxy.requests) == 4


def test_threads_share_a_storage(remote: RemoteStorage, put_object: Put, content: bytes) -> None:
    put_object("image", content)
    found: dict[int, object] = {}

    def read(number: int) -> None:
        at = 1_000 * number
        found[number] = remote.read_ranges("image", [(at, at + 500)])

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [content[1_000 * n : 1_000 * n + 500]] for n in range(8)}


def test_a_storage_goes_with_a_spawned_process(
    remote: RemoteStorage, put_object: Put, tmp_path: Path
) -> None:
    for key in KEYS:
        put_object(key, content_of(key))
    cache = CacheConfig(folder=tmp_path / "cache", limit=2**21, block=2**16)
    storage = CachedStorage(remote, cache, "token")
    read_epochs(storage, 1, 0)  # with a connection of its own open
    process = multiprocessing.get_context("spawn").Process(target=read_epochs, args=(storage, 1, 1))
    process.start()
    process.join(30)
    assert process.exitcode == 0


def test_errors_cross_processes_as_they_are(remote: RemoteStorage, proxy: Proxy) -> None:
    proxy.always = Fault(status=403)
    with pytest.raises(StorageError) as caught:
        remote.read("image")
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert type(copy) is StorageError
    assert str(copy) == str(caught.value)


def test_the_bytes_of_a_store_are_those_of_all_its_objects(
    remote: RemoteStorage, put_object: Put
) -> None:
    assert remote.total_bytes() == 0
    put_object("zarr.json", b"{}")
    put_object("image/c/0", b"12345")
    assert remote.total_bytes() == 7
    put_object("image/c/1", b"12345")
    assert remote.total_bytes() == 12


def test_a_store_is_read_from_memory_as_from_anywhere(content: bytes) -> None:
    place = UPath("memory://test-storage/store.zarr")
    (place / "image").parent.mkdir(parents=True, exist_ok=True)
    (place / "image").write_bytes(content)
    storage = RemoteStorage(place)
    assert storage.read("image") == content
    assert storage.read_ranges("image", RANGES) == [content[a:b] for a, b in RANGES]
    assert storage.read_tail("image", 7) == content[-7:]
    assert storage.read("no") is None
    assert storage.total_bytes() == len(content)
    with pytest.raises(TruncatedError):
        storage.read_ranges("image", [(0, 100_001)])


def test_a_web_server_of_files_is_enough(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.zarr").mkdir()
    (tmp_path / "store.zarr" / "image").write_bytes(content)
    with web_server(tmp_path) as url:
        storage = RemoteStorage(UPath(f"{url}/store.zarr"), RemoteConfig(retry=QUICK))
        assert storage.read("image") == content
        assert storage.read_ranges("image", RANGES) == [content[a:b] for a, b in RANGES]
        assert storage.read_tail("image", 7) == content[-7:]
        assert storage.read("no") is None
        assert storage.size("no") is None
        assert storage.total_bytes() is None
        with pytest.raises(TruncatedError):
            storage.read_ranges("image", [(100_000, 100_001)])


def test_a_busy_web_server_is_not_an_empty_one(tmp_path: Path, content: bytes) -> None:
    # fsspec says FileNotFoundError of any failure to learn a size
    (tmp_path / "image").write_bytes(content)
    with web_server(tmp_path) as url:
        proxy = Proxy(url)
        with running(proxy):
            storage = RemoteStorage(UPath(proxy.url), RemoteConfig(retry=QUICK))
            proxy.faults.extend([Fault(status=503)] * 4)
            assert storage.size("image") == len(content)
            proxy.always = Fault(status=503)
            with pytest.raises(StorageError, match="given up after 4 tries"):
                storage.size("image")


def test_a_web_server_without_ranges_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image").write_bytes(content)
    with web_server(tmp_path, ranges=False) as url:
        storage = RemoteStorage(UPath(url), RemoteConfig(retry=QUICK))
        with pytest.raises(StorageError, match="range requests"):
            storage.read_ranges("image", [(0, 10)])
        with pytest.raises(StorageError, match="range requests"):
            storage.read_tail("image", 10)


@pytest.mark.parametrize("protocol", ["http", "s3"])
def test_nobody_at_home_is_given_up_with_the_cure(protocol: str) -> None:
    nobody = "http://127.0.0.1:9"
    place = UPath(nobody) if protocol == "http" else UPath("s3://b", endpoint_url=nobody, anon=True)
    storage = RemoteStorage(place, RemoteConfig(retry=QUICK))
    with pytest.raises(StorageError, match=r"given up after 4 tries.*check the network"):
        storage.read("image")
