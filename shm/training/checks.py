"""What settings share: the error, and bounds that say what was given."""

import math
from typing import get_args

from shm.pipeline.errors import ShmError
from shm.pipeline.nearest import nearest


class ConfigError(ShmError, ValueError):
    """A setting is unknown, has the wrong type or lies out of bounds."""


def at_least(bound: float, **settings: float) -> None:
    """Raise `ConfigError` where a setting lies below the bound or is no number."""
    for name, value in settings.items():
        if not bound <= value < math.inf:  # written so that a NaN fails too
            most = ", and a finite number" if value == math.inf else ""
            raise ConfigError(f"{name} is {value}: give at least {bound:g}{most}")


def below(bound: float, **settings: float) -> None:
    """Raise `ConfigError` where a setting does not lie in [0, bound)."""
    for name, value in settings.items():
        if not 0 <= value < bound:
            raise ConfigError(f"{name} is {value}: give at least 0 and less than {bound:g}")


def one_of(choices: object, **settings: object) -> None:
    """Raise `ConfigError` where a setting is none of a `Literal`'s choices."""
    known = get_args(choices)
    for name, value in settings.items():
        if value not in known:
            raise ConfigError(f"{name} is {value!r}: {nearest(str(value), known)}")
