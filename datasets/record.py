"""What a store says of each input: a JSON object in a row of bytes that any zarr library reads."""

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.datasets.damage import StoreError

RECORD_BYTES = 4096

Record = dict[str, Any]


def encode_record(record: Record) -> NDArray[np.uint8]:
    """Return a record as `RECORD_BYTES` bytes: JSON, padded with zeros."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    stored = text.encode("utf-8", "backslashreplace")
    if len(stored) > RECORD_BYTES:
        raise StoreError(
            f"{record.get('source', 'a sample')!s:.200}: its record takes {len(stored)} bytes, "
            f"more than {RECORD_BYTES}; shorten the path"
        )
    return np.frombuffer(stored.ljust(RECORD_BYTES, b"\0"), np.uint8)


def decode_record(row: NDArray[np.uint8]) -> Record:
    """Return the record of `encode_record`; raises ValueError where there is none."""
    text = row.tobytes().rstrip(b"\0").decode("utf-8")
    try:
        record: Record = json.loads(text, object_hook=_with_shared_names)
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error
    return record


def check_record(record: object, kind: str, canvas: int) -> None:
    """Raise ValueError unless a record is one that a store of a kind has.

    Who made a store also made its checksums: that a record was read does not say that it names its
    sample by a text, or that its size fits the canvas, on which all that read it rely.

    Parameters
    ----------
    record : object
        As `decode_record` returned it.
    kind : str
        Of the store, a key of `shm.datasets.fields.FIELDS`.
    canvas : int
        Of the store.
    """
    if not isinstance(record, dict):
        raise ValueError("a record that is no object")  # noqa: TRY004 - as all else that is wrong
    rejected = "rejected" in record
    for name in ("source", "rejected") if rejected else _TEXTS[kind]:
        _require(isinstance(record.get(name), str), name)
    if rejected:
        return
    for name in ("sha256", "pixels", "licence"):
        _require(isinstance(record.get(name), str | None), name)
    record["id"].encode()  # half a letter is no text that can be printed
    _require(kind == "backgrounds" or _is_file_name(record["id"]), "id")
    if kind != "images":
        _check_size(record, canvas, is_file=kind == "backgrounds")
    quality = record.get("quality", None if _TEXTS[kind] is _PERSON else {})
    _require(isinstance(quality, dict) and all(map(_is_number, quality.values())), "quality")


_PERSON = ("id", "source", "group", "split")

_TEXTS = {
    "prepared": _PERSON,
    "foregrounds": _PERSON,
    "backgrounds": ("id", "source", "split", "pixels", "encoding"),
    "images": ("id",),
}
"""By kind of store, what each record of a sample says in words."""


def _check_size(record: Record, canvas: int, *, is_file: bool) -> None:
    size, length = record.get("size"), record.get("bytes")
    if not (isinstance(size, list) and len(size) == 2 and all(map(_is_count, size))):
        raise _wrong("size")
    if not is_file:
        _require(max(size) <= canvas, "size")
        return
    _require(isinstance(length, int) and 0 < length <= canvas, "bytes")
    _require(record["encoding"] != "pixels" or length == 3 * size[0] * size[1], "bytes")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _is_file_name(name: str) -> bool:
    """Return whether files may be called so: exports are, and must stay in their folder."""
    return name not in ("", ".", "..") and not set(name) & set("/\\\0")


def _require(condition: bool, name: str) -> None:
    if not condition:
        raise _wrong(name)


def _wrong(name: str) -> ValueError:
    return ValueError(f"{name} is not what a record has")


def _with_shared_names(found: Record) -> Record:
    """Let all records have the same names: theirs would take a third of the memory of many."""
    return {sys.intern(name): value for name, value in found.items()}
