"""Which samples a report shows: some of the worst, some of the best, and some drawn at random."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from shm.datasets.record import Record
from shm.pipeline.seed import digest

EXTREMES = 4
"""One in so many of the samples that are shown is one of the worst, and as many are of the best."""

Candidate: TypeAlias = tuple[int, Record]
"""A sample's slot and record."""

Entry: TypeAlias = tuple[float, int, Record]
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


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What may be shown, the first of each kind first: any number of samples is taken from it.

    Attributes
    ----------
    worst, best : sequences of (slot, record)
        The lowest quality first, and the highest.
    lots : sequence of (slot, record)
        In the order in which they were drawn, each sample as probable as any.
    ranked : int
        Among how many samples the worst and the best were looked for.
    """

    worst: Sequence[Candidate]
    best: Sequence[Candidate]
    lots: Sequence[Candidate]
    ranked: int

    def shown(self, count: int) -> list[Shown]:
        """Return at most `count` samples, by their quality; of fewer, those of more are the first.

        Those that are called random are the first so many lots, whatever else they are.
        """
        some = max(1, min(count, self.ranked) // EXTREMES)
        why: dict[int, list[str]] = {}
        records: dict[int, Record] = {}
        for name, ranked in (("worst", self.worst), ("best", self.best if count > 2 else ())):
            for slot, record in ranked[:some]:
                why.setdefault(slot, []).append(name)
                records[slot] = record
        for slot, record in self.lots:
            if slot not in why and len(why) >= count:
                break
            why.setdefault(slot, []).append("random")
            records[slot] = record
        shown = [Shown(slot=slot, record=records[slot], why=tuple(why[slot])) for slot in why]
        return sorted(shown, key=lambda each: (quality_of(each.record), each.slot))


@dataclass(kw_only=True)
class Chooser:
    """Chooses among samples as they pass, keeping no more than it may show.

    Parameters
    ----------
    count : int
        How many samples to show at most.
    seed : int
        Of the draw, which depends on it and on the samples' ids alone.
    """

    count: int
    seed: int
    _worst: list[Entry] = field(default_factory=list)
    _best: list[Entry] = field(default_factory=list)
    _drawn: list[Entry] = field(default_factory=list)
    _offered: int = 0

    def offer(self, slot: int, record: Record) -> None:
        """Look at one sample; no two have the same slot."""
        self._offered += 1
        quality = record["quality"].get("quality")
        if quality is not None:
            _keep(self._worst, (-quality, -slot, record), max(1, self.count // EXTREMES))
            _keep(self._best, (quality, -slot, record), max(1, self.count // EXTREMES))
        lot = int.from_bytes(digest(self.seed, "report", record["id"])[:6], "big")
        _keep(self._drawn, (-lot, -slot, record), self.count)

    def choice(self) -> Choice:
        """Return what was chosen among the samples that passed."""
        return Choice(
            worst=_in_order(self._worst),
            best=_in_order(self._best),
            lots=_in_order(self._drawn),
            ranked=self._offered,
        )


def quality_of(record: Record) -> float:
    """Return a sample's quality, 0 where it was not measured."""
    return float(record["quality"].get("quality", 0))


def _keep(heap: list[Entry], entry: Entry, most: int) -> None:
    """Put an entry on a heap that gives up its smallest first."""
    if len(heap) < most:
        heapq.heappush(heap, entry)
    elif heap and entry[:2] > heap[0][:2]:
        heapq.heapreplace(heap, entry)


def _in_order(heap: Sequence[Entry]) -> list[Candidate]:
    ranked = sorted(heap, key=lambda entry: entry[:2], reverse=True)
    return [(-slot, record) for _, slot, record in ranked]
