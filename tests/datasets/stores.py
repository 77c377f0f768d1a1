"""Small stores of random samples, for the tests of everything that reads a store."""

from pathlib import Path

import numpy as np

from shm.datasets.record import Record
from shm.datasets.store import FIELDS, Arrays, Kind, Store, create_store, open_store
from shm.pipeline.composite import blend

SPLITS = ("train", "train", "validation", "train", "test")


def random_sample(number: int, kind: Kind, canvas: int) -> Arrays:
    """A disc of its own colour on noise; no two samples are of one size."""
    random = np.random.default_rng(number)
    height, width = canvas - number % 7, canvas - number % 5
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - height / 2, columns - width / 2)
    alpha = np.rint(np.clip((canvas / 4 - distance) / 4 + 0.5, 0, 1) * 255).astype(np.uint8)
    trimap = np.where(alpha == 0, np.uint8(0), np.where(alpha == 255, np.uint8(255), np.uint8(128)))
    foreground = np.full((height, width, 3), random.integers(100, 255, 3), np.uint8)
    background = random.integers(0, 100, (height, width, 3), np.uint8)
    arrays = {
        "image": blend(foreground, alpha, background),
        "alpha": alpha,
        "trimap": trimap,
        "foreground": foreground,
        "background": background,
    }
    return {name: arrays[name] for name in FIELDS[kind]}


def random_record(number: int, arrays: Arrays) -> Record:
    return {
        "id": f"sample-{number:03d}",
        "source": f"images/{number}.jpg",
        "group": f"person-{number}",
        "split": SPLITS[number % len(SPLITS)],
        "size": arrays["alpha"].shape,
        "quality": {"subject": 0.2},
    }


def write_store(
    path: Path, samples: int = 12, *, kind: Kind = "composited", canvas: int = 64, rejects: int = 0
) -> Store:
    """Write a complete store; its last `rejects` slots are rejected inputs."""
    slots = samples + rejects
    attributes = {"config": {}, "software": {}, "inputs": "0" * 64}
    store = create_store(path, kind=kind, slots=slots, canvas=canvas, attributes=attributes)
    for shard in range(store.shards):
        arrays: list[Arrays | None] = []
        records: list[Record] = []
        for slot in store.slots_of(shard):
            if slot >= samples:
                arrays.append(None)
                records.append({"source": f"bad/{slot}.jpg", "rejected": "the file is empty"})
            else:
                sample = random_sample(slot, kind, canvas)
                arrays.append(sample)
                records.append(random_record(slot, sample))
        store.write_shard(shard, arrays, records)
    store.mark(complete=True)
    return open_store(path)
