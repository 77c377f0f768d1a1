"""Memory that batches are handed over in: it comes back to be filled again.

Fresh shared memory costs more than the crops in it: the system clears each page and maps it, some
3 µs for 4 KiB.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

SPARE = 4
"""Pieces of memory that lie ready."""

ROOM = 5 / 4
"""What a new piece of memory holds, as against what it is made for: batches differ."""


class Lender:
    """Shared memory of a process that reads, lent to the trainer a batch at a time."""

    def __init__(self) -> None:
        self._lent: dict[int, Tensor] = {}
        self._ready: list[Tensor] = []

    def lend(self, number: int, size: int) -> Tensor:
        """Return shared memory, uint8 (`size`,), for the batch of that number.

        What is in it is not defined.
        """
        fitting = [piece for piece in self._ready if len(piece) >= size]
        if fitting:
            piece = min(fitting, key=len)
            self._ready = [each for each in self._ready if each is not piece]
        else:
            self._ready = self._ready[1:]  # too small: it would never be asked for again
            piece = torch.empty(int(size * ROOM), dtype=torch.uint8)
            piece.share_memory_()  # type: ignore[no-untyped-call]
        self._lent[number] = piece
        return piece[:size]

    def take_back(self, numbers: Iterable[int]) -> None:
        """Take back the memory of batches that the trainer holds no more."""
        back = [self._lent.pop(number) for number in numbers if number in self._lent]
        self._ready = [*self._ready, *back][-SPARE:]
