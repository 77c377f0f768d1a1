"""Which backgrounds a foreground is pasted on."""

from collections import deque
from collections.abc import Iterable, Iterator

from shm.pipeline.errors import ShmError
from shm.pipeline.seed import generator


class PairingError(ShmError, ValueError):
    """There is no background to pair with."""


def pair_backgrounds(wanted: Iterable[int], backgrounds: int, *seed: object) -> Iterator[list[int]]:
    """Yield, for each foreground in turn, the indices of its backgrounds.

    Every background is used once before any is used twice, in an order that depends on the seed
    alone; a foreground meets no background again before it has met all.

    Parameters
    ----------
    wanted : iterable of int
        How many backgrounds each foreground gets.
    backgrounds : int
        How many there are.
    seed : objects
        Whatever the order shall depend on besides the number of backgrounds.
    """
    if not backgrounds:
        raise PairingError("no background to paste on")
    queue: deque[int] = deque()
    rounds = 0
    for count in wanted:
        chosen: list[int] = []
        met: set[int] = set()
        passed_over: list[int] = []
        while len(chosen) < count:
            if not queue:
                order = generator(*seed, "pairing", rounds).permutation(backgrounds)
                queue.extend(order.tolist())
                rounds += 1
            candidate = queue.popleft()
            if candidate in met:
                passed_over.append(candidate)
                continue
            chosen.append(candidate)
            met.add(candidate)
            if len(met) == backgrounds:
                met.clear()
                queue.extendleft(reversed(passed_over))
                passed_over.clear()
        queue.extendleft(reversed(passed_over))
        yield chosen
