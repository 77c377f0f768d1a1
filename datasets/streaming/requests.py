"""Batches that were asked of the processes that read: from the asking to the end of their use."""

import weakref
from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from shm.datasets.streaming.packing import PackedBatch
from shm.datasets.streaming.reader import BatchDraws


class Requests:
    """Batches in their order, each remembered until it has come.

    Batch n is asked of process n modulo `processes`: it is their turn. With each goes word of the
    memory that comes back to the process, of batches that nothing uses any more.

    Parameters
    ----------
    batches : iterator
        Without end.
    processes : int
        0: batches are made where they are used, in memory of their own.
    """

    def __init__(self, batches: Iterator[BatchDraws], processes: int) -> None:
        self._batches, self._processes = batches, processes
        self._waiting: deque[BatchDraws] = deque()
        self._unused: list[deque[int]] = [deque() for _ in range(processes)]
        self._stopped = False

    def __iter__(self) -> Iterator[BatchDraws]:
        for number, draws in enumerate(self._batches):
            if self._stopped:
                return
            batch = draws
            if self._processes:
                unused = self._unused[number % self._processes]
                given_back = tuple(unused.popleft() for _ in range(len(unused)))
                batch = draws._replace(number=number, given_back=given_back)
            self._waiting.append(batch)
            yield batch

    def stop(self) -> None:
        """Ask for no more."""
        self._stopped = True

    def arrived(self, batch: PackedBatch) -> PackedBatch:
        """Return the first of the batches that were asked for, which has come.

        Its memory goes back to the process that read it as soon as no tensor uses it, or now, where
        it was copied to memory that is pinned.
        """
        number = self._waiting.popleft().number
        if number is None:
            return batch
        if batch["pixels"].is_pinned():
            self._give_back(number)
            return batch
        return {**batch, "pixels": self._borrowed(batch["pixels"], number)}

    def _borrowed(self, pixels: Tensor, number: int) -> Tensor:
        array = pixels.numpy()  # held by the tensor below, and by all that are views of that
        weakref.finalize(array, self._give_back, number).atexit = False
        return torch.from_numpy(array)

    def _give_back(self, number: int) -> None:
        """Note that nothing uses the memory of a batch any more; any thread may."""
        self._unused[number % self._processes].append(number)

    def outstanding(self, places: set[int]) -> list[BatchDraws]:
        """Return what each of some processes has to read next."""
        found: dict[int, BatchDraws] = {}
        for batch in self._waiting:
            if batch.number is not None:
                found.setdefault(batch.number % self._processes, batch)
        return [batch for place, batch in sorted(found.items()) if place in places]
