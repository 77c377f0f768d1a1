"""The small file that says which files make a checkpoint, and so makes the change of both one."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from shm.pipeline.errors import ShmError

FORMAT = 2
NAMES = ("best", "last")

OLDER = "step-"
"""What the pointers of older checkpoints are called, before their step."""


class CheckpointError(ShmError, ValueError):
    """A checkpoint is missing, damaged, or of another format or architecture."""


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Which files make a checkpoint.

    Parameters
    ----------
    weights : str
        Name of the .safetensors file, in the pointer's folder.
    sha256 : dict
        Of each file, by its name.
    state : str, optional
        Name of the file of training state.
    """

    weights: str
    sha256: dict[str, str]
    state: str | None = None

    def check(self, path: Path, content: bytes) -> None:
        """Compare a file's content with what was written.

        Raises
        ------
        CheckpointError
            It differs.
        """
        if self.sha256.get(path.name) != hashlib.sha256(content).hexdigest():
            raise CheckpointError(
                f"{path}: damaged, its bytes are not those that were written: go back to another "
                "checkpoint, or delete the phase's folder to train it anew"
            )


def read_pointer(path: Path) -> Pointer:
    """Read a pointer.

    Raises
    ------
    CheckpointError
        It is missing, damaged, of another format, or names a file outside its folder.
    """
    try:
        about = json.loads(path.read_bytes())
        written = about.pop("format")
        if written != FORMAT:
            raise other_format(path, written)
        pointer = Pointer(**about)
        named = [pointer.weights, *([] if pointer.state is None else [pointer.state])]
        if not isinstance(pointer.sha256, dict):
            raise TypeError("it has no SHA-256 by name")  # noqa: TRY301 - told below
        outside = [name for name in named if not _is_beside(name)]
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such checkpoint") from error
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        cure = (
            "it points to an older checkpoint: delete it"
            if path.name.startswith(OLDER)
            else "delete the phase's folder to train it anew, or put an older checkpoint's "
            f"{OLDER}*.json in its place"
        )
        raise CheckpointError(f"{path}: damaged ({brief(error)}); {cure}") from error
    if outside:
        raise CheckpointError(f"{path}: names {outside[0]!s:.80}, a file outside its folder")
    return pointer


def _is_beside(name: str) -> bool:
    """Return whether a name is that of a file in the pointer's own folder."""
    return Path(name).name == name and name not in ("", "..") and name.isprintable()


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Replace a pointer: from this moment on, the checkpoint is the new one."""
    about = {"format": FORMAT, **asdict(pointer)}
    write_durably(path, json.dumps(about, sort_keys=True).encode())


def pointers_to(weights: Path) -> Iterator[Pointer]:
    """Yield the pointers beside a file of weights that name it."""
    name = weights.name.split("-")[0]
    older = older_pointers(weights.parent) if name == "last" else []
    for path in [weights.with_name(f"{name}.json"), *older]:
        if path.exists() and (pointer := read_pointer(path)).weights == weights.name:
            yield pointer


def older_pointers(folder: Path) -> list[Path]:
    """Return the pointers of a folder's older checkpoints, the oldest first."""
    return sorted(folder.glob(f"{OLDER}*.json"))


def keep_older(folder: Path, name: str, stem: str, keep: int) -> None:
    """Give what `name` points to a pointer of its own before it points to `stem`; keep the newest.

    Parameters
    ----------
    folder : Path
    name : str
    stem : str
        Of the new checkpoint; older pointers to the same step or later ones are dropped: their run
        went on from before it.
    keep : int
        How many checkpoints to keep, with the new one.
    """
    path = folder / f"{name}.json"
    if keep > 1 and path.exists():
        pointer = read_pointer(path)
        older = pointer.weights.removeprefix(f"{name}-").split("-")[0]
        write_pointer(folder / f"{OLDER}{older}.json", pointer)
    new = stem.removeprefix(f"{name}-")
    there = older_pointers(folder)
    later = [each for each in there if each.stem.removeprefix(OLDER) >= new]
    earlier = [each for each in there if each not in later]
    for each in later + earlier[: max(0, len(earlier) - (keep - 1))]:
        each.unlink(missing_ok=True)


def remove_leftovers(folder: Path, name: str) -> None:
    """Delete what a kill may have left: files that no pointer names any more."""
    pointers = [folder / f"{name}.json"]
    if name == "last":
        pointers += older_pointers(folder)
        for partial in folder.glob(f".{OLDER}*.json.partial"):
            partial.unlink(missing_ok=True)
    kept = {file for path in pointers for file in read_pointer(path).sha256}
    for pattern in (f"{name}-*.safetensors", f".{name}[-.]*.partial"):
        for file in folder.glob(pattern):
            if file.name not in kept:
                file.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is on the disk, whole, before it has its name."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    # The folder too: after a power cut a name must not be there without what it was given after.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def other_format(path: Path, written: object) -> CheckpointError:
    """Return the error of a file that another version wrote."""
    return CheckpointError(
        f"{path}: of format {written!s:.40}, and this version of shm reads format {FORMAT}: use "
        "the version that wrote it"
    )


def brief(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
