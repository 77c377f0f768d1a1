"""Harm what lies on a disk, and see who finds it: ``python -m tests.faults.damage --count 100``."""

import argparse
import io
import random
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stderr
from pathlib import Path

import click
import numpy as np

from shm.datasets.composites.store import CompositeStore
from shm.datasets.damage import StoreError
from shm.datasets.opening import open_samples
from shm.datasets.storage.errors import StorageError
from shm.workflows.verify import verify_store
from tests.datasets.stores import EVERY_OPTION, write_store

KINDS = ("a flipped bit", "a cut file", "a deleted file", "zeros in a file")

UNREAD = ("digest", "zarr.json", "images/record")
"""What a sample is not made of: of these, ``verify`` alone sees all that is wrong."""


def harm(file: Path, kind: str, chance: random.Random) -> None:
    """Do something to a file that leaves it another than it was."""
    content = bytearray(file.read_bytes())
    place = chance.randrange(len(content))
    if kind == "a deleted file":
        file.unlink()
        return
    if kind == "a flipped bit":
        content[place] ^= 1 << chance.randrange(8)
    elif kind == "a cut file":
        del content[place:]
    else:
        if not any(content[place : place + 64]):  # zeros already
            place = 0
        content[place : place + 64] = bytes(len(content[place : place + 64]))
    file.write_bytes(content)


def is_unread(key: Path) -> bool:
    """Return whether no sample is made of a file of a store."""
    return any(part in f"/{key.as_posix()}" for part in UNREAD)


def found_by_verify(store: Path) -> bool:
    """Return whether ``verify`` says that a store is not sound."""
    try:
        with redirect_stderr(io.StringIO()):  # where it shows how far it is
            return not verify_store(store).sound
    except (StoreError, StorageError):
        return True


def found_by_reading(store: Path) -> bool:
    """Return whether who opens a store as training does, and reads every sample, is told."""
    try:
        samples = open_samples(store)
        assert isinstance(samples, CompositeStore)
        centres = np.random.default_rng(0)
        for slot in samples.slots_in().tolist():
            recipe = samples.recipe(slot)
            samples.make(slot, recipe, samples.fields)
            samples.draw_unknown(recipe, centres)
    except (StoreError, StorageError):
        return True
    return False


def write_stores(folder: Path) -> list[Path]:
    """Write a store of each form."""
    paths = [folder / f"{form}.zarr" for form in ("lazy", "materialised")]
    write_store(paths[0], 15, form="lazy", config=EVERY_OPTION)
    write_store(paths[1], 15, config=EVERY_OPTION)
    return paths


def attack(folder: Path, count: int, seed: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Harm stores so often, each time another place; returns who found what, and what nobody did.

    Returns
    -------
    Counter
        By kind and finder: ``verify``, ``reading``, or ``read by none`` where no sample is made of
        that file.
    list of str
        What was not found and should have been.
    """
    chance = random.Random(seed)
    stores = write_stores(folder)
    counts: Counter[tuple[str, str]] = Counter()
    missed = []
    for number in range(count):
        sound = stores[number % len(stores)]
        copy = folder / "harmed.zarr"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(sound, copy)
        files = sorted(each for each in copy.rglob("*") if each.is_file())
        read = [file for file in files if not is_unread(file.relative_to(copy))]
        file = chance.choice(files if number % 5 == 0 else read)
        kind = KINDS[number % len(KINDS)]
        harm(file, kind, chance)
        key = file.relative_to(copy).as_posix()
        counts[kind, "harmed"] += 1
        if found_by_verify(copy):
            counts[kind, "verify"] += 1
        else:
            missed.append(f"{sound.name}/{key}: {kind}, not found by verify")
        if is_unread(file.relative_to(copy)):
            counts[kind, "read by none"] += 1
        elif found_by_reading(copy):
            counts[kind, "reading"] += 1
        else:
            missed.append(f"{sound.name}/{key}: {kind}, not found by reading")
    return counts, missed


def main() -> None:
    """Read the command line, and harm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts, missed = attack(Path(folder), options.count, options.seed)
    columns = ("harmed", "verify", "reading", "read by none")
    click.echo(f"| kind | {' | '.join(columns)} |")
    click.echo("| --- " * (len(columns) + 1) + "|")
    for kind in KINDS:
        click.echo(f"| {kind} | {' | '.join(str(counts[kind, name]) for name in columns)} |")
    click.echo("\n".join(missed))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
