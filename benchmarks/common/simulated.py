"""A lazy store of any number of composites, of people and backgrounds that are a few pixels each.

All but the pictures' size is what `shm-data composite` writes, by the functions that it calls.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from shm.datasets.composites.create import create_composites
from shm.datasets.composites.planning import RecipeConfig, plan_recipes
from shm.datasets.composites.store import CompositeStore
from shm.datasets.jpeg import encode_jpeg
from shm.datasets.record import Record
from shm.datasets.store import Arrays, Store, create_store
from shm.pipeline.seed import digest, generator
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Size
from shm.workflows.composite import copy_shards
from shm.workflows.composite.sources import CompositeRun
from shm.workflows.software import software_versions

PORTRAIT: Size = (32, 24)
SCENE: Size = (24, 30)
"""(height, width) of people and backgrounds: these have to be enlarged, as photos often are."""

LONGEST_FILE = 4096
"""Bytes that the JPEG of a background may have."""

SHARE = 10
"""One in so many is validated on, and as many tested on."""

Made = tuple[Arrays, Record]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How many composites there are, and of how many people and backgrounds."""

    composites: int
    people: int
    backgrounds: int

    @property
    def counts(self) -> dict[int, int]:
        """Return how many composites each person has, by slot: as many, or one less."""
        each, more = divmod(self.composites, self.people)
        return {slot: each + (slot < more) for slot in range(self.people)}


def write_people(path: Path, scale: Scale) -> Store:
    """Write the store of people that `shm-data prepare` would have made."""
    store = create_store(
        path, kind="prepared", slots=scale.people, canvas=max(PORTRAIT), attributes={}
    )
    _fill(store, person)
    return store


def write_lazy_store(path: Path, people: Store, scale: Scale) -> CompositeStore:
    """Write a lazy store of composites of these people, all but its recipes."""
    run = CompositeRun(recipe=RecipeConfig(per_foreground=max(scale.counts.values())))
    store = create_composites(
        path,
        form="lazy",
        slots=scale.composites,
        people=people,
        backgrounds=scale.backgrounds,
        longest_file=LONGEST_FILE,
        attributes={
            "config": asdict(run),
            "people": {"name": people.path.name, "identity": people.identity()},
            "inputs": digest(scale).hex(),
            "software": software_versions(),
            "left_out": [],
        },
    )
    copy_shards(people, store.foregrounds, "people")
    _fill(store.backgrounds, scene)
    return store


def write_recipes(store: CompositeStore, scale: Scale) -> None:
    """Plan all composites, write their recipes, and finish the store."""
    config = RecipeConfig(**store.attributes["config"]["recipe"])
    seed = store.attributes["config"]["seed"]
    store.write_recipes(
        plan_recipes(store.people(), store.scenes(), config, seed, counts=scale.counts)
    )
    store.mark(complete=True)


def person(slot: int) -> Made:
    """Return a soft-edged person of noise, and a record as long as real ones are."""
    random = generator(0, "simulated person", slot)
    height, width = PORTRAIT
    rows, columns = np.mgrid[:height, :width]
    reach = np.hypot(rows - height, (columns - width / 2) * 2)
    alpha = np.rint(np.clip((height - 6 - reach) / 4 + 0.5, 0, 1) * 255).astype(np.uint8)
    image = random.integers(0, 256, (*PORTRAIT, 3), np.uint8)
    trimap = np.select([alpha == 0, alpha == 255], [BACKGROUND, FOREGROUND], UNKNOWN)
    name = f"person{slot:07d}"
    record: Record = _record(name, f"images/{name}.jpg", slot, PORTRAIT) | {
        "group": name,
        "quality": {f"figure{i:02d}": round(float(random.random()), 6) for i in range(16)},
        "annotations": {kind: f"{kind}/{name}.png" for kind in ("masks", "alphas")},
        "steps": {"annotation": "alpha", "trimap": "fixed", "foreground": "estimate"},
    }
    foreground = np.where(alpha[..., None] > 0, image, np.uint8(0))
    arrays = {"image": image, "alpha": alpha, "trimap": trimap.astype(np.uint8)}
    return arrays | {"foreground": foreground}, record


def scene(slot: int) -> Made:
    """Return the JPEG of a background of noise, and its record."""
    random = generator(0, "simulated scene", slot)
    photo = random.integers(0, 256, (*SCENE, 3), np.uint8)
    file = np.frombuffer(encode_jpeg(photo, 75), np.uint8)
    name = f"train/{slot:012d}"
    record: Record = _record(name, f"scenes/{name}.jpg", slot, SCENE) | {
        "pixels": digest(slot, "pixels").hex(),
        "bytes": len(file),
        "encoding": "file",
        "licence": "Attribution License",
        "classes": ["bench", "dog"],
    }
    return {"file": file}, record


def _record(name: str, source: str, slot: int, size: Size) -> Record:
    split = {0: "validation", 1: "test"}.get(slot % SHARE, "train")
    sha256 = digest(name).hex()
    return {"id": name, "source": source, "sha256": sha256, "split": split, "size": size}


def _fill(store: Store, make: Callable[[int], Made]) -> None:
    for shard in range(store.shards):
        made: Iterable[Made] = list(map(make, store.slots_of(shard)))
        store.write_shard(shard, [arrays for arrays, _ in made], [record for _, record in made])
    store.mark(complete=True)
