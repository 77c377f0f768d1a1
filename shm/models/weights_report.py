"""What a net starts from, for people and for files."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class WeightsReport:
    """What a net starts from: ``str`` says it in a line.

    Counters of batches are in none of the lists.

    Parameters
    ----------
    source : str
        ``"scratch"``, the published weights' name or the file.
    loaded, fresh : names
        The net's tensors that were loaded, and those that start as they were initialised.
    unused : names
        The source's tensors that have no place in the net, as its classifier.
    widened : (int, int), optional
        How many channels the source's first convolution reads, and how many the net's.
    """

    source: str
    loaded: tuple[str, ...]
    fresh: tuple[str, ...]
    unused: tuple[str, ...]
    widened: tuple[int, int] | None = None

    def __str__(self) -> str:
        if not self.loaded:
            return f"from {self.source}: all {len(self.fresh)} tensors start at random"
        told = [f"{len(self.loaded)} tensors from {self.source}"]
        if self.widened:
            told.append(
                "the first convolution widened from {} to {} channels".format(*self.widened)
            )
        if self.fresh:
            told.append(f"{len(self.fresh)} start at random ({_parts(self.fresh)})")
        if self.unused:
            unused = _parts(self.unused, numbered=True)
            told.append(f"{len(self.unused)} of the source have no place here ({unused})")
        return "; ".join(told)

    def as_dict(self) -> dict[str, Any]:
        """Return the same as JSON holds it."""
        lists = {key: list(getattr(self, key)) for key in ("loaded", "fresh", "unused")}
        widened = None if self.widened is None else list(self.widened)
        return {"source": self.source, **lists, "widened": widened}


def _parts(names: Iterable[str], *, numbered: bool = False) -> str:
    """Name the parts that tensors are of; `numbered`: features.18 rather than features."""
    parts = (name.split(".") for name in names)
    stems = (
        ".".join(part[: 2 if numbered and part[1:2] and part[1].isdigit() else 1]) for part in parts
    )
    return ", ".join(dict.fromkeys(stems))
