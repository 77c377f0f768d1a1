"""The commands that are attacked, on a small corpus, and what undisturbed ones make."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.datasets.stores import all_files
from tests.workflows.corpora import Options, run, write_backgrounds, write_people

PEOPLE = 140
"""Three shards of 64 at 64 pixels."""

TRAINING = (
    *("--steps", 8, "--batch", 2, "--crop", 32, "--workers", 0, "--set", "model.width=0.25"),
    *("--checkpoint-every", 3, "--set", "loop.log_every=2", "--set", "loop.picture_every=0"),
)


def trained(folder: Path) -> dict[str, bytes]:
    """Return what two runs of the same training have the same of: weights, states, losses."""
    found = {
        name: content
        for name, content in all_files(folder).items()
        if name.endswith((".safetensors", ".pt", ".json", "config.toml"))
    }
    for log in sorted(folder.rglob("log.jsonl")):
        lines = map(json.loads, log.read_text().splitlines())
        losses = [(line["step"], line["losses"]) for line in lines if line["kind"] == "train"]
        found[log.relative_to(folder).as_posix()] = json.dumps(losses).encode()
    return found


def predicted(folder: Path) -> dict[str, bytes]:
    """Return the results of predictions; their record has times of files."""
    return {name: each for name, each in all_files(folder).items() if not name.startswith(".")}


@dataclass(frozen=True)
class Attacked:
    """A command under attack.

    Attributes
    ----------
    name : str
    words : callable
        Its words, given the folder of the chain and where its result goes.
    result : str
        What the undisturbed result is called, in the folder of the chain.
    read : callable
        Reads of a result what must be the same.
    store : bool
        Whether the result is a store, that ``verify`` judges.
    dask : bool
        Whether it works on Dask.
    """

    name: str
    words: Callable[[Path, Path], Options]
    result: str
    read: Callable[[Path], dict[str, bytes]] = all_files
    store: bool = True
    dask: bool = True

    def is_same(self, folder: Path, out: Path) -> bool:
        """Return whether a result is the undisturbed one, and sound."""
        if self.store:
            run("shm-data", "verify", out)
        return self.read(out) == self.read(folder / self.result)


def _prepare(folder: Path, out: Path) -> Options:
    return "shm-data", "prepare", folder / "raw", out, "--size", 64


def _composite(folder: Path, out: Path) -> Options:
    options = ("--backgrounds", folder / "backgrounds", "--per-foreground", 2)
    return "shm-data", "composite", folder / "people.zarr", out, *options


def _lazy(folder: Path, out: Path) -> Options:
    return *_composite(folder, out), "--lazy"


def _materialise(folder: Path, out: Path) -> Options:
    return "shm-data", "materialise", folder / "lazy.zarr", out


def _export(folder: Path, out: Path) -> Options:
    return "shm-data", "export", folder / "people.zarr", out


def _train(folder: Path, out: Path) -> Options:
    return "shm", "train", folder / "train.zarr", "--run", out, *TRAINING


def _sample(_: Path, out: Path) -> Options:
    return "shm-data", "sample", out, "--people", 6, "--size", 64


def _predict(folder: Path, out: Path) -> Options:
    photos = folder / "exported" / "image" / "p000*.png"
    return "shm", "predict", folder / "run", photos, "-o", out, "--alpha", "--cutout"


def _net_files(folder: Path, out: Path) -> Options:
    return "shm", "export", folder / "run" / "tnet", out, "--format", "onnx"


PREPARE = Attacked("prepare", _prepare, "people.zarr")
COMPOSITE = Attacked("composite", _composite, "train.zarr")
LAZY = Attacked("composite --lazy", _lazy, "lazy.zarr")
MATERIALISE = Attacked("materialise", _materialise, "train.zarr")
EXPORT = Attacked("export", _export, "exported", store=False, dask=False)
TRAIN = Attacked("train", _train, "run", trained, store=False, dask=False)
SAMPLE = Attacked("sample", _sample, "sample", store=False)
PREDICT = Attacked("predict", _predict, "predicted", predicted, store=False, dask=False)
NET_FILES = Attacked("export of nets", _net_files, "nets", store=False, dask=False)

CHAIN = (PREPARE, COMPOSITE, LAZY, MATERIALISE, EXPORT, TRAIN)
"""In the order in which each has what it is made from."""

ALL = (*CHAIN, SAMPLE, PREDICT, NET_FILES)


def write_chain(folder: Path, *more: object, names: tuple[Attacked, ...] = CHAIN) -> Path:
    """Write a corpus and what undisturbed commands make of it; `more` are options of Dask's."""
    write_people(folder / "raw", PEOPLE, 32)  # a quarter of the pixels, but for the first
    shutil.copytree(write_people(folder / "large", 1), folder / "raw", dirs_exist_ok=True)
    write_backgrounds(folder / "backgrounds", 30, people=(3, 4))
    for each in names:
        out = folder / each.result
        if not out.exists():
            run(*each.words(folder, out), *(more if each.dask else ()))
    return folder
