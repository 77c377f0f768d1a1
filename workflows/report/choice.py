"""Which samples a report shows: some of the worst, some of the best, and some drawn at random."""

import heapq
from dataclasses import dataclass, field

from shm.datasets.record import Record
from shm.pipeline.seed import digest

EXTREMES = 4
"""One in so many of the samples that are shown is one of the worst, and as many are of the best."""


Entry = tuple[float, int, Record]
"""What it is ranked by, the slot times −1, the record."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A sample that is shown.

    Attributes
    ----------
    slot : int
    record : dict
    why : tuple of str
        ``worst``, ``best``, ``random``: for which of these it was chosen.
    """

    slot: int
    record: Record
    why: tuple[str, ...]


@dataclass(kw_only=True)
class Choice:
    """Chooses among samples as they pass, keeping no more than it may show.

    Parameters
    ----------
    count : int
        How many samples to show.
    seed : int
        Of the draw, which depends on it and on the samples' ids alone.
    """

    count: int
    seed: int
    _worst: list[Entry] = field(default_factory=list)
    _best: list[Entry] = field(default_factory=list)
    _drawn: list[Entry] = field(default_factory=list)
    _offered: int = 0

    def offer(self, slot: int, record: Record, *, ranked: bool = True) -> None:
        """Look at one sample; no two have the same slot, and only `ranked` ones are extremes."""
        self._offered += ranked
        quality = record["quality"].get("quality")
        if ranked and quality is not None:
            _keep(self._worst, (-quality, -slot, record), max(1, self.count // EXTREMES))
            _keep(self._best, (quality, -slot, record), max(1, self.count // EXTREMES))
        lot = int.from_bytes(digest(self.seed, "report", record["id"])[:6], "big")
        _keep(self._drawn, (-lot, -slot, record), self.count)

    def chosen(self) -> list[Shown]:
        """Return the samples to show: the worst first, then those drawn, then the best."""
        why: dict[int, list[str]] = {}
        records: dict[int, Record] = {}
        extremes = max(1, min(self.count, self._offered) // EXTREMES)
        named = {"worst": self._worst, "best": self._best}
        for name, heap in named.items():
            ranked = sorted(heap, key=lambda entry: entry[:2], reverse=True)
            for _, slot, record in ranked[:extremes]:
                why.setdefault(-slot, []).append(name)
                records[-slot] = record
        for _, slot, record in sorted(self._drawn, key=lambda entry: entry[:2], reverse=True):
            if -slot in why:
                why[-slot].append("random")
            elif len(why) < self.count:
                why[-slot] = ["random"]
                records[-slot] = record
        shown = [Shown(slot=slot, record=records[slot], why=tuple(why[slot])) for slot in why]
        return sorted(shown, key=lambda each: (each.record["quality"].get("quality", 0), each.slot))


def _keep(heap: list[Entry], entry: tuple[float, int, Record], most: int) -> None:
    """Put an entry on a heap that gives up its smallest first."""
    if len(heap) < most:
        heapq.heappush(heap, entry)
    elif heap and entry[:2] > heap[0][:2]:
        heapq.heapreplace(heap, entry)
