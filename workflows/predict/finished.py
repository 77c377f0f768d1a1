"""Which results of an earlier run still hold, so that a run that was stopped carries on."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from shm.datasets.files import is_full, remove_partials, signature, write_bytes
from shm.workflows.predict.sources import PredictError

FILE = ".shm-predict.jsonl"
"""In the results' folder: a line that says what they are made with, then one for each source."""

LONGEST = 60
"""Letters up to which the value of an option is told."""


class Finished:
    """What was made in a folder, from which files, and with which settings.

    A source is finished where its line has the sizes and times of the files that it was made from,
    and all results are there. Lines are added as work goes on; one that a kill cut short counts for
    nothing. Before a result is written, a line says so: a file that no line has is somebody
    else's, and not replaced.

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
        self._ours: set[str] = set()
        self._overwrite = overwrite
        ours = json.loads(json.dumps(settings))
        file = target / FILE
        try:
            lines = _lines_of(file)
            for record in lines[1:]:
                self._ours.update(record.get("files", ()))
            if lines and not overwrite:
                self._read(file, lines, ours)
            else:
                kept = {"files": sorted(self._ours)}  # of earlier settings, and ours all the same
                made = (json.dumps(each) + "\n" for each in ({"settings": ours}, kept))
                write_bytes(file, "".join(made).encode())
            for folder in {(target / name).parent for name in self._ours}:
                remove_partials(folder, deep=False)
            self._file: IO[str] = file.open("a", encoding="utf-8")
        except OSError as error:
            if isinstance(error, PredictError) or is_full(error):
                raise
            raise PredictError(
                f"{target}: results can't be written there ({error.strerror})"
            ) from error

    def _read(
        self, file: Path, lines: Sequence[Mapping[str, Any]], ours: Mapping[str, Any]
    ) -> None:
        theirs = lines[0].get("settings")
        if not isinstance(theirs, dict):
            raise PredictError(
                f"{file}: damaged, nobody knows what these results were made with: add --overwrite"
            )
        changed = [
            _told(name, theirs.get(name), value)
            for name, value in ours.items()
            if theirs.get(name) != value
        ]
        if changed:
            raise PredictError(
                f"{self._target}: its results were made with {'; '.join(changed)}: add "
                "--overwrite, take the old options, or another folder"
            )
        for record in lines[1:]:
            if "source" in record:
                self._done[str(record["source"])] = record.get("made from")

    def has(self, source: Path, made_from: Iterable[Path], files: Iterable[Path]) -> bool:
        """Return whether a source's results are there, made from these files as they are now."""
        known = self._done.get(str(source.absolute()))
        return (
            known is not None
            and known == _states(made_from)
            and all(file.is_file() for file in files)
        )

    def not_ours(self, files: Iterable[Path]) -> Path | None:
        """Return the first of the files that is there and that no run of ours has written."""
        if self._overwrite:
            return None
        there = (file for file in files if os.path.lexists(file))
        return next((file for file in there if self._name(file) not in self._ours), None)

    def begin(self, files: Iterable[Path]) -> None:
        """Note that these files are about to be written."""
        names = [name for name in map(self._name, files) if name not in self._ours]
        self._ours.update(names)
        if names:
            self._note({"files": names})

    def add(self, source: Path, made_from: Iterable[Path]) -> None:
        """Note that all results of a source are there."""
        self._note({"source": str(source.absolute()), "made from": _states(made_from)})

    def _note(self, record: Mapping[str, Any]) -> None:
        with suppress(OSError):  # a full disk: the source is done again, which does no harm
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()

    def _name(self, file: Path) -> str:
        return file.relative_to(self._target).as_posix()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()


def _lines_of(file: Path) -> list[dict[str, Any]]:
    """Return a record's lines; one that a kill cut short, or that is damaged, as an empty one."""
    if not file.exists():
        return []
    found: list[dict[str, Any]] = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() or [""]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        found.append(record if isinstance(record, dict) else {})
    return found


def state_of(path: Path) -> list[int] | None:
    """Return a file's size and time of change; None where there is none."""
    try:
        return list(signature(path))  # as JSON gives it back
    except OSError:
        return None


def _states(paths: Iterable[Path]) -> list[list[int] | None]:
    return [state_of(path) for path in paths]


def _told(name: str, before: object, now: object) -> str:
    """Say what has changed; what takes more than a few words is named only."""
    earlier, later = _words(before), _words(now)
    if earlier == later or max(len(earlier), len(later)) > LONGEST:
        return f"other {name}"
    return f"{name} {earlier}, now {later}"


def _words(value: object) -> str:
    if isinstance(value, list):
        return " and ".join(map(_words, value)) or "none"
    return "none" if value is None else str(value)
