"""What a store's records say is checked, since their checksums are by who made the store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shm.datasets.damage import DamageError
from shm.datasets.record import RECORD_BYTES
from shm.datasets.store import open_store
from shm.workflows.export import export_store
from tests.datasets.stores import write_people


def bend(path: Path, **changes: Any) -> None:
    """Change the first record of a store, checksum and all."""
    store = open_store(path)
    record = {**store.record(0), **changes}
    text = json.dumps(record).encode().ljust(RECORD_BYTES, b"\0")
    array = store._arrays["record"]
    rows = [np.frombuffer(text, np.uint8), *array.read_shard(0)[1 : store.slots]]
    (path / array.key(0)).write_bytes(array.encode(rows))


@pytest.mark.parametrize(
    "changes",
    [
        *({"id": name} for name in ("../../x", "/etc/x", "a\\b", "..", "", "a\0b", "\ud800", 3)),
        *({"size": size} for size in ([10**9, 1], [0, 8], ["a", 8], [8], 8, [True, True], None)),
        *({"split": 3}, {"group": None}, {"source": []}, {"quality": {"mask": "x"}}),
        *({"sha256": {}}, {"rejected": 3}),
    ],
    ids=str,
)
def test_a_record_that_no_command_writes_is_damage(tmp_path: Path, changes: Any) -> None:
    path = tmp_path / "people.zarr"
    write_people(path, 3, canvas=32)
    bend(path, **changes)
    message = rf"{path}: shard 0 of record is damaged .*verify --repair"
    with pytest.raises(DamageError, match=message):
        open_store(path).record(0)
    with pytest.raises(DamageError, match=message):
        export_store(path, tmp_path / "out" / "export")
    assert {file.name for file in tmp_path.iterdir()} <= {"people.zarr", "out"}
    assert any(open_store(path).damages())
