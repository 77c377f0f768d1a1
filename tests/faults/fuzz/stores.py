"""Stores that somebody made to do harm: metadata, records, recipes and shards, checksums right."""

import json
import struct
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import google_crc32c
import numpy as np

from shm.datasets.composites.recipe import COLUMNS
from shm.datasets.composites.store import open_composites
from shm.datasets.composites.table import LAYOUT, RECIPE_ROWS
from shm.datasets.record import RECORD_BYTES, Record, decode_record
from shm.datasets.sharding import ShardedArray
from shm.datasets.storage.opening import open_storage
from shm.datasets.store import Store, open_store
from tests.faults.fuzz.images import pictures
from tests.faults.fuzz.mutation import behind, bend, bend_json, bend_picture
from tests.faults.fuzz.small_stores import (
    SAMPLES,
    all_stores,
    composites,
    group,
    opened,
    people,
    read_whole,
    replaced,
    use,
)
from tests.faults.fuzz.target import Target

ODD_NUMBERS = (0.0, -1.0, 0.5, 1e9, 3e38, float("nan"), float("inf"), -float("inf"), 2.0**24, 1e-40)


# -------------------------------------------------------------------- metadata


@cache
def _metadata() -> list[tuple[Path, Path]]:
    """Return (store, file) of all metadata."""
    return [(store, file) for store in all_stores() for file in sorted(store.rglob("zarr.json"))]


def read_metadata(data: bytes) -> None:
    """Read a store of whose metadata the first byte chooses a file, which holds the rest."""
    store, file = _metadata()[data[0] % len(_metadata())] if data else _metadata()[0]
    with replaced(file, data[1:]):
        read_whole(store)


def metadata_seeds() -> list[bytes]:
    """Return all metadata as they are."""
    return [bytes([at]) + file.read_bytes() for at, (_, file) in enumerate(_metadata())]


# -------------------------------------------------------------------- records


@cache
def _recorded() -> list[tuple[Path, Path]]:
    """Return (store, part) of all records."""
    inside = (composites("plain"), composites("lazy"))
    parts = [(store, store / name) for store in inside for name in ("foregrounds", "backgrounds")]
    return [(people(), people()), *parts]


def read_record(data: bytes) -> None:
    """Read a store of which one record is this JSON; the first byte chooses its part and slot."""
    at, slot = divmod(data[0] if data else 0, 8)
    whole, part = _recorded()[at % len(_recorded())]
    store = Store(part, group(part))
    slot %= min(store.slots, SAMPLES)
    text = data[1 : 1 + RECORD_BYTES].ljust(RECORD_BYTES, b"\0")
    rows = _rows(part)
    rows = [*rows[:slot], np.frombuffer(text, np.uint8), *rows[slot + 1 :]]
    array = store._arrays["record"]
    with replaced(part / array.key(0), array.encode(rows)):
        use(opened(whole))


@cache
def _rows(part: Path) -> Any:
    store = open_store(part, incomplete=True)
    return list(store._arrays["record"].read_shard(0)[: store.slots])


def record_seeds() -> list[bytes]:
    """Return a record of each part."""
    return [
        bytes([8 * at]) + _rows(part)[0].tobytes().rstrip(b"\0")
        for at, (_, part) in enumerate(_recorded())
    ]


# -------------------------------------------------------------------- recipes


def read_recipes(data: bytes) -> None:
    """Read a store whose recipes are these numbers; the first byte chooses the store."""
    path = composites(("plain", "lazy")[data[0] % 2 if data else 0])
    rows = _recipe_rows(path).copy()
    given = np.frombuffer(data[1 : 1 + rows.nbytes], np.uint8)
    rows.view(np.uint8).reshape(-1)[: len(given)] = given
    array = ShardedArray(open_storage(path), "recipe", LAYOUT)
    block = np.zeros((RECIPE_ROWS, len(COLUMNS)), np.float32)
    block[: len(rows)] = rows
    with replaced(path / "recipe" / "c" / "0" / "0", array.encode([block.ravel()])):
        use(opened(path))


@cache
def _recipe_rows(path: Path) -> Any:
    store = open_composites(path)
    return store._recipes.rows(slice(0, store.slots))


def recipe_seeds() -> list[bytes]:
    """Return the recipes of two stores."""
    stores = map(composites, ("plain", "lazy"))
    return [bytes([at]) + _recipe_rows(path).tobytes() for at, path in enumerate(stores)]


def bend_numbers(data: bytes, random: Random) -> bytes:
    """Put another number in the place of one."""
    numbers = np.frombuffer(data[: len(data) // 4 * 4], "<f4").copy()
    if not len(numbers) or random.random() < 0.1:
        return bend(data, random)
    at = random.randrange(min(len(numbers), len(COLUMNS)))
    change = (random.choice(ODD_NUMBERS), numbers[at] + 1, -numbers[at], 2 * numbers[at])
    numbers[at] = random.choice((*change, random.choice(numbers), random.randint(0, 40)))
    return numbers.tobytes()


# -------------------------------------------------------------------- shards


@cache
def _shards() -> list[tuple[Path, Path]]:
    """Return (store, file) of all shards."""
    return [
        (store, file)
        for store in all_stores()
        for file in sorted(store.rglob("*"))
        if file.is_file() and file.name != "zarr.json"
    ]


def read_shard(data: bytes) -> None:
    """Read a store one of whose shards is bent, as the first bytes choose.

    The first chooses the shard, the second what the rest is: the file, its first chunk behind a
    right checksum, or its index behind one.
    """
    at, what = data[:2].ljust(2, b"\0")
    store, file = _shards()[at % len(_shards())]
    content = file.read_bytes()
    index = _index_of(content)
    match what % 3:
        case 0:
            content = data[2:]
        case 1 if index is not None:
            frame = _with_checksum(data[2:])
            words = np.frombuffer(content[-index - 4 : -4], "<u8").copy()
            words[:2] = 0, len(frame)
            content = frame + _with_checksum(words.tobytes())
        case 2 if index is not None:
            words = np.frombuffer(content[-index - 4 : -4], np.uint8).copy()
            given = np.frombuffer(data[2 : 2 + len(words)], np.uint8)
            words[: len(given)] = given
            content = content[: -index - 4] + _with_checksum(words.tobytes())
    with replaced(file, content):
        store_read = opened(store)
        list(store_read.damages())
        store_read.identity()
        use(store_read)


def _index_of(content: bytes) -> int | None:
    """Return the length of the index at the end of a shard, without its checksum."""
    for length in range(16, len(content) - 3, 16):
        body, told = content[-length - 4 : -4], content[-4:]
        if google_crc32c.value(body) == int.from_bytes(told, "little"):
            return length
    return None


def _with_checksum(content: bytes) -> bytes:
    return content + int(google_crc32c.value(content)).to_bytes(4, "little")


def shard_seeds() -> list[bytes]:
    """Return each shard as it is, a chunk of each, and its index."""
    found = []
    for at, (_, file) in enumerate(_shards()):
        content = file.read_bytes()
        index = _index_of(content)
        found.append(bytes([at, 0]) + content)
        if index is not None:
            words = np.frombuffer(content[-index - 4 : -4], "<u8")
            found.append(bytes([at, 2]) + words[:16].tobytes())
            found.append(bytes([at, 1]) + content[: int(words[1]) - 4])
    return found


# -------------------------------------------------------------------- photos in a store


def read_background(data: bytes) -> None:
    """Read a lazy store with a background that is this file.

    Before it stand the height and the width that its record tells, and whether it says that it
    holds pixels rather than a file.
    """
    height, width, decoded = struct.unpack("<HHB", data[:5].ljust(5, b"\0"))
    whole = composites("plain")
    part = whole / "backgrounds"
    store = Store(part, group(part))
    content = np.frombuffer(data[5 : 5 + store.canvas], np.uint8)
    change = {"bytes": len(content), "encoding": "pixels" if decoded % 2 else "file"}
    record: Record = decode_record(_rows(part)[0]) | change | {"size": [height, width]}
    text = json.dumps(record).encode().ljust(RECORD_BYTES, b"\0")
    rows = [np.frombuffer(text, np.uint8), *_rows(part)[1:]]
    records, files = store._arrays["record"], store._arrays["file"]
    shard = [content, *(_file_of(part, slot) for slot in range(1, store.slots))]
    with (
        replaced(part / records.key(0), records.encode(rows)),
        replaced(part / files.key(0), files.encode(shard)),
    ):
        use(opened(whole))


@cache
def _file_of(part: Path, slot: int) -> Any:
    store = open_store(part, incomplete=True)
    return store.read_bytes(slot, slice(0, store.record(slot)["bytes"]))


def background_seeds() -> list[bytes]:
    """Return pictures of the size that is told."""
    part = composites("plain") / "backgrounds"
    record = decode_record(_rows(part)[0])
    own = struct.pack("<HHB", *record["size"], 0) + _file_of(part, 0).tobytes()
    return [own, *(struct.pack("<HHB", 20, 24, 0) + data for data in pictures()[::3])]


TARGETS = {
    "store-metadata": Target(
        run=read_metadata, seeds=metadata_seeds, mutate=behind(1, bend_json), max_length=4096
    ),
    "store-record": Target(
        run=read_record, seeds=record_seeds, mutate=behind(1, bend_json), max_length=RECORD_BYTES
    ),
    "store-recipe": Target(
        run=read_recipes, seeds=recipe_seeds, mutate=behind(1, bend_numbers), max_length=2048
    ),
    "store-shard": Target(
        run=read_shard, seeds=shard_seeds, mutate=behind(2, bend), max_length=8192
    ),
    "store-background": Target(
        run=read_background, seeds=background_seeds, mutate=behind(5, bend_picture), max_length=4096
    ),
}
