"""What was asked for: numbered, remembered until it comes, its memory given back after its use."""

import gc
from collections.abc import Iterator
from itertools import count, islice

import torch

from shm.datasets.streaming.packing import PackedBatch
from shm.datasets.streaming.reader import BatchDraws, Draw
from shm.datasets.streaming.requests import Requests


def draws() -> Iterator[BatchDraws]:
    return (BatchDraws((Draw(0, 0, slot),)) for slot in count())


def a_batch(pixels: torch.Tensor) -> PackedBatch:
    return {"id": ["one"], "pixels": pixels, "crops": [], "skipped": [], "pid": 0}


def test_memory_goes_back_when_no_view_of_it_is_left() -> None:
    requests = Requests(draws(), 1)
    asked = iter(requests)
    next(asked)
    memory = torch.arange(24, dtype=torch.uint8)
    batch = requests.arrived(a_batch(memory))
    assert batch["pixels"].data_ptr() == memory.data_ptr()
    view = batch["pixels"][4:16].view(3, 4).permute(1, 0)
    alive = view[0]
    del batch, view
    gc.collect()
    assert next(asked).given_back == ()
    assert alive.tolist() == [4, 8, 12]
    del alive
    gc.collect()
    assert next(asked).given_back == (0,)
    assert next(asked).given_back == ()


def test_memory_goes_back_to_whom_it_came_from() -> None:
    requests = Requests(draws(), 3)
    asked = iter(requests)
    list(islice(asked, 6))
    for _ in range(6):
        requests.arrived(a_batch(torch.zeros(4, dtype=torch.uint8)))
    gc.collect()
    assert [next(asked).given_back for _ in range(3)] == [(0, 3), (1, 4), (2, 5)]


def test_what_has_not_come_is_told_by_process() -> None:
    requests = Requests(draws(), 2)
    list(islice(requests, 5))
    for _ in range(2):
        requests.arrived(a_batch(torch.zeros(4, dtype=torch.uint8)))
    assert [batch.draws[0].slot for batch in requests.outstanding({0, 1})] == [2, 3]
    assert [batch.draws[0].slot for batch in requests.outstanding({1})] == [3]


def test_batches_that_are_made_where_they_are_used_keep_their_memory() -> None:
    requests = Requests(draws(), 0)
    assert next(iter(requests)).number is None
    batch = a_batch(torch.zeros(4, dtype=torch.uint8))
    assert requests.arrived(batch) is batch


def test_nothing_is_asked_for_after_the_end() -> None:
    requests = Requests(draws(), 1)
    asked = iter(requests)
    next(asked)
    requests.stop()
    assert list(asked) == []
