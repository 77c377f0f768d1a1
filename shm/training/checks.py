"""What settings share: the error, and bounds that say what was given."""

import difflib
from collections.abc import Iterable
from typing import get_args

from shm.pipeline.errors import ShmError


class ConfigError(ShmError, ValueError):
    """A setting is unknown, has the wrong type or lies out of bounds."""


def at_least(bound: float, **settings: float) -> None:
    """Raise `ConfigError` where a setting lies below the bound or is no number."""
    for name, value in settings.items():
        if not bound <= value < float("inf"):  # written so that a NaN fails too
            raise ConfigError(f"{name} is {value}: give at least {bound:g}")


def below(bound: float, **settings: float) -> None:
    """Raise `ConfigError` where a setting does not lie in [0, bound)."""
    for name, value in settings.items():
        if not 0 <= value < bound:
            raise ConfigError(f"{name} is {value}: give at least 0 and less than {bound:g}")


def one_of(choices: object, **settings: str) -> None:
    """Raise `ConfigError` where a setting is none of a `Literal`'s choices."""
    known = get_args(choices)
    for name, value in settings.items():
        if value not in known:
            raise ConfigError(f"{name} is {value!r}: {nearest(str(value), known)}")


def nearest(word: str, known: Iterable[str], where: str = "") -> str:
    """Say which known word was meant, or else all that are known."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {where}{near[0]}?" if near else f"known are {', '.join(known)}"
