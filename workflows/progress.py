"""What a person sees while a command works."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tqdm import tqdm


class Progress:
    """A bar with rate and time left, and the number of rejects so far."""

    def __init__(self, bar: "tqdm[None]") -> None:
        self._bar = bar
        self._rejected = 0

    def begin(self) -> None:
        """Start the clock: what came before was the workers' start, not their pace."""
        self._bar.unpause()

    def advance(self, count: int = 1, rejected: int = 0) -> None:
        """Count what was done."""
        self._rejected += rejected
        if self._rejected:
            self._bar.set_postfix_str(f"{self._rejected} rejected", refresh=False)
        self._bar.update(count)

    def reach(self, count: int, figures: Mapping[str, float] | None = None) -> None:
        """Move to where the work stands, and show its latest figures."""
        if figures:
            shown = {name: f"{value:.4g}" for name, value in figures.items()}
            self._bar.set_postfix(shown, refresh=False)
        self._bar.update(count - self._bar.n)


@contextmanager
def progress(
    what: str, total: int, unit: str, *, done: int = 0, shown: bool = True
) -> Iterator[Progress]:
    """Show a bar on standard error: live on a terminal, a line every ten seconds in a file."""
    live = sys.stderr.isatty()
    with tqdm(
        desc=what,
        total=total,
        initial=done,
        unit=unit,
        disable=not shown,
        file=sys.stderr,
        mininterval=0.2 if live else 10,
        dynamic_ncols=live,
        ascii=None if live else True,
    ) as bar:
        yield Progress(bar)


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
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.2g} hours" if seconds < 172_800 else f"{seconds / 86_400:.2g} days"
