"""Memory that comes back: it is filled again when nothing uses it, and not before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from shm.datasets.streaming.lending import SPARE, Lender
from tests.datasets.streaming.streams import assert_same, stream, write_wide


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wide(tmp_path_factory.mktemp("lending") / "wide.zarr")


# -------------------------------------------------------------------- the process that reads


def test_memory_is_shared_and_of_the_size_that_was_asked_for() -> None:
    pixels = Lender().lend(0, 1000)
    assert pixels.is_shared()  # type: ignore[no-untyped-call]
    assert (pixels.dtype, pixels.shape) == (torch.uint8, (1000,))


def test_what_came_back_is_lent_again() -> None:
    lender = Lender()
    first = lender.lend(0, 1000)
    assert lender.lend(1, 1000).data_ptr() != first.data_ptr()
    lender.take_back([0])
    assert lender.lend(2, 1100).data_ptr() == first.data_ptr()  # there is a little room


def test_the_smallest_that_fits_is_lent() -> None:
    lender = Lender()
    pieces = [lender.lend(number, size) for number, size in enumerate((4000, 1000, 2000))]
    lender.take_back([0, 1, 2])
    order = [lender.lend(3 + number, 900).data_ptr() for number in range(3)]
    assert order == [pieces[at].data_ptr() for at in (1, 2, 0)]


def test_what_is_too_small_is_given_up_for_what_is_not() -> None:
    lender = Lender()
    small = lender.lend(0, 10)
    lender.take_back([0])
    assert len(lender.lend(1, 10_000)) == 10_000
    lender.take_back([1])
    assert lender.lend(2, 10).data_ptr() != small.data_ptr()


def test_no_more_than_a_few_lie_ready() -> None:
    lender = Lender()
    many = [lender.lend(number, 100).data_ptr() for number in range(3 * SPARE)]
    lender.take_back(range(3 * SPARE))
    again = [lender.lend(100 + number, 100).data_ptr() for number in range(SPARE)]
    assert sorted(again) == sorted(many[-SPARE:])


def test_what_was_never_lent_does_not_come_back() -> None:
    lender = Lender()
    lent = lender.lend(0, 100)
    lender.take_back([7])
    lender.take_back([0])
    lender.take_back([0])
    assert lender.lend(1, 100).data_ptr() == lent.data_ptr()
    assert lender.lend(2, 100).data_ptr() != lent.data_ptr()


# -------------------------------------------------------------------- both, by real processes


@pytest.mark.parametrize(("workers", "pinned"), [(1, False), (2, False), (1, True)])
def test_batches_that_are_kept_stay_as_they_came(path: Path, workers: int, pinned: bool) -> None:
    expected = list(islice(stream(path), 14))
    kept = []
    for number, batch in enumerate(islice(stream(path, workers=workers, pinned=pinned), 14)):
        if number % 3:  # the memory of the others goes back and is filled again
            kept.append((number, batch))
    for number, batch in kept:
        assert_same(batch, expected[number])


def test_batches_that_are_let_go_need_no_more_memory(path: Path) -> None:
    pieces = set()
    for batch in islice(stream(path, workers=1), 40):
        pieces |= shared_pieces(batch["pid"])
    assert 1 <= len(pieces) <= 2 * SPARE


class Within(IterableDataset[int]):
    """A stream that a process of another loader reads by itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[int]:
        for batch in islice(stream(self.path), 40):
            yield len(shared_pieces(batch["pid"]))


def test_who_reads_within_another_loader_shares_no_memory(path: Path) -> None:
    around: DataLoader[int] = DataLoader(
        Within(path), batch_size=None, num_workers=1, multiprocessing_context="spawn"
    )
    # In a thread: PyTorch would report dead processes in the main one from then on.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(max, around).result() <= SPARE


def shared_pieces(process: int) -> set[str]:
    """Return the files of the memory that a process shares."""
    maps = Path(f"/proc/{process}/maps").read_text(encoding="utf-8").splitlines()
    return {line.split()[4] for line in maps if "/torch_" in line}
