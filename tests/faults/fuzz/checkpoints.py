"""Checkpoints: the pointer, the file of weights, and what that says of itself."""

import contextlib
import json
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from safetensors.torch import save as as_safetensors

from shm.checkpoint import (
    CheckpointError,
    last_metadata,
    load_model,
    load_weights,
    read_metadata,
    resolve,
)
from shm.models import ModelConfig
from tests.faults.fuzz.mutation import bend, bend_json
from tests.faults.fuzz.scratch import scratch
from tests.faults.fuzz.target import Target
from tests.shm.checkpoint.checkpoints import METADATA, some_weights, write


def read_pointer(data: bytes) -> None:
    """Follow a pointer, and load what it points to."""
    folder = _run() / "pointed"
    (folder / "last.json").write_bytes(data)
    for read in (last_metadata, load_weights):
        with contextlib.suppress(CheckpointError):
            read(folder)
    assert resolve(folder).parent == folder


@cache
def _run() -> Path:
    folder = scratch("checkpoint")
    write(folder / "whole")
    write(folder / "pointed")
    return folder


def pointer_seeds() -> Sequence[bytes]:
    """Return a pointer as it is written."""
    return ((_run() / "whole" / "last.json").read_bytes(),)


def read_weights(data: bytes) -> None:
    """Load a file of weights that no pointer names."""
    file = scratch("weights") / "other.safetensors"
    file.write_bytes(data)
    weights, metadata = load_weights(file)
    assert read_metadata(file) == metadata or "nan" in repr(metadata)
    assert sum(tensor.nbytes for tensor in weights.values()) <= 8 * len(data)


def weights_seeds() -> Sequence[bytes]:
    """Return small files of weights."""
    file = next((_run() / "whole").glob("*.safetensors"))
    return (file.read_bytes(),)


def read_about(data: bytes) -> None:
    """Load the model of a file of weights that says this of itself."""
    file = scratch("about") / "model.safetensors"
    file.write_bytes(as_safetensors(some_weights(), {"shm": data.decode("utf-8", "replace")}))
    _, metadata = load_weights(file)
    assert isinstance(metadata.step, int)
    assert isinstance(metadata.phase, str)
    load_model(file)


def about_seeds() -> Sequence[bytes]:
    """Return what small models say of themselves."""
    folder = scratch("seeds of about")
    models = (METADATA.model, ModelConfig(tnet="mobilenetv2-unet", width=0.1))
    found = []
    for model in models:
        shutil.rmtree(folder)
        content = write(folder, model=model).read_bytes()
        length = int.from_bytes(content[:8], "little")
        found.append(json.loads(content[8 : 8 + length])["__metadata__"]["shm"].encode())
    return found


TARGETS = {
    "pointer": Target(run=read_pointer, seeds=pointer_seeds, mutate=bend_json, max_length=1024),
    "weights": Target(run=read_weights, seeds=weights_seeds, mutate=bend, max_length=4096),
    "weights-metadata": Target(
        run=read_about, seeds=cache(about_seeds), mutate=bend_json, max_length=4096
    ),
}
