"""A training run as its folder tells it: settings, logs, checkpoints, what can't be read."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from shm.checkpoint import CheckpointError, Metadata, last_metadata
from shm.datasets.tree import printable
from shm.pipeline.errors import ShmError
from shm.training.phases import Phase
from shm.workflows.inspect import flatten

MOST_STEPS = 2**53
"""Steps that a floating-point number tells apart."""


class RunError(ShmError, ValueError):
    """A folder is no run, or there are too many."""


class Kept(NamedTuple):
    """What a phase keeps of its nets: in words, and what the checkpoint says of itself."""

    phase: str
    told: str
    metadata: Metadata | None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run, as far as it got.

    Attributes
    ----------
    name : str
    path : Path
    config : dict
        By dotted names.
    logs : dict
        Lines of the log by phase.
    kept : tuple of Kept
        Of each phase that has begun, in their order.
    remarks : tuple of str
        What of its logs is left out.
    """

    name: str
    path: Path
    config: Mapping[str, str]
    logs: Mapping[str, Sequence[Mapping[str, Any]]]
    kept: tuple[Kept, ...]
    remarks: tuple[str, ...]


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return the runs' names, with as much of their paths as it takes to tell them apart.

    Raises
    ------
    RunError
        A run is there twice.
    """
    parts = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-count:]) for each in parts]
        if len(set(names)) == len(names):
            return list(map(printable, names))
    raise RunError("the same run twice: give each once")


def read_run(path: Path, name: str) -> Run:
    """Read a run's folder.

    Raises
    ------
    RunError
        It is no run, or its settings or a whole log can't be read.
    """
    if not path.is_dir():
        raise RunError(f"{path}: no such run")
    begun = [each.value for each in Phase if (path / each.value / "log.jsonl").is_file()]
    logs, remarks = {}, []
    for phase in begun:
        logs[phase], remark = _read_log(path / phase / "log.jsonl")
        if remark:
            remarks.append(f"{phase}/log.jsonl: {remark}")
    if not any(logs.values()):
        why = f" ({remarks[0]})" if remarks else ""
        raise RunError(
            f"{path}: no log of training in it{why}: give the folder of `shm train --run`"
        )
    try:
        config = tomllib.loads((path / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"{path / 'config.toml'}: can't be read ({told_of(error)}): is {path} a run?"
        ) from error
    return Run(
        name=name,
        path=path,
        config={key: printable(str(value)) for key, value in flatten(config)},
        logs={phase: lines for phase, lines in logs.items() if lines},
        kept=tuple(_kept(path, phase) for phase in begun),
        remarks=tuple(remarks),
    )


def told_of(error: Exception) -> str:
    """Return why a file can't be read, without its name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _read_log(path: Path) -> tuple[list[Mapping[str, Any]], str]:
    """Return the lines that tell of a step, and what is left out; nothing is for the last half."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RunError(f"{path}: can't be read ({error.strerror})") from error
    lines = list(_parsed(text.splitlines()))
    if lines and lines[-1] is None:  # which a kill cut short, or is being written
        lines.pop()
    found = [line for line in lines if isinstance(line, Mapping) and _tells_of_a_step(line)]
    left = len(lines) - len(found)
    return found, f"left out {left} of {len(lines)} lines, damaged or not of training" * bool(left)


def _parsed(lines: Sequence[str]) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            yield None


def _tells_of_a_step(line: Mapping[str, Any]) -> bool:
    kind, losses = line.get("kind"), line.get("losses")
    told = kind == "validation" or (kind == "train" and isinstance(losses, Mapping))
    step = line.get("step")
    return told and isinstance(step, int) and 0 <= step < MOST_STEPS


def _kept(run: Path, phase: str) -> Kept:
    """Return the best checkpoint of a phase, or the last where there is no best one to read."""
    troubles = []
    for name in ("best", "last"):
        try:
            found = last_metadata(run / phase, name)
        except (CheckpointError, OSError) as error:
            reason = str(error).replace(f"{run}/", "")
            troubles.append(f"the {name} checkpoint can't be read: {printable(reason)}")
            continue
        if found is not None:
            told = f"{name} checkpoint, step {found.step}"
            if name == "last" and not troubles:
                told += "; none is the best yet"
            return Kept(phase, "; ".join([told, *troubles]), found)
    return Kept(phase, "; ".join(troubles) or "no checkpoint yet", None)
