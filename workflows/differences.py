"""What a store was made with, and what is wanted now: which of it differs, and how that is said."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spelling = Callable[[Any], str]
"""Says a value of the configuration in the words of the command line: ``--refine knn``."""

NOTES = ("corpus.name", "people.name")
"""What a store says of itself that decides nothing: a folder may be called otherwise by now."""

NAMED = 5
"""Files that a message names; of the others it says how many there are."""


@dataclass(frozen=True)
class Difference:
    """A setting that is another than the one that a store was made with."""

    name: str
    old: Any
    new: Any


def differences(
    there: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = ""
) -> list[Difference]:
    """Return every wanted value that is not the one there."""
    found = []
    for name, value in wanted.items():
        old = there.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            found += differences(old, value, f"{prefix}{name}.")
        elif old != value and prefix + name not in NOTES:
            found.append(Difference(prefix + name, old, value))
    return found


def told_as_options(
    changes: Sequence[Difference],
    there: Mapping[str, Any],
    wanted: Mapping[str, Any],
    spellings: Mapping[str, Spelling],
) -> tuple[list[str], list[str]]:
    """Return the options that differ, as they were and as they are now."""
    options = dict.fromkeys(_option_of(change.name, spellings) for change in changes)
    names = [name for name in options if name in spellings]
    return (
        [spellings[name](_value(there, name)) for name in names],
        [spellings[name](_value(wanted, name)) for name in names],
    )


def told_otherwise(changes: Sequence[Difference], inputs: Callable[[], str]) -> list[str]:
    """Say what differs besides options; `inputs` says which inputs do, where some do."""
    told = []
    for change in changes:
        if change.name == "inputs" or change.name.endswith("identity"):
            told.append(inputs() or "its inputs changed")
        elif change.name.startswith("software."):
            package = change.name.removeprefix("software.")
            told.append(f"by {package} {change.old}, now {change.new}")
        elif change.name == "slots":
            told.append(f"it has {change.old} samples, not {change.new}")
        else:
            told.append(f"{change.name} was {change.old}, now {change.new}")
    return list(dict.fromkeys(told))


def listed(what: str, names: Sequence[str]) -> str:
    """Name the first few of some files after what is said of them; nothing where there is none."""
    rest = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return f"{what}: {', '.join([*names[:NAMED], *rest])}" if names else ""


def _option_of(name: str, spellings: Mapping[str, Spelling]) -> str:
    """Return the option that a setting belongs to: its own, or that of a group of settings."""
    parts = name.split(".")
    whole = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((each for each in whole if each in spellings), name)


def _value(said: Any, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    for part in name.split("."):
        said = said.get(part) if isinstance(said, Mapping) else None
    return said
