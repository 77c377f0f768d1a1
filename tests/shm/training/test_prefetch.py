import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch

from shm.training.prefetch import prefetched

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Number:
    """Stands for a batch."""

    value: int

    def record_stream(self, stream: torch.Stream) -> None:  # noqa: ARG002 - the protocol's
        raise AssertionError("a processor has no streams")


class Source:
    """Counts from 0 on; knows how far it got, and whether it was closed."""

    def __init__(self, stop: int = 1_000_000, error: BaseException | None = None) -> None:
        self.stop, self.error = stop, error
        self.taken = 0
        self.closed = False

    def numbers(self) -> Iterator[int]:
        try:
            for number in range(self.stop):
                self.taken += 1
                yield number
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does; fail where it doesn't."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


def test_batches_come_in_their_order_and_end() -> None:
    with prefetched(Source(50).numbers(), CPU, Number) as stream:
        assert [batch.value for batch in stream] == list(range(50))
        assert next(stream, None) is None


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_as_many_batches_are_made_ahead_as_was_said_and_no_more(depth: int) -> None:
    source = Source()
    with prefetched(source.numbers(), CPU, Number, depth=depth) as stream:
        until(lambda: source.taken == depth)
        assert next(stream) == Number(0)
        until(lambda: source.taken == depth + 1)
        time.sleep(0.02)
        assert source.taken == depth + 1


def test_batches_are_made_ready_in_another_thread() -> None:
    threads = []

    def ready(number: int) -> Number:
        threads.append(threading.current_thread())
        return Number(number)

    with prefetched(Source(3).numbers(), CPU, ready) as stream:
        list(stream)
    assert threading.current_thread() not in threads


@pytest.mark.parametrize("error", [ValueError("shard 7 is damaged"), KeyboardInterrupt()])
def test_what_goes_wrong_in_the_source_is_raised_as_it_is_and_in_its_turn(
    error: BaseException,
) -> None:
    source = Source(3, error)
    with prefetched(source.numbers(), CPU, Number) as stream:
        assert [next(stream).value for _ in range(3)] == [0, 1, 2]
        with pytest.raises(type(error)) as caught:
            next(stream)
    assert caught.value is error
    assert source.closed


@pytest.mark.parametrize("error", [ValueError("a trimap holds 7"), StopIteration()])
def test_what_goes_wrong_as_a_batch_is_made_ready_is_raised_too(error: Exception) -> None:
    def ready(number: int) -> Number:
        if number == 1:
            raise error
        return Number(number)

    source = Source()
    with prefetched(source.numbers(), CPU, ready) as stream:
        assert next(stream) == Number(0)
        # An end of the iteration would pass for the end of the batches.
        with pytest.raises(RuntimeError if isinstance(error, StopIteration) else ValueError) as no:
            next(stream)
    assert error in (no.value, no.value.__cause__)
    assert source.closed


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_source_is_closed_when_training_fails(error: type[BaseException]) -> None:
    source = Source()

    def train() -> None:
        with prefetched(source.numbers(), CPU, Number) as stream:
            next(stream)
            raise error

    with pytest.raises(error):
        train()
    assert source.closed


def test_ctrl_c_ends_the_wait_for_a_batch() -> None:
    waiting = threading.Event()

    def slow() -> Iterator[int]:
        waiting.wait(10)
        yield 0

    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)
        waiting.set()

    def train() -> None:
        with prefetched(slow(), CPU, Number) as stream:
            timer.start()
            next(stream)
            raise AssertionError("the wait was not interrupted")

    timer = threading.Timer(0.05, interrupt)
    with pytest.raises(KeyboardInterrupt):
        train()
    timer.join()


def test_closing_waits_for_the_batch_in_hand_alone() -> None:
    source = Source()
    asked, go_on = threading.Event(), threading.Event()

    def ready(number: int) -> Number:
        asked.set()
        go_on.wait(10)
        return Number(number)

    with prefetched(source.numbers(), CPU, ready, depth=1):
        assert asked.wait(10)
        go_on.set()
    assert source.closed
    assert source.taken == 1


def test_any_iterable_will_do_and_may_be_left_unread() -> None:
    with prefetched([1, 2, 3], CPU, Number):
        pass
    with prefetched([], CPU, Number) as stream:
        assert list(stream) == []


def test_an_error_that_nobody_waited_for_does_not_stand_in_the_way() -> None:
    source = Source(1, ValueError("too late to matter"))
    with prefetched(source.numbers(), CPU, Number) as stream:
        next(stream)
        until(lambda: source.closed)
    assert source.taken == 1  # and nothing was raised
