"""Which results of an earlier run still hold, so that a run that was stopped carries on."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from shm.datasets.files import write_bytes
from shm.workflows.predict.sources import PredictError

FILE = ".shm-predict.jsonl"
"""In the results' folder: a line that says what they are made with, then one for each source."""


class Finished:
    """What was made in a folder, from which files, and with which settings.

    A source is finished where its line has the sizes and times of the files that it was made from,
    and all results are there. Lines are added as work goes on; one that a kill cut short counts for
    nothing.

    Parameters
    ----------
    target : Path
        Folder of the results; made where it is missing.
    settings : dict
        What results depend on, by the names of options, as JSON holds it.
    overwrite : bool
        Whether nothing that was made before counts.

    Raises
    ------
    PredictError
        The folder can't be made or written to, or holds results of other settings.
    """

    def __init__(self, target: Path, settings: Mapping[str, Any], *, overwrite: bool) -> None:
        self._target = target
        self._done: dict[str, Any] = {}
        ours = json.loads(json.dumps(settings))
        file = target / FILE
        try:
            if file.exists() and not overwrite:
                self._read(file, ours)
            else:
                write_bytes(file, json.dumps({"settings": ours}).encode() + b"\n")
            self._file: IO[str] = file.open("a", encoding="utf-8")
        except OSError as error:
            if isinstance(error, PredictError):
                raise
            raise PredictError(
                f"{target}: results can't be written there ({error.strerror})"
            ) from error

    def _read(self, file: Path, ours: Mapping[str, Any]) -> None:
        first, *lines = file.read_text(encoding="utf-8").splitlines() or [""]
        try:
            theirs = dict(json.loads(first)["settings"])
        except (ValueError, KeyError, TypeError) as error:
            raise PredictError(
                f"{file}: damaged, nobody knows what these results were made with: add --overwrite"
            ) from error
        changed = [
            f"{name} {_told(theirs.get(name))}, now {_told(value)}"
            for name, value in ours.items()
            if theirs.get(name) != value
        ]
        if changed:
            raise PredictError(
                f"{self._target}: its results were made with {'; '.join(changed)}: add "
                "--overwrite, take the old options, or another folder"
            )
        for line in lines:
            try:
                record = json.loads(line)
                self._done[record["source"]] = record["made from"]
            except (ValueError, KeyError, TypeError):
                continue  # a kill cut it short: its source is done again

    def has(self, source: Path, made_from: Iterable[Path], files: Iterable[Path]) -> bool:
        """Return whether a source's results are there, made from these files as they are now."""
        known = self._done.get(str(source.absolute()))
        return (
            known is not None
            and known == _states(made_from)
            and all(file.is_file() for file in files)
        )

    def add(self, source: Path, made_from: Iterable[Path]) -> None:
        """Note that all results of a source are there."""
        record = {"source": str(source.absolute()), "made from": _states(made_from)}
        with suppress(OSError):  # a full disk: the source is done again, which does no harm
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()


def state_of(path: Path) -> list[int] | None:
    """Return a file's size and time of change; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _states(paths: Iterable[Path]) -> list[list[int] | None]:
    return [state_of(path) for path in paths]


def _told(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:12] + "…"
