import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shm.datasets.storage.errors import StorageError, TruncatedError
from shm.datasets.storage.local import GAP, LocalStorage

places = st.integers(0, 100_000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    ranges=st.lists(st.tuples(places, places).map(lambda pair: (min(pair), max(pair))), max_size=8)
)
def test_any_ranges_come_as_they_lie(
    ranges: list[tuple[int, int]], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "image").write_bytes(content)
    storage = LocalStorage(tmp_path)
    assert storage.read_ranges("image", ranges) == [content[a:b] for a, b in ranges]


def test_files_and_their_tails_come_as_they_lie(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image" / "c").mkdir(parents=True)
    (tmp_path / "image" / "c" / "0").write_bytes(content)
    (tmp_path / "empty").touch()
    storage = pickle.loads(pickle.dumps(LocalStorage(tmp_path)))  # noqa: S301 - our own
    assert storage.read("image/c/0") == content
    assert storage.read_tail("image/c/0", 5) == content[-5:]
    assert storage.read_tail("image/c/0", 10**6) == content
    assert storage.size("image/c/0") == storage.total_bytes() == len(content)
    assert storage.read("empty") == b""
    assert storage.read_tail("empty", 5) == b""
    assert storage.url == str(tmp_path)
    assert storage.forget("image/c/0") is False


@pytest.mark.parametrize("key", ["no", "folder", "file/no"])
def test_what_is_no_file_is_none(key: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    storage = LocalStorage(tmp_path)
    assert storage.read(key) is None
    assert storage.read_ranges(key, [(0, 10)]) is None
    assert storage.read_tail(key, 10) is None
    assert storage.size(key) is None


@pytest.mark.parametrize("ranges", [[(99, 101)], [(200, 300)], [(0, 10), (10 + GAP, 11 + GAP)]])
def test_a_file_that_was_cut_short_is_noticed_by_name(
    ranges: list[tuple[int, int]], tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(bytes(100))
    with pytest.raises(TruncatedError, match=f"{tmp_path}/image: ends at byte .*: cut short"):
        LocalStorage(tmp_path).read_ranges("image", ranges)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StorageError, match=f"{tmp_path}/loop: can't be read"):
        LocalStorage(tmp_path).read("loop")


def open_files() -> int:
    listed = Path("/proc/self/fd")
    return len(list(listed.iterdir())) if listed.is_dir() else 0


def test_no_file_stays_open(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image").write_bytes(content)
    storage = LocalStorage(tmp_path)
    before = open_files()
    for _ in range(50):
        storage.read_ranges("image", [(0, 10)])
        with pytest.raises(TruncatedError):
            storage.read_ranges("image", [(0, 10**6)])
    assert open_files() == before
