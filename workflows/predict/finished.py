"""Which results of an earlier run still hold, so that a run that was stopped carries on."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shm.datasets.files import write_bytes
from shm.workflows.predict.sources import PredictError

FILE = ".shm-predict.json"
"""In the results' folder: what they were made with."""


def open_results(target: Path, settings: Mapping[str, Any], *, overwrite: bool) -> None:
    """Make the folder of results, or see that those in it were made with the same settings.

    Raises
    ------
    PredictError
        The folder can't be made or written to, or holds results of other settings.
    """
    file = target / FILE
    ours = json.loads(json.dumps(settings))
    try:
        if file.exists() and not overwrite:
            theirs = json.loads(file.read_text(encoding="utf-8"))
            changed = [
                f"{name} {_told(theirs.get(name))}, now {_told(value)}"
                for name, value in ours.items()
                if theirs.get(name) != value
            ]
            if changed:
                raise PredictError(
                    f"{target}: its results were made with {'; '.join(changed)}: add --overwrite, "
                    "take the old options, or another folder"
                )
            return
        write_bytes(file, json.dumps(ours, indent=2).encode())
    except (OSError, ValueError, AttributeError) as error:
        if isinstance(error, PredictError):
            raise
        reason = getattr(error, "strerror", None) or "its record of settings is damaged"
        raise PredictError(f"{target}: results can't be written there ({reason})") from error


def is_finished(source: Path, files: Iterable[Path]) -> bool:
    """Return whether all results are there and none is older than its source."""
    try:
        made = source.stat().st_mtime
        return all(file.stat().st_mtime >= made for file in files)
    except OSError:
        return False


def _told(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:12] + "…"
