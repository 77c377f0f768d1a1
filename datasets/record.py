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


def _with_shared_names(found: Record) -> Record:
    """Let all records have the same names: theirs would take a third of the memory of many."""
    return {sys.intern(name): value for name, value in found.items()}
