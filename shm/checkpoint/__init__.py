"""What a run leaves behind: weights, and the state of training beside them, both as safetensors.

A folder has a pointer a name (``best.json``, ``last.json``) that names one file of weights and,
where training can go on from it, one of state, each with its SHA-256. Files are called by their
content, so none is ever overwritten by another: they are written first, the pointer is replaced
next, and what it no longer names is deleted last. A kill at any moment leaves the old checkpoint or
the new one, whole. Nothing in them can run code: see `shm.checkpoint.state`.
"""

import errno
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from shm.checkpoint.metadata import Metadata, read_metadata, with_metadata
from shm.checkpoint.pointer import (
    NAMES,
    CheckpointError,
    Pointer,
    brief,
    keep_older,
    pointers_to,
    read_pointer,
    remove_leftovers,
    write_durably,
    write_pointer,
)
from shm.checkpoint.state import SUFFIX, StateError, decode_state, encode_state
from shm.models import MattingModel, build_model

__all__ = [
    "CheckpointError",
    "Metadata",
    "last_metadata",
    "load_model",
    "load_state",
    "load_weights",
    "put_weights",
    "read_metadata",
    "remove_leftovers",
    "resolve",
    "save",
]

LAST_PHASES = ("end-to-end", "stage-3")
"""Folders of the phases that end a recipe: what a run's folder stands for."""


def save(
    folder: Path,
    name: str,
    *,
    weights: Mapping[str, Tensor],
    metadata: Metadata,
    state: Mapping[str, Any] | None = None,
    keep: int = 1,
) -> Path:
    """Write a checkpoint and make `name` point to it; return the file of weights.

    The same content gives the same bytes under the same file names.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    name : str
        ``"last"`` or ``"best"``.
    weights : dict of tensors
    metadata : Metadata
    state : dict, optional
        Tensors and plain values that training goes on from, as `encode_state` takes them.
    keep : int
        How many of the newest checkpoints to keep; older ones have pointers ``step-00000100.json``.

    Raises
    ------
    CheckpointError
        The name is another, the state holds what is no plain value, or the disk refuses.
    OSError
        The disk is full.
    """
    if name not in NAMES:
        raise CheckpointError(f"a checkpoint is called {' or '.join(NAMES)}, not {name!r}")
    stem = f"{name}-{metadata.step:08d}"
    content = with_metadata(weights, metadata)
    digest = hashlib.sha256(content).hexdigest()
    file = f"{stem}-{digest[:12]}.safetensors"
    files = {file: content}
    state_file = None
    if state is not None:
        content = encode_state(digest, dict(state))
        state_file = f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}{SUFFIX}"
        files[state_file] = content
    digests = {each: hashlib.sha256(content).hexdigest() for each, content in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each, content in files.items():
            write_durably(folder / each, content)
        pointer = Pointer(weights=file, state=state_file, sha256=digests)
        if name == "last":
            keep_older(folder, name, stem, keep)
        write_pointer(folder / f"{name}.json", pointer)
        remove_leftovers(folder, name)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # which goes on when there is room
            raise type(error)(error.errno, error.strerror, str(folder / file)) from error
        raise CheckpointError(f"{folder}: {name} can't be written ({brief(error)})") from error
    return folder / file


def last_metadata(folder: Path, name: str = "last") -> Metadata | None:
    """Return what a folder's checkpoint says of itself, None where there is none."""
    if not (folder / f"{name}.json").exists():
        return None
    return read_metadata(resolve(folder / f"{name}.json"))


def resolve(path: Path, prefer: str = "best") -> Path:
    """Find the file of weights that a path means.

    Parameters
    ----------
    path : Path
        A .safetensors file, a pointer, a phase's folder, or a run's (its last phase counts:
        ``end-to-end`` or ``stage-3``).
    prefer : str
        ``"best"`` or ``"last"``, where the path is a folder; the other where there is only one.

    Raises
    ------
    CheckpointError
        There is none.
    """
    if path.is_file():
        if path.suffix == ".json":
            return path.parent / read_pointer(path).weights
        if path.suffix != ".safetensors":
            raise CheckpointError(
                f"{path}: not a .safetensors file; other formats can run code when they are "
                "loaded, and never are"
            )
        if path.name.endswith(SUFFIX):
            raise CheckpointError(
                f"{path}: the state of training, not weights: give the file of weights beside it, "
                "or their folder"
            )
        return path
    if not path.is_dir():
        raise CheckpointError(f"{path}: no such checkpoint")
    ended = [path / name for name in LAST_PHASES if (path / name).is_dir()]
    folder = ended[0] if ended else path
    for name in (prefer, *NAMES):
        if (folder / f"{name}.json").exists():
            return folder / read_pointer(folder / f"{name}.json").weights
    phases = sorted(each.parent.name for each in path.glob("*/last.json"))
    hint = (
        f" of its last phase yet: train on, with the same command, or name the folder of a phase "
        f"that is there ({', '.join(phases)}), whose net is a part alone"
    )
    hint = hint if phases else ""
    raise CheckpointError(f"{folder}: no checkpoint in it{hint}")


def load_weights(path: Path) -> tuple[dict[str, Tensor], Metadata]:
    """Load weights onto the processor, with what they say of themselves.

    Parameters
    ----------
    path : Path
        As for `resolve`.

    Raises
    ------
    CheckpointError
        As `read_metadata`, or the bytes are not those that were written.
    """
    path = resolve(path)
    metadata = read_metadata(path)
    try:
        content = path.read_bytes()
        for pointer in pointers_to(path):
            pointer.check(path, content)
        return safetensors.torch.load(content), metadata
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged ({brief(error)})") from error


def load_state(path: Path) -> dict[str, Any]:
    """Load the state of training that belongs to a file of weights.

    Parameters
    ----------
    path : Path
        As for `resolve`, but the last checkpoint of a folder.

    Raises
    ------
    CheckpointError
        There is no state beside the weights, it is damaged, or it belongs to others.
    """
    path = resolve(path, prefer="last")
    pointer = next((each for each in pointers_to(path) if each.state), None)
    if pointer is None or pointer.state is None:
        raise CheckpointError(f"{path}: has no state beside it to go on from")
    file = path.with_name(pointer.state)
    if not file.name.endswith(SUFFIX):
        raise CheckpointError(
            f"{file}: a state of an earlier format, which could run code and is not loaded: "
            "delete the phase's folder to train it anew, or use the version that wrote it"
        )
    try:
        content = file.read_bytes()
        pointer.check(file, content)
        belongs, state = decode_state(content)
    except StateError as error:
        raise CheckpointError(f"{file}: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{file}: damaged ({brief(error)})") from error
    if belongs != pointer.sha256.get(path.name):
        raise CheckpointError(f"{file}: belongs to other weights than {path.name}")
    return state


def load_model(path: Path, device: torch.device | str = "cpu") -> MattingModel:
    """Load a model that predicts; see its `needs_trimap`.

    Parameters
    ----------
    path : Path
        As for `resolve`.
    device : torch.device or str

    Returns
    -------
    MattingModel
        In evaluation.

    Raises
    ------
    CheckpointError
        As `load_weights`.
    """
    weights, metadata = load_weights(resolve(path))
    model = build_model(metadata.model)
    named = (getattr(metadata.model, net) for net in ("tnet", "mnet", "dim"))
    put_weights(model, weights, f"{path} ({', '.join(net for net in named if net)})")
    return model.to(device).eval()


def put_weights(net: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Put weights into a net that has exactly these tensors.

    Raises
    ------
    CheckpointError
        The net is of another architecture.
    """
    own = {name: tensor.shape for name, tensor in net.state_dict().items()}
    given = {name: tensor.shape for name, tensor in weights.items()}
    if own != given:
        differing = [name for name in {**own, **given} if own.get(name) != given.get(name)]
        raise CheckpointError(
            f"{source}: of another architecture, {len(differing)} tensors differ, first "
            f"{min(differing)}"
        )
    net.load_state_dict(dict(weights))
