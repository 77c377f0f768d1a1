"""Batches made ready on the device ahead of the step that trains on them."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Generic, Protocol, TypeVar

import torch

DEPTH = 2
"""Batches that wait for the trainer; one hides the work, another its changing pace."""

PATIENCE = 5.0
"""Seconds that a batch is waited for which nobody wants any more."""


class OnDevice(Protocol):
    """What can wait on a device: `shm.training.batch.Batch`."""

    def record_stream(self, stream: torch.Stream) -> None:
        """Keep the memory until what `stream` has been given to do so far is done."""


Raw = TypeVar("Raw")
Ready = TypeVar("Ready", bound=OnDevice)


@contextmanager
def prefetched(
    batches: Iterable[Raw],
    device: torch.device,
    ready: Callable[[Raw], Ready],
    *,
    depth: int = DEPTH,
) -> Generator[Iterator[Ready]]:
    """Take batches and make them ready in a thread, in their order, a few ahead of the consumer.

    On a GPU they are made on a stream of their own, beside the training step. How long ``next``
    takes is how long the consumer waits for data. Neither `batches` nor `ready` may draw from
    PyTorch's global generator once the first batch is there: the consumer's draws would depend on
    who is faster.

    Parameters
    ----------
    batches : iterable
        Its iterator is used by the thread alone, and closed when the context ends.
    device : torch.device
    ready : callable
        From a raw batch to one on the device.
    depth : int
        How many may wait.

    Yields
    ------
    iterator
        What goes wrong in `batches` or `ready` is raised by its ``next``, in its turn, as it is.
    """
    thread = _Ahead(iter(batches), device, ready, depth)
    thread.start()
    try:
        yield thread.consume()
    finally:
        thread.close()


@dataclass(frozen=True)
class _Made(Generic[Ready]):
    batch: Ready
    done: torch.cuda.Event | None


@dataclass(frozen=True)
class _Ended:
    error: BaseException | None = None


class _Ahead(Thread, Generic[Raw, Ready]):
    """The thread: waits for a free place, makes a batch, hands it over."""

    def __init__(
        self, source: Iterator[Raw], device: torch.device, ready: Callable[[Raw], Ready], depth: int
    ) -> None:
        super().__init__(name="prefetch", daemon=True)
        self.source, self.ready = source, ready
        # Made here: which GPU is the current one is each thread's own affair.
        cuda = device.type == "cuda"
        self.stream = torch.cuda.Stream(device) if cuda else None  # type: ignore[no-untyped-call]
        self.places = Semaphore(depth)
        self.made: SimpleQueue[_Made[Ready] | _Ended] = SimpleQueue()
        self.closed = Event()

    def run(self) -> None:
        """Work until the batches end, something goes wrong, or nobody wants more."""
        try:
            with nullcontext() if self.stream is None else torch.cuda.stream(self.stream):
                self._work()
            self.made.put(_Ended())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self.made.put(_Ended(error))

    def _work(self) -> None:
        while True:
            self.places.acquire()
            if self.closed.is_set():
                return
            try:
                raw = next(self.source)
            except StopIteration:
                return
            batch = self.ready(raw)
            done = None if self.stream is None else self.stream.record_event()
            self.made.put(_Made(batch, done))

    def consume(self) -> Iterator[Ready]:
        """Yield the batches in their order; raise what the thread met."""
        while isinstance(item := self.made.get(), _Made):
            self.places.release()
            if self.stream is not None and item.done is not None:
                mine = torch.cuda.current_stream(self.stream.device)
                mine.wait_event(item.done)
                # The memory is the other stream's, which would use it again too early.
                item.batch.record_stream(mine)
            yield item.batch
        if item.error is not None:
            raise item.error

    def close(self) -> None:
        """End the thread after the batch that it is at, and the iterator with it.

        A batch that does not come is not waited for: the thread ends with the program.
        """
        self.closed.set()
        self.places.release()
        self.join(PATIENCE)
        if isinstance(self.source, Generator) and not self.is_alive():
            self.source.close()
