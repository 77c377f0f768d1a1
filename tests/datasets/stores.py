"""Small stores of random samples, for the tests of everything that reads a store."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm.datasets.composites.create import create_composites
from shm.datasets.composites.planning import RecipeConfig, plan_recipes
from shm.datasets.composites.recipe import Recipe
from shm.datasets.composites.store import CompositeStore, Form, open_composites
from shm.datasets.fields import FIELDS
from shm.datasets.jpeg import encode_jpeg, through_jpeg
from shm.datasets.record import Record
from shm.datasets.store import Arrays, Store, create_store, open_store
from shm.pipeline.composite import blend
from shm.pipeline.placement import Extent, extent_of

Picture = NDArray[np.uint8]
SPLITS = ("train", "train", "validation", "train", "test")
SEED = 3

EVERY_OPTION = RecipeConfig(
    per_foreground=3,
    people_per_composite=2,
    placement=("move", "scale", "flip"),
    match_colours=(0.2, 0.9),
    blur=(0.0, 2.0),
    noise=(1.0, 4.0),
    jpeg=(60, 95),
    linear=True,
)
"""A recipe with all that can be done to a composite."""


def random_sample(number: int, canvas: int) -> Arrays:
    """A disc of its own colour on noise, each third cut off by the lower side; sizes differ."""
    random = np.random.default_rng(number)
    height, width = canvas - number % 7, canvas - number % 5
    rows, columns = np.mgrid[:height, :width]
    centre = height * (0.9 if number % 3 == 2 else 0.5), width / 2
    distance = np.hypot(rows - centre[0], columns - centre[1])
    alpha = np.rint(np.clip((canvas / 4 - distance) / 4 + 0.5, 0, 1) * 255).astype(np.uint8)
    trimap = np.where(alpha == 0, np.uint8(0), np.where(alpha == 255, np.uint8(255), np.uint8(128)))
    foreground = np.full((height, width, 3), random.integers(100, 255, 3), np.uint8)
    background = random.integers(0, 100, (height, width, 3), np.uint8)
    return {
        "image": blend(foreground, alpha, background),
        "alpha": alpha,
        "trimap": trimap,
        "foreground": foreground,
    }


def random_record(number: int, arrays: Arrays) -> Record:
    return {
        "id": f"sample-{number:03d}",
        "source": f"images/{number}.jpg",
        "sha256": hashlib.sha256(arrays["image"].tobytes()).hexdigest(),
        "group": f"person-{number}",
        "split": SPLITS[number % len(SPLITS)],
        "size": arrays["alpha"].shape,
        "quality": {"subject": 0.2},
    }


def random_photo(number: int, canvas: int) -> Picture:
    """A photo of coarse noise; each fourth has to be enlarged."""
    side = canvas // 2 if number % 4 == 3 else canvas
    shape = (side + 3 * number % 5, side + 5 * number % 7, 3)
    return np.random.default_rng(1000 + number).integers(0, 256, shape, np.uint8)


def background_of(
    photo: Picture, number: int, split: str, *, decoded: bool = False
) -> tuple[Arrays, Record]:
    """The file of a photo, or its pixels."""
    file = encode_jpeg(photo, 60)
    content = through_jpeg(photo, 60).tobytes() if decoded else file
    record: Record = {
        "id": f"scene-{number:03d}",
        "source": f"scenes/{number}.jpg",
        "sha256": hashlib.sha256(file).hexdigest(),
        "pixels": hashlib.sha256(through_jpeg(photo, 60).tobytes()).hexdigest(),
        "split": split,
        "size": photo.shape[:2],
        "bytes": len(content),
        "encoding": "pixels" if decoded else "file",
        "licence": "CC0",
        "classes": ["chair"],
    }
    return {"file": np.frombuffer(content, np.uint8)}, record


def random_background(number: int, split: str, canvas: int) -> tuple[Arrays, Record]:
    """The file of a photo of coarse noise."""
    return background_of(random_photo(number, canvas), number, split)


def write_people(
    path: Path,
    people: int = 12,
    *,
    canvas: int = 64,
    rejects: int = 0,
    draw: Callable[[int, int], Arrays] = random_sample,
) -> Store:
    """Write a complete store of prepared people; its last `rejects` slots are rejected inputs."""
    attributes = {"config": {}, "software": {}, "inputs": "0" * 64}
    attributes |= {"corpus": {}, "left_alone": []}
    slots = people + rejects
    store = create_store(path, kind="prepared", slots=slots, canvas=canvas, attributes=attributes)
    for shard in range(store.shards):
        arrays: list[Arrays | None] = []
        records: list[Record] = []
        for slot in store.slots_of(shard):
            if slot >= people:
                arrays.append(None)
                records.append({"source": f"bad/{slot}.jpg", "rejected": "the file is empty"})
            else:
                sample = draw(slot, canvas)
                arrays.append(sample)
                records.append(random_record(slot, sample))
        store.write_shard(shard, arrays, records)
    store.mark(complete=True)
    return open_store(path)


def write_store(
    path: Path,
    people: int = 12,
    *,
    form: Form = "materialised",
    config: RecipeConfig | None = None,
    canvas: int = 64,
    backgrounds: int = 4,
    decoded: bool = False,
    draw: Callable[[int, int], Arrays] = random_sample,
    shoot: Callable[[int, int], Picture] = random_photo,
) -> CompositeStore:
    """Write a complete store of composites: one a person, or what `config` says.

    The people's own store stands beside it. There are so many `backgrounds` of each split, as
    files or `decoded`. Both are drawn by their number and the canvas.
    """
    config = config or RecipeConfig(per_foreground=1)
    beside = path.with_name(f"{path.stem}-people.zarr")
    prepared = write_people(beside, people, canvas=canvas, draw=draw)
    splits = sorted({record["split"] for _, record in prepared.samples()})
    scenes = [
        background_of(shoot(number, canvas), number, split, decoded=decoded)
        for number, split in enumerate(split for split in splits for _ in range(backgrounds))
    ]
    created = create_composites(
        path,
        form=form,
        slots=sum(config.counts(range(people)).values()),
        people=prepared,
        backgrounds=len(scenes),
        longest_file=max(record["bytes"] for _, record in scenes),
        attributes={
            "config": {"recipe": asdict(config), "seed": SEED},
            "people": {"name": "people", "identity": prepared.identity()},
            "software": {},
            "inputs": "0" * 64,
            "left_out": [],
        },
    )
    store = open_composites(created.path, writable=True, incomplete=True)
    for shard in range(store.foregrounds.shards):
        stored = prepared.shard_bytes(shard, list(FIELDS["foregrounds"]))
        store.foregrounds.write_shard_bytes(shard, stored)
    for shard in range(store.backgrounds.shards):
        some = [scenes[slot] for slot in store.backgrounds.slots_of(shard)]
        arrays, records = zip(*some, strict=True)
        store.backgrounds.write_shard(shard, arrays, records)
    store.write_recipes(recipes_of(store, config))
    if store.images is not None:
        for shard in range(store.images.shards):
            made = list(store.make_images(store.images.slots_of(shard)))
            images: list[Arrays | None] = [stored for _, stored in made]
            store.images.write_shard(shard, images, [{"id": name} for name, _ in made])
    for part in store.parts.values():
        part.mark(complete=True)
    store.mark(complete=True)
    return open_composites(path)


def recipes_of(store: CompositeStore, config: RecipeConfig) -> Iterator[Recipe]:
    """Plan the recipes of a store whose people and backgrounds are written."""

    def extent(slot: int) -> Extent:
        return extent_of(store.foregrounds.read(slot, store.people()[slot])["alpha"])

    counts = config.counts(store.people())
    return plan_recipes(store.people(), store.scenes(), config, SEED, counts=counts, extent=extent)


def all_files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a folder, but a store's history, which has times."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "ledger.jsonl"
    }


def flip_a_byte(file: Path, *, at: float = 0.4) -> None:
    """Flip a bit of a file, so far from its start as a share of its length."""
    damaged = bytearray(file.read_bytes())
    damaged[int(len(damaged) * at)] ^= 1
    file.write_bytes(damaged)
