"""Recipes: complete configurations to start from, as TOML."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w

from shm.pipeline.nearest import nearest
from shm.training.checks import ConfigError
from shm.training.config import TrainConfig
from shm.training.tables import IncompleteError, from_dict, merged, to_dict

PRESETS = ("light", "paper", "dim-light", "dim")
"""Recipes that come with the software."""

EVERY_PHASE = "*"
"""Stands for the name of each phase of the recipe, as in ``phases.*.steps=30``."""


def load_recipe(name: str = "light", changes: Sequence[str] = ()) -> TrainConfig:
    """Read a recipe and change some of its values.

    Parameters
    ----------
    name : str
        One of `PRESETS`, or the path of a TOML file with the same keys.
    changes : strings
        ``section.key=value`` each, the value as TOML writes it; a word needs no quotes. In
        ``phases.*.key=value`` the star stands for every phase of the recipe. Later ones win.

    Raises
    ------
    ConfigError
        There is no such recipe, it can't be read, or a setting is unknown, of the wrong type or out
        of bounds.
    """
    values = read_toml(name)
    for change in changes:
        for path, value in _assignments(change, values):
            values = merged(values, nested(path, value))
    try:
        return from_dict(values)
    except IncompleteError as error:
        raise IncompleteError(
            f"{name}: {error}; a recipe has all of them, as `shm train --print-config` prints one"
        ) from error


def read_toml(name: str) -> dict[str, Any]:
    """Return the tables of a preset or a file; raises as `load_recipe`."""
    path = Path(name)
    if name in PRESETS:
        text = files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} can't be read ({error}): give a recipe as TOML") from error
    else:
        raise ConfigError(
            f"there is no recipe {name!r}: {nearest(name, PRESETS)}, or give a TOML file"
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of lists in lists, or digits, without end
        raise ConfigError(f"{name} is no TOML: {error}") from error


def to_toml(config: TrainConfig) -> str:
    """Return a configuration as a recipe that `load_recipe` reads to the very same."""
    return tomli_w.dumps(to_dict(config))


def nested(path: Sequence[str], value: object) -> dict[str, Any]:
    """Return ``{"a": {"b": value}}`` of the path a, b."""
    *outer, last = path
    found: dict[str, Any] = {last: value}
    for key in reversed(outer):
        found = {key: found}
    return found


def _assignments(change: str, values: Mapping[str, Any]) -> list[tuple[list[str], Any]]:
    if not _is_text(change):  # which a file of the run's recipe could not hold
        raise ConfigError(f"{change!r} is no text in UTF-8: rename what it names")
    name, equals, text = change.partition("=")
    path = name.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"{change!r}: write section.key=value, as in losses.gamma=0.5")
    value = _value(text.strip())
    if len(path) > 1 and path[:2] == ["phases", EVERY_PHASE]:
        return [(["phases", phase, *path[2:]], value) for phase in values.get("phases", {})]
    return [(path, value)]


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _value(text: str) -> Any:  # noqa: ANN401
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text  # a word without quotes
