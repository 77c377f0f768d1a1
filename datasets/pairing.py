"""Which backgrounds a foreground is pasted on."""

from collections import deque
from collections.abc import Iterator, Sequence

from shm.pipeline.errors import ShmError
from shm.pipeline.seed import generator


class PairingError(ShmError, ValueError):
    """There is no background to pair with."""


def pair_backgrounds(
    foregrounds: int, backgrounds: Sequence[str], per_foreground: int, *seed: object
) -> Iterator[list[int]]:
    """Yield, for each foreground in turn, the indices of its backgrounds.

    Every background is used once before any is used twice, in an order that depends on the seed
    alone; a foreground meets no background again before it has met all.

    Parameters
    ----------
    foregrounds : int
        How many there are.
    backgrounds : sequence of str
        Their names.
    per_foreground : int
        How many backgrounds each foreground gets.
    seed : objects
        Whatever the order shall depend on besides the number of backgrounds.
    """
    if not backgrounds:
        raise PairingError("no background to paste on")
    queue: deque[int] = deque()
    rounds = 0
    for _ in range(foregrounds):
        chosen: list[int] = []
        met: set[int] = set()
        passed_over: list[int] = []
        while len(chosen) < per_foreground:
            if not queue:
                order = generator(*seed, "pairing", rounds).permutation(len(backgrounds))
                queue.extend(order.tolist())
                rounds += 1
            candidate = queue.popleft()
            if candidate in met:
                passed_over.append(candidate)
                continue
            chosen.append(candidate)
            met.add(candidate)
            if len(met) == len(backgrounds):
                met.clear()
                queue.extendleft(reversed(passed_over))
                passed_over.clear()
        queue.extendleft(reversed(passed_over))
        yield chosen
