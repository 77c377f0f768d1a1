"""Batches by real processes: which come, what happens when one dies, and what is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from multiprocessing import active_children, forkserver
from pathlib import Path
from threading import Thread, Timer

import pytest

from shm.datasets.composites.store import Form
from shm.datasets.damage import DamageError, StoreError
from shm.datasets.opening import open_samples
from shm.datasets.streaming import loader
from shm.datasets.streaming.loader import LoaderError, StreamConfig, training_batches
from shm.datasets.streaming.packing import PackedBatch
from shm.datasets.streaming.processes import MEMORY, Flag, context
from shm.datasets.streaming.reader import OnDamage, ReaderConfig
from shm.datasets.streaming.sources import Source
from tests.datasets.stores import flip_a_byte, write_people, write_store
from tests.datasets.streaming.processes import are_gone, is_group_gone, shared_files, until
from tests.datasets.streaming.streams import (
    CROP,
    SAMPLES,
    assert_same,
    from_a_thread,
    ids,
    stream,
    stream_config,
    write_wide,
)

ROOT = Path(__file__).parents[3]

PROMPT = 30.0
"""Seconds within which a death is told."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wide(tmp_path_factory.mktemp("loader") / "wide.zarr")


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Path:
    """A store that a test may harm."""
    shutil.copytree(path, tmp_path / "copy.zarr")
    return tmp_path / "copy.zarr"


def shard_file(store: Path, array: str) -> Path:
    """Return the file of the first shard of an array."""
    (file,) = filter(Path.is_file, (store / array / "c" / "0").rglob("*"))
    return file


def damage(file: Path) -> None:
    for place in range(2, 90, 2):
        flip_a_byte(file, at=place / 100)


def block(file: Path) -> None:
    """Make who reads a file wait for ever."""
    file.unlink()
    os.mkfifo(file)


def end_children() -> None:
    for process in active_children():
        process.kill()


# -------------------------------------------------------------------- the same batches


def test_any_number_of_workers_and_threads_gives_the_same_batches(path: Path) -> None:
    alone = list(islice(stream(path, start=2), 8))
    for workers, threads in ((0, 3), (2, 2)):
        found = stream(path, start=2, workers=workers, threads=threads)
        for one, other in zip(alone, found, strict=False):
            assert_same(one, other)
            assert (other["pid"] == os.getpid()) == (workers == 0)


def test_a_stream_carries_on_at_any_batch(path: Path) -> None:
    steps = SAMPLES // 3 + 5  # into the second epoch
    whole = list(islice(stream(path), steps))
    for step in range(steps):
        assert_same(next(stream(path, start=3 * step)), whole[step])
    names = [record["id"] for _, record in open_samples(path).samples("train")]
    assert sorted(ids(iter(whole), SAMPLES // 3)) == sorted(names)


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_the_order_of_one(path: Path, world: int) -> None:
    alone = stream(path, start=7)
    ranks = [stream(path, start=7, rank=rank, world=world) for rank in range(world)]
    for _ in range(12):
        for rank in ranks:
            assert_same(next(rank), next(alone))


def test_stores_are_mixed_by_their_weights(path: Path, tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.zarr", 6, rejects=2).path
    sources = [Source(path=path, weight=3), Source(path=people)]

    def mixed(start: int = 0) -> Iterator[PackedBatch]:
        return training_batches(sources, stream_config(8), start=start)

    drawn = ids(mixed(), 50)
    own = Counter(name for name in drawn if name.count("-") == 1)  # no composites
    assert sum(own.values()) == pytest.approx(100, abs=15)
    assert sorted(own) == ["sample-000", "sample-001", "sample-003", "sample-005"]
    assert max(own.values()) - min(own.values()) <= 1  # each once in each of their own epochs
    composites = [name for name in drawn if name.count("-") == 2]
    assert composites == ids(stream(path, len(composites)), 1)
    assert ids(mixed(start=160), 2) == drawn[160:176]


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    two = write_store(tmp_path / "two.zarr", 2).path  # both to train on
    config = StreamConfig(reader=ReaderConfig(crop=CROP, seed=0), batch=2, split="test")
    with pytest.raises(StoreError, match=r"two\.zarr: the split 'test' has no samples"):
        next(training_batches([Source(path=two)], config))


# -------------------------------------------------------------------- damage

DAMAGES = [
    ("materialised", "images/image", "sample-000-000", 0),
    ("materialised", "foregrounds/alpha", "sample-000", 0),
    ("lazy", "backgrounds/file", "scene-000", 1),
]


@pytest.mark.parametrize(("form", "array", "sample", "workers"), DAMAGES)
def test_a_damaged_shard_stops_the_stream_and_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Form,
    array: str,
    sample: str,
    workers: int,
) -> None:
    monkeypatch.setenv("TMPDIR", str(temporary := tmp_path / "tmp"))
    temporary.mkdir()
    path = tmp_path / "s.zarr"
    write_store(path, 4, form=form)
    damage(shard_file(path, array))
    name = array.partition("/")[2]
    with pytest.raises(DamageError) as told:
        list(islice(stream(path, 2, workers=workers), 4))
    line = str(told.value)
    assert f"shard 0 of {name} is damaged" in line
    assert sample in line
    assert f"--repair {path}`" in line
    assert "\n" not in line  # though it comes from another process
    assert not active_children()
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("on_damage", ["stop", "skip"])
@pytest.mark.parametrize("array", ["recipe", "foregrounds/record"])
def test_what_says_which_samples_there_are_is_never_skipped(
    copy: Path, array: str, on_damage: OnDamage
) -> None:
    shutil.rmtree(copy / array / "c")
    told = "recipes are missing" if array == "recipe" else "shard 0 of record is missing"
    with pytest.raises(DamageError, match=told):
        next(stream(copy, 2, on_damage=on_damage))


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_skipped_is_told_and_others_take_its_place(
    path: Path, copy: Path, workers: int
) -> None:
    told: list[str] = []
    flip_a_byte(shard_file(copy, "backgrounds/file"), at=0.5)  # one of the photos
    found = stream(copy, workers=workers, on_damage="skip", on_skip=told.append)
    batches = list(islice(found, SAMPLES // 3))
    sound = list(islice(stream(path), SAMPLES // 3))
    damaged = 0
    for one, other in zip(batches, sound, strict=True):
        others = [each for each in one["id"] if each not in other["id"]]
        assert len(one["id"]) == 3
        assert len(others) <= len(one["skipped"])
        damaged += len(others)
    assert 0 < damaged <= len(told) < SAMPLES / 2
    assert told == [line for batch in batches for line in batch["skipped"]]
    assert all("shard 0 of file is damaged" in line for line in told)


# -------------------------------------------------------------------- death


Through = Callable[[Iterator[PackedBatch]], Iterator[PackedBatch]]


@pytest.mark.parametrize("through", [iter, from_a_thread])
def test_a_process_that_is_killed_is_an_error_that_names_what_it_read(
    path: Path, through: Through
) -> None:
    batches = through(stream(path, workers=2))
    drawn = list(next(batches)["id"])
    killed = next(batches)
    drawn += killed["id"]
    Timer(0.2, os.kill, [killed["pid"], signal.SIGKILL]).start()
    started = time.monotonic()
    with pytest.raises(LoaderError, match=r"killed \(SIGKILL\) while it read") as told:
        drawn.extend(name for batch in batches for name in batch["id"])
    assert time.monotonic() - started < PROMPT
    named = str(told.value).partition("while it read ")[2].partition(":")[0].split(", ")
    expected = ids(stream(path), len(drawn) // 3 + 2 * 2)  # what two processes read ahead
    assert drawn == expected[: len(drawn)]
    place = expected.index(named[0], len(drawn))
    assert named == expected[place : place + 3]
    assert not active_children()


def test_a_process_that_is_killed_in_its_first_read_is_named_too(copy: Path) -> None:
    expected = ids(stream(copy), 1)
    file = shard_file(copy, "backgrounds/file")
    block(file)
    batches = from_a_thread(stream(copy, workers=1))

    def kill() -> None:
        with file.open("wb"):  # waits for who opens it to read
            end_children()

    Thread(target=kill, daemon=True).start()
    with pytest.raises(LoaderError, match=f"SIGKILL.*{', '.join(expected)}"):
        next(batches)


# -------------------------------------------------------------------- nothing left behind


@pytest.mark.parametrize("through", [iter, from_a_thread])
def test_closing_early_ends_all_processes(path: Path, through: Through) -> None:
    batches = through(stream(path, workers=2))
    pids = {batch["pid"] for batch in islice(batches, 4)}
    assert len(pids) == 2
    batches.close()  # type: ignore[attr-defined]
    assert are_gone(pids)
    assert not active_children()


@pytest.mark.parametrize("through", [iter, from_a_thread])
def test_closing_does_not_wait_for_a_read_that_never_ends(
    copy: Path, monkeypatch: pytest.MonkeyPatch, through: Through
) -> None:
    monkeypatch.setattr(loader, "PATIENCE", 0.5)
    batches = through(stream(copy, workers=1))
    pids = {next(batches)["pid"]}
    time.sleep(1)  # until all that is read ahead is there
    block(shard_file(copy, "backgrounds/file"))
    next(batches)
    started = time.monotonic()
    rescue = Timer(3 * PROMPT, end_children)
    rescue.start()
    batches.close()  # type: ignore[attr-defined]
    rescue.cancel()
    assert time.monotonic() - started < PROMPT
    assert are_gone(pids)
    assert not active_children()


@pytest.mark.parametrize("own", [None, "4096"])
def test_processes_keep_the_memory_they_read_with_and_the_environment_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    for name in MEMORY:
        monkeypatch.delenv(name, raising=False)
    if own is not None:
        monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", own)
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # it keeps what it started with
    before = dict(os.environ)
    batches = stream(path, workers=1)
    process = Path("/proc", str(next(batches)["pid"]))
    assert dict(os.environ) == before
    given = set((process / "environ").read_bytes().decode().split("\0"))
    expected = MEMORY | ({} if own is None else {"MALLOC_TRIM_THRESHOLD_": own})
    assert {f"{name}={value}" for name, value in expected.items()} <= given
    batches.close()  # type: ignore[attr-defined]
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


class TellsItsEnvironment:
    """A reader that can only say what it sees."""

    def __init__(self, *_: object) -> None:
        pass

    def __getitem__(self, _: object) -> Exception:
        return LookupError(os.environ.get("SHM_TEST"))


def test_processes_see_the_environment_as_it_is_by_now(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next(stream(path, workers=1))  # what they are forks of has started before
    monkeypatch.setattr(loader, "BatchReader", TellsItsEnvironment)
    for seen in ("one", "two"):
        monkeypatch.setenv("SHM_TEST", seen)
        with pytest.raises(LookupError, match=seen):
            next(stream(path, workers=1))


def test_a_stream_that_is_left_open_does_not_keep_its_process(path: Path) -> None:
    imports = "from pathlib import Path; from tests.datasets.streaming import streams"
    left = f"streams.left = streams.stream(Path({str(path)!r}), workers=1); next(streams.left)"
    script = [sys.executable, "-c", f"{imports}; {left}"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.stderr, done.returncode) == (b"", 0)


def look_at(flag: Flag) -> None:
    while True:
        flag.is_set()


def test_whoever_is_killed_while_it_looks_for_the_end_does_not_keep_the_trainer_waiting() -> None:
    for _ in range(5):
        flag = context().Event()
        process = context().Process(target=look_at, args=(flag,))  # type: ignore[attr-defined]
        process.start()
        time.sleep(0.1)
        process.kill()
        process.join()
        telling = Thread(target=flag.set, daemon=True)
        telling.start()
        telling.join(10)
        assert not telling.is_alive()
        assert flag.is_set()


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for sockets, too: their paths may have a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="shm-") as folder:
        yield Path(folder)


def start_trainer(store: Path, out: Path, temporary: Path) -> "subprocess.Popen[str]":
    """Start a trainer whose two processes read, in a group of its own."""
    out.mkdir()
    script = [sys.executable, "-m", "tests.datasets.streaming.rank_script"]
    return subprocess.Popen(
        [*script, store, out, "1000000000", "3", "2", "0.01"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        text=True,
    )


@pytest.mark.parametrize("when", ["they start", "they read", "a read never ends"])
def test_ctrl_c_leaves_neither_words_nor_processes_nor_files(
    copy: Path, temporary: Path, when: str
) -> None:
    out = copy.with_name("out")
    if when == "a read never ends":
        block(shard_file(copy, "backgrounds/file"))
    process = start_trainer(copy, out, temporary)
    until((out / ("position.json" if when == "they read" else "1-0.jsonl")).exists)
    time.sleep(4 if when == "a read never ends" else 0.5)
    shared = shared_files(process.pid)
    assert shared
    os.killpg(process.pid, signal.SIGINT)
    words, _ = process.communicate(timeout=60)
    assert (words, process.returncode) == ("", 130)
    until(lambda: is_group_gone(process.pid))
    assert not list(temporary.iterdir())
    until(lambda: not any(file.exists() for file in shared))


@pytest.mark.parametrize("blocked", [False, True])
def test_processes_end_when_their_trainer_is_killed(
    copy: Path, temporary: Path, blocked: bool
) -> None:
    out = copy.with_name("out")
    process = start_trainer(copy, out, temporary)
    until((out / "position.json").exists)
    if blocked:
        block(shard_file(copy, "backgrounds/file"))
        time.sleep(1)
    process.kill()
    words, _ = process.communicate(timeout=60)
    assert "Traceback" not in words
    until(lambda: is_group_gone(process.pid))
