"""A store given back as files."""

import json
from pathlib import Path

from shm.datasets.files import remove_partials, write_bytes, write_png
from shm.datasets.opening import open_samples
from shm.datasets.storage.location import Location
from shm.pipeline.errors import ShmError
from shm.workflows.lock import INSIDE, locked
from shm.workflows.progress import progress

NOTE = ".shm-export.json"
"""Name of the file that says which export a folder holds."""


class ExportError(ShmError, FileExistsError):
    """The target holds something else, or a sample has no name that a file may have."""


def export_store(path: Location, target: Path, split: str | None = None) -> int:
    """Write ``target/{image,alpha,trimap,foreground,…}/ID.png``, each at the sample's own size.

    Each file appears whole. A note in the folder says what is exported there, so that no other
    file is ever overwritten; the same export may be run again.

    Returns
    -------
    int
        The number of samples.

    Raises
    ------
    ExportError
        The folder holds other files, or another export, or an id is no file's name.
    """
    store = open_samples(path)
    slots = store.slots_in(split).tolist()
    about = json.dumps({"store": store.identity(), "split": split}).encode()
    with locked(target, "shm-data export", inside=True):
        remove_partials(target, deep=False)  # of the note, perhaps
        _require_own(target, about)
        write_bytes(target / NOTE, about)
        remove_partials(target)
        with progress("export", len(slots), "sample") as bar:
            for slot in slots:
                record = store.record(slot)
                for name, array in store.read(slot, record).items():
                    write_png(target / name / f"{record['id']}.png", array)
                bar.advance()
    return len(slots)


def _require_own(target: Path, about: bytes) -> None:
    """Raise `ExportError` where a folder holds what no earlier run of this export wrote."""
    others = any(each.name != INSIDE for each in target.iterdir())
    note = target / NOTE
    if others and not (note.is_file() and note.read_bytes() == about):
        raise ExportError(f"{target} holds other files: name a new or an empty folder")
