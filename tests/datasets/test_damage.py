"""Damage of a store: noticed by whatever reads it, named with its samples, never read as pixels."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.store import CompositeStore
from shm.datasets.damage import DamageError
from shm.datasets.opening import Samples, open_sample, open_samples
from shm.datasets.streaming.crop import CropConfig
from shm.datasets.streaming.loader import StreamConfig, training_batches
from shm.datasets.streaming.reader import ReaderConfig
from shm.datasets.streaming.sources import Source
from tests.datasets.stores import write_people, write_store

PEOPLE = 5
"""So many that every split has one."""

READ_OF = {
    "prepared": ("image", "alpha", "trimap", "foreground", "unknown", "record"),
    "lazy": (
        *(f"foregrounds/{name}" for name in ("alpha", "trimap", "foreground", "unknown", "record")),
        *(f"backgrounds/{name}" for name in ("file", "record")),
        "recipe",
    ),
    "materialised": (
        *(f"foregrounds/{name}" for name in ("alpha", "trimap", "foreground", "unknown", "record")),
        *(f"images/{name}" for name in ("image", "difference")),
        "backgrounds/record",
        "recipe",
    ),
}
"""What every sample, with its record, is read from."""

NOT_STREAMED = {"materialised": ("backgrounds/record",)}
"""What a record is made of, but no crop."""

UNREAD = {"materialised": ("backgrounds/file", "images/record")}
"""What no sample is read from: whether it stands is what `shm-data verify` tells."""

ARRAYS = [(kind, array) for kind, arrays in READ_OF.items() for array in arrays]

Harm = Callable[[bytes], bytes | None]


def flipped(place: float) -> Harm:
    """Flip a byte so far from the start, as a share of the length; 1 is the last."""

    def harm(sound: bytes) -> bytes:
        harmed = bytearray(sound)
        harmed[round(place * (len(sound) - 1))] ^= 0xFF
        return bytes(harmed)

    return harm


HARMS: dict[str, Harm] = {
    "a flipped byte of a chunk": flipped(0.3),
    "a flipped first byte": flipped(0.0),
    "a flipped byte of the index": lambda sound: flipped(1 - 8 / len(sound))(sound),
    "a flipped last byte": flipped(1.0),
    "deleted": lambda _: None,
    "cut to half": lambda sound: sound[: len(sound) // 2],
    "cut by a byte": lambda sound: sound[:-1],
    "cut to nothing": lambda _: b"",
    "trailing bytes": lambda sound: sound + bytes(100),
}


@dataclass(frozen=True)
class Sound:
    """A sound store, and all that is read of it."""

    path: Path
    read: dict[int, object]
    streamed: list[object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sound]:
    folder = tmp_path_factory.mktemp("sound")
    write_people(folder / "prepared.zarr", PEOPLE)
    config = RecipeConfig(per_foreground=2)
    write_store(folder / "lazy.zarr", PEOPLE, form="lazy", config=config, backgrounds=2)
    write_store(folder / "materialised.zarr", PEOPLE, config=config, backgrounds=2)
    paths = {kind: folder / f"{kind}.zarr" for kind in READ_OF}
    return {
        kind: Sound(path, read_everything(open_samples(path)), list(streamed(path)))
        for kind, path in paths.items()
    }


def read_everything(store: Samples) -> dict[int, object]:
    """Read every slot; where a slot can't be read, what was said."""
    found: dict[int, object] = {}
    for slot in range(store.slots):
        try:
            sample = open_sample(store, slot)
            arrays = store.read(slot, store.record(slot))
            pixel = sample.draw_unknown(np.random.default_rng(slot))
        except DamageError as error:
            found[slot] = str(error)
        else:
            content = {name: array.tobytes() for name, array in arrays.items()}
            found[slot] = store.record(slot), pixel, content
    return found


def streamed(path: Path) -> Iterator[object]:
    """Yield a crop of every sample, as a trainer is handed it."""
    crop = CropConfig(sides=(24, 40), size=24, band=None)
    reader = ReaderConfig(crop=crop, seed=0, threads=1)
    store = open_samples(path)
    for split in ("train", "validation", "test"):
        config = StreamConfig(reader=reader, batch=1, split=split)
        batches = training_batches([Source(path=path)], config)
        for batch in islice(batches, len(store.slots_in(split))):
            yield batch["id"], batch["pixels"].tolist(), batch["crops"]


def file_of(path: Path, array: str) -> Path:
    (file,) = (each for each in (path / array / "c" / "0").rglob("*") if each.is_file())
    return file


def do_harm(file: Path, harm: Harm) -> str:
    """Harm a shard; returns what is to be said of it."""
    content = harm(file.read_bytes())
    if content is None:
        file.unlink()
        return "is missing"
    file.write_bytes(content)
    return "is damaged"


def line(path: Path, array: str, what: str) -> str:
    """Return the one line that is to be said of the first shard of an array."""
    cure = f"run `shm-data verify --repair {path}`, then the command that made it"
    if array == "recipe":
        return f"{path}: recipes {what.replace('is', 'are', 1)}; {cure}"
    part, _, name = array.rpartition("/")
    people = [f"sample-{n:03d}" for n in range(PEOPLE)]
    ids = {
        "": people,
        "foregrounds": people,
        "backgrounds": [f"scene-{n:03d}" for n in range(6)],
        "images": [f"{name}-{n:03d}" for name in people for n in range(2)],
    }[part]
    told = "unknown" if name == "record" else ", ".join(ids[:8]) + (" …" if len(ids) > 8 else "")
    return f"{path / part}: shard 0 of {name} {what} (samples: {told}); {cure}"


@pytest.mark.parametrize(("kind", "array"), ARRAYS)
def test_every_harm_to_every_array_is_noticed_and_named(
    sound: dict[str, Sound], tmp_path: Path, kind: str, array: str
) -> None:
    path = tmp_path / "harmed.zarr"
    shutil.copytree(sound[kind].path, path)
    file = file_of(path, array)
    content = file.read_bytes()
    for name, harm in HARMS.items():
        what = do_harm(file, harm)
        said = line(path, array, what)
        read = read_everything(open_samples(path))
        told = {slot for slot, found in read.items() if isinstance(found, str)}
        assert told, name
        assert {read[slot] for slot in told} == {said}, name
        assert all(read[slot] == sound[kind].read[slot] for slot in read.keys() - told), name
        if array not in NOT_STREAMED.get(kind, ()):
            crops: list[object] = []
            with pytest.raises(DamageError) as error:
                crops.extend(streamed(path))
            assert said in str(error.value), name
            assert crops == sound[kind].streamed[: len(crops)], name
        file.write_bytes(content)
    assert read_everything(open_samples(path)) == sound[kind].read


@pytest.mark.parametrize(("kind", "array"), ARRAYS)
def test_a_byte_flipped_in_each_of_many_places_is_noticed_and_named(
    sound: dict[str, Sound], tmp_path: Path, kind: str, array: str
) -> None:
    path = tmp_path / "harmed.zarr"
    shutil.copytree(sound[kind].path, path)
    file = file_of(path, array)
    content = file.read_bytes()
    places = np.linspace(0, 1, 100 if array == "image" else 12)
    for place in places.tolist():
        do_harm(file, flipped(place))
        read = read_everything(open_samples(path))
        told = {slot for slot, found in read.items() if isinstance(found, str)}
        assert told, place
        assert {read[slot] for slot in told} == {line(path, array, "is damaged")}, place
        assert all(read[slot] == sound[kind].read[slot] for slot in read.keys() - told), place
        file.write_bytes(content)


@pytest.mark.parametrize("array", UNREAD["materialised"])
def test_what_no_sample_is_read_from_stops_nothing_but_is_verified(
    sound: dict[str, Sound], tmp_path: Path, array: str
) -> None:
    path = tmp_path / "harmed.zarr"
    shutil.copytree(sound["materialised"].path, path)
    what = do_harm(file_of(path, array), flipped(0.3))
    store = open_samples(path)
    assert read_everything(store) == sound["materialised"].read
    assert list(streamed(path)) == sound["materialised"].streamed
    (damage,) = [damage for found in store.damages() for damage in found]
    assert (damage.array, damage.shard) == (array, 0)
    assert what in damage.what or array == "images/record"


@pytest.mark.parametrize("kind", READ_OF)
def test_chunks_swapped_under_a_right_checksum_are_found_by_verify(
    sound: dict[str, Sound], tmp_path: Path, kind: str
) -> None:
    """Reading can't tell: each chunk is a sound one, of another sample."""
    path = tmp_path / "harmed.zarr"
    shutil.copytree(sound[kind].path, path)
    array = "alpha" if kind == "prepared" else "foregrounds/alpha"
    swap_two_slots(open_samples(path), file_of(path, array))
    store = open_samples(path)
    read = read_everything(store)
    assert not any(isinstance(found, str) for found in read.values())
    assert read != sound[kind].read
    (damage,) = [damage for found in store.damages() for damage in found]
    assert (damage.array, damage.what, damage.shard) == (array, "is damaged", 0)


def swap_two_slots(store: Samples, file: Path) -> None:
    """Exchange the first two entries of a shard's index, of one chunk a slot."""
    shard = (store.foregrounds if isinstance(store, CompositeStore) else store).shard
    content = file.read_bytes()
    length = 16 * shard
    index = np.frombuffer(content[-length - 4 : -4], "<u8").reshape(shard, 2).copy()
    index[[0, 1]] = index[[1, 0]]
    checksum = google_crc32c.value(index.tobytes()).to_bytes(4, "little")
    file.write_bytes(content[: -length - 4] + index.tobytes() + checksum)
