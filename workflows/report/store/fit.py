"""As many samples and as large pictures as a page has room for."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from shm.pipeline.errors import ShmError
from shm.workflows.progress import progress
from shm.workflows.report.encode import Encoding
from shm.workflows.report.store.choice import Choice, Shown
from shm.workflows.report.store.panels import Panel

PROBES = 8
"""Samples whose pictures say about how large those of all will be."""

Make = Callable[[Shown, Encoding], Panel]
"""Reads a sample and encodes its pictures."""


class FitError(ShmError, ValueError):
    """Not even one sample fits."""


def fit(make: Make, choice: Choice, count: int, limit: float) -> tuple[list[Panel], Encoding]:
    """Read and encode samples; where they take too much, smaller ones, then fewer.

    Parameters
    ----------
    make : callable
    choice : Choice
        Which samples there are to show.
    count : int
        How many at most.
    limit : float
        Bytes of a page that they may take together; hardly more is ever held in memory.

    Raises
    ------
    FitError
        One sample with the smallest pictures takes more.
    """
    if limit <= 0:
        raise FitError("nothing else has room")
    shown = choice.shown(count)
    how = Encoding(side=max(max(each.record["size"]) for each in shown))
    probes = shown[:: max(1, len(shown) // PROBES)][:PROBES]
    while True:
        each = sum(make(probe, how).bytes for probe in probes) / len(probes)
        if each * len(shown) <= limit or how.is_least:
            break
        how = how.smaller(limit / (each * len(shown)))
    if each * len(shown) > limit:
        shown = choice.shown(max(1, int(limit / each)))
    while True:
        panels, taken = _made(make, shown, how, limit)
        if taken <= limit:
            return panels, how
        share = limit * len(panels) / (taken * len(shown))
        if not how.is_least:
            how = how.smaller(share)
        elif len(shown) > 1:
            shown = choice.shown(max(1, min(len(shown) - 1, int(len(shown) * share))))
        else:
            raise FitError(f"a sample takes {taken} bytes of a page")


def _made(
    make: Make, shown: Sequence[Shown], how: Encoding, limit: float
) -> tuple[list[Panel], int]:
    """Return panels and the bytes that they take: those of all, or until these exceed the limit."""
    panels: list[Panel] = []
    taken = 0
    threads = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        with progress("report", len(shown), "sample") as bar:
            bar.begin()
            for panel in threads.map(lambda each: make(each, how), shown):
                panels.append(panel)
                taken += panel.bytes
                bar.advance()
                if taken > limit:
                    break
    finally:
        threads.shutdown(cancel_futures=True)
    return panels, taken
