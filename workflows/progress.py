"""What a person sees while a command works."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from threading import Timer
from typing import Protocol, TypeVar

from tqdm import tqdm

from shm.workflows.terminal import colours, is_live, is_quiet

Item = TypeVar("Item")

EVERY = 10.0
"""Seconds from one line to the next in a file."""

SHORT = 1.0
"""Seconds below which a file gets no line at all, and a brief task no bar."""

YELLOW = "\x1b[33m{}\x1b[0m"


class View(Protocol):
    """One way to show how far the work is."""

    def begin(self, done: int) -> None:
        """Start the clock, with so much done already."""

    def show(self, done: int, told: str, rejected: int) -> None:
        """Show how much is done, with what else there is to tell, if it is time to."""

    def close(self) -> None:
        """Show where it ended."""


class Progress:
    """How far the work is, and the number of rejects so far."""

    def __init__(self, view: View | None, done: int) -> None:
        self._view, self._done, self._rejected, self._told = view, done, 0, ""
        self._reached = False

    def begin(self) -> None:
        """Start the clock: what came before was the workers' start, not their pace."""
        if self._view is not None:
            self._view.begin(self._done)

    def advance(self, count: int = 1, rejected: int = 0) -> None:
        """Count what was done."""
        self._rejected += rejected
        self._done += count
        self._show()

    def reach(self, count: int, figures: Mapping[str, float] | None = None) -> None:
        """Move to where the work stands, and show its latest figures.

        The first time it may stand where an earlier run left it: that is no pace of this one.
        """
        self._done = count
        if figures:
            self._told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if not self._reached:
            self._reached = True
            self.begin()
        self._show()

    def _show(self) -> None:
        if self._view is not None:
            self._view.show(self._done, self._told, self._rejected)


class Bar:
    """A bar on a terminal, with rate and time left."""

    def __init__(self, what: str, total: int, unit: str, done: int, *, brief: bool) -> None:
        self._bar = tqdm(
            desc=what,
            total=total,
            initial=done,
            unit=f" {unit}",
            file=sys.stderr,
            mininterval=0.2,
            delay=SHORT if brief else 0,
            dynamic_ncols=True,
        )

    def begin(self, done: int) -> None:
        """Start the clock, with so much done already."""
        self._bar.initial = self._bar.n = done
        self._bar.unpause()

    def show(self, done: int, told: str, rejected: int) -> None:
        """Move the bar."""
        rejects = f"{rejected} rejected" if rejected else ""
        if rejects and colours() is not False:
            rejects = YELLOW.format(rejects)
        self._bar.set_postfix_str(", ".join(filter(None, (told, rejects))), refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


class Lines:
    """Whole lines for a file: one every `EVERY` seconds, and a last one."""

    def __init__(self, what: str, total: int, unit: str, done: int) -> None:
        self._what, self._total = what, total
        many = {"person": "people"}.get(unit, f"{unit}s")
        self._units = unit if total == 1 else many
        self._more = ""
        self.begin(done)

    def begin(self, done: int) -> None:
        """Start the clock, with so much done already."""
        self._begun = self._now = done
        self._start = time.monotonic()
        self._due = self._start + EVERY

    def show(self, done: int, told: str, rejected: int) -> None:
        """Write a line, if it is time for one."""
        self._now = done
        self._more = "".join(
            f", {each}" for each in (told, f"{rejected} rejected" if rejected else "") if each
        )
        if time.monotonic() >= self._due and done != self._total:  # then comes the last one
            self._due = time.monotonic() + EVERY
            self._write(last=False)

    def close(self) -> None:
        """Write the last line, if the work took as long as one takes to read."""
        if time.monotonic() - self._start >= SHORT and self._now > self._begun:
            self._write(last=True)

    def _write(self, *, last: bool) -> None:
        taken = time.monotonic() - self._start
        rate = (self._now - self._begun) / max(taken, 1e-3)
        line = f"{self._what}: {self._now} of {self._total} {self._units}"
        if self._total:
            line += f" ({100 * self._now // self._total} %)"
        if last:
            line += f" in {time_words(taken)}"
        if rate:
            line += f", {rate_words(rate)}"
        if rate and not last and self._total:
            line += f", {time_words((self._total - self._now) / rate)} left"
        sys.stderr.write(f"{line}{self._more}\n")
        sys.stderr.flush()


@contextmanager
def progress(
    what: str, total: int, unit: str, *, done: int = 0, shown: bool = True, brief: bool = False
) -> Iterator[Progress]:
    """Show progress on standard error: a live bar on a terminal, a line now and then in a file.

    What is `brief`, most of the time, has no bar before it turns out not to be.
    """
    view: View | None = None
    if shown and not is_quiet():
        live = is_live()
        view = Bar(what, total, unit, done, brief=brief) if live else Lines(what, total, unit, done)
    try:
        yield Progress(view, done)
    finally:
        if view is not None:
            view.close()


def watched(
    what: str, unit: str, items: Iterable[Item], total: int | None = None
) -> Iterator[Item]:
    """Yield items, and show how far they are where that takes a while; `total`: their number."""
    if total is None:
        total = len(items) if isinstance(items, Sized) else 0
    with progress(what, total, unit, brief=True) as bar:
        for item in items:
            yield item
            bar.advance()


@contextmanager
def aside() -> Iterator[None]:
    """Take live bars off the terminal while something else is written there."""
    if is_live():
        with tqdm.external_write_mode(file=sys.stderr):
            yield
    else:
        yield


@contextmanager
def told_if_slow(text: str, after: float = 5.0) -> Iterator[Callable[[], None]]:
    """Say something if what is waited for takes long; yields what to call when it is there."""

    def tell() -> None:
        if not is_quiet():
            with aside():
                sys.stderr.write(f"{text}\n")
                sys.stderr.flush()

    timer = Timer(after, tell)
    timer.daemon = True
    timer.start()
    try:
        yield timer.cancel
    finally:
        timer.cancel()


def size_words(count: float | None) -> str:
    """Return a number of bytes as people read it; None is not known."""
    if count is None:
        return "unknown"
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def time_words(seconds: float) -> str:
    """Return a duration as people read it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} days {hours % 24} h"


def rate_words(rate: float) -> str:
    """Return a number a second as people read it; where that is little, a minute or an hour."""
    spans = ((1, "a second"), (60, "a minute"), (3600, "an hour"))
    factor, span = next((each for each in spans if rate * each[0] >= 0.5), spans[-1])
    count = rate * factor
    return f"{count:.0f} {span}" if count >= 100 else f"{count:.2g} {span}"
