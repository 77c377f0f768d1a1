"""What a store has to say of its samples and of itself, for it may come from anybody.

Its checksums tell damage from what was written, not who wrote it: what is read is used only where
it has the form that this version writes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shm.datasets.ids import is_file_name
from shm.datasets.record import Record

Fits = Callable[[Any], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_size(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_named(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_figures(value: object) -> bool:
    return isinstance(value, dict) and all(type(each) in (int, float) for each in value.values())


def _is_id(value: object) -> bool:
    """Return whether files may be called so: exports are, and must stay in their folder."""
    return isinstance(value, str) and _is_utf8(value) and is_file_name(value)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a letter
        return False
    return True


_INPUT: dict[str, Fits] = {"id": _is_text, "source": _is_text, "split": _is_text, "size": _is_size}
_PERSON = _INPUT | {"id": _is_id, "group": _is_text, "quality": _is_figures}
_SCENE = _INPUT | {"encoding": _is_text, "bytes": _is_count, "pixels": _is_text}

_NEEDED: dict[str, dict[str, Fits]] = {
    "prepared": _PERSON,
    "foregrounds": _PERSON,
    "backgrounds": _SCENE,
    "images": {"id": _is_id},
}
"""By kind of store: what the record of a sample has."""

_REJECT: dict[str, Fits] = {"source": _is_text, "rejected": _is_text}

_OPTIONAL: dict[str, Fits] = {
    "steps": _is_named,
    "sha256": _is_text_or_none,
    "pixels": _is_text_or_none,
    "licence": _is_text_or_none,
    "classes": _is_texts,
    "person": lambda value: value is None or isinstance(value, bool),
    "annotations": _is_named,
    "annotations_sha256": _is_named,
    "photo_size": _is_size,
    "mark": lambda value: value in ("keep", "reject"),
}

_ATTRIBUTES: dict[str, Fits] = {
    "config": lambda value: isinstance(value, dict),
    "software": lambda value: isinstance(value, dict),
    "left_alone": _is_texts,
    "left_out": lambda value: (
        isinstance(value, list)
        and all(isinstance(each, dict) and _unfit(each, _LEFT_OUT) is None for each in value)
    ),
    "corpus": _is_named,
    "people": _is_named,
}
"""What commands show of a store."""

_LEFT_OUT: dict[str, Fits] = {"source": _is_text, "reason": _is_text}


def expected_record(record: Record, kind: str, canvas: int) -> Record:
    """Return a record that has what readers of a kind of store rely on.

    Raises
    ------
    ValueError
        It has not; the message says what is wrong.
    """
    if not isinstance(record, dict):
        raise ValueError("is no object")  # noqa: TRY004 - damage, whatever form it takes
    needed = _REJECT if "rejected" in record else _NEEDED[kind]
    given = {name: fits for name, fits in _OPTIONAL.items() if name in record}
    unfit = _unfit(record, needed) or _unfit(record, given)
    if unfit is None and kind in ("prepared", "foregrounds") and "size" in needed:
        unfit = "size" if max(record["size"]) > canvas else None
    if unfit is None and kind == "backgrounds" and "bytes" in needed:
        height, width = record["size"]
        whole = record["encoding"] != "pixels" or record["bytes"] == 3 * height * width
        unfit = None if whole and record["bytes"] <= canvas else "bytes"
    if unfit is not None:
        raise ValueError(f"has no proper {unfit}")
    return record


def unexpected_attribute(attributes: Mapping[str, Any]) -> str | None:
    """Return the name of what a store says of itself in another form than commands show."""
    given = {name: fits for name, fits in _ATTRIBUTES.items() if name in attributes}
    return _unfit(attributes, given)


def _unfit(values: Mapping[str, Any], expected: Mapping[str, Fits]) -> str | None:
    return next((name for name, fits in expected.items() if not fits(values.get(name))), None)
