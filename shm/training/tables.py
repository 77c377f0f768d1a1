"""Configurations as nested tables, as TOML and JSON hold them."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import dacite

from shm.pipeline.errors import ShmError
from shm.pipeline.nearest import nearest
from shm.training.checks import ConfigError, one_of
from shm.training.config import PhaseConfig, TrainConfig
from shm.training.phases import Phase


class IncompleteError(ConfigError):
    """A setting is missing that has no value unless it is given."""


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return the configuration as nested dicts that JSON and TOML hold; `from_dict` reads it."""
    plain: dict[str, Any] = _plain(asdict(config))
    return plain


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if each is not None}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """Read a configuration from nested dicts, as JSON or TOML gives them.

    Raises
    ------
    ConfigError
        A key is unknown (the nearest known one is named), missing, of the wrong type, or its value
        lies out of bounds.
    """
    _check(values, TrainConfig, "")
    try:
        return dacite.from_dict(
            TrainConfig,
            dict(values),
            dacite.Config(cast=[tuple], type_hooks={float: float}, strict=True),
        )
    except ShmError:
        raise
    except (dacite.DaciteError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"the training configuration can't be read: {error}") from error


def merged(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested dicts with some values changed."""
    found = dict(base)
    for key, value in values.items():
        inner = found.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        found[key] = merged(inner, value) if both else value  # type: ignore[arg-type]
    return found


def _check(values: Mapping[str, Any], kind: type, where: str) -> None:
    """Raise `ConfigError` where a key is unknown or missing, or a value of the wrong type."""
    types = get_type_hints(kind)
    for key in values:
        if key not in types:
            raise ConfigError(f"there is no setting {where}{key}: {nearest(key, types, where)}")
    for each in fields(kind):
        needed = each.default is MISSING and each.default_factory is MISSING
        if needed and each.name not in values:
            raise IncompleteError(f"the setting {where}{each.name} is missing")
    for key, value in values.items():
        _check_value(value, types[key], f"{where}{key}")


def _check_value(value: object, wanted: Any, name: str) -> None:  # noqa: ANN401
    if name == "phases":
        for phase, settings in _table(value, name).items():
            if phase not in list(Phase):
                known = [each.value for each in Phase]
                raise ConfigError(
                    f"there is no setting {name}.{phase}: {nearest(phase, known, 'phases.')}"
                )
            _check(_table(settings, f"{name}.{phase}"), PhaseConfig, f"{name}.{phase}.")
    elif isinstance(wanted, type) and is_dataclass(wanted):
        _check(_table(value, name), wanted, f"{name}.")
    elif get_origin(wanted) is Literal:
        one_of(wanted, **{name: value})
    elif not _is(value, wanted):
        raise ConfigError(f"{name} is {value!r:.80}: give {_told(wanted)}")


def _table(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} is {value!r:.80}: it has settings of its own, as in [{name}]")
    return value


def _is(value: object, wanted: Any) -> bool:  # noqa: ANN401
    """Whether a value that TOML or JSON gave is of a type; a whole number is a float, too."""
    if wanted in (bool, str):
        return isinstance(value, wanted)
    if wanted in (int, float):
        return isinstance(value, int | wanted) and not isinstance(value, bool)
    if get_origin(wanted) is tuple:
        item, *more = get_args(wanted)
        few = not isinstance(value, list | tuple) or (more != [...] and len(value) != 1 + len(more))
        return not few and all(_is(each, item) for each in value)  # type: ignore[attr-defined]
    return True  # a table of words, or what may be left out: these check themselves


def _told(wanted: Any) -> str:  # noqa: ANN401
    names = {bool: "true or false", str: "a word", int: "a whole number", float: "a number"}
    if wanted in names:
        return names[wanted]
    item, *more = get_args(wanted)
    count = "" if more == [...] else f"{1 + len(more)} "
    return f"a list of {count}{'whole ' if item is int else ''}numbers"
