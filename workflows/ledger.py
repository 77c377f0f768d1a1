"""What was done to a store, when, and by which version: ``ledger.jsonl`` in it, a line an event.

It is the store's history and no part of its bytes: two stores of the same samples were made at
different times. Only the command writes it, never a worker. A line that a kill cut short counts for
nothing; without the file nothing is lost but the history.
"""

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shm.datasets.files import Signature
from shm.datasets.storage.location import Location
from shm.datasets.storage.opening import open_storage

FILE = "ledger.jsonl"

PAUSE = 30.0
"""Seconds between two uploads of a ledger that lies elsewhere."""

Signatures = dict[str, Signature]
"""Of each file that something was made from, by its path in the corpus."""


class Ledger:
    """The history of a store that is being written."""

    def __init__(self, store: Location) -> None:
        self._store, self._path = store, store / FILE
        self._storage = open_storage(store)
        # An object can't be added to: what is there is kept, to be uploaded with what comes.
        far = not isinstance(self._path, Path)
        self._content = (self._storage.read(FILE) or b"") if far else b""
        self._kept = time.monotonic()

    def add(self, event: str, **facts: object) -> None:
        """Write that something happened."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"at": now, "event": event, **facts}).encode() + b"\n"
        if isinstance(self._path, Path):
            _append(self._path, line)
            return
        self._content += line
        if event != "shard" or time.monotonic() - self._kept > PAUSE:
            self._storage.write(FILE, self._content)
            self._kept = time.monotonic()

    def begin(self, command: str, software: Mapping[str, str], config: object) -> None:
        """Write that a command begins."""
        who = {"host": socket.gethostname(), "pid": os.getpid()}
        self.add("begin", command=command, **who, software=dict(software), config=config)

    def signatures(self) -> Signatures:
        """Return what the files were like that the store was made from, by their paths."""
        found: Signatures = {}
        for line in read_ledger(self._store):
            files = line.get("files")
            if isinstance(files, dict):
                found |= {name: (each[0], each[1]) for name, each in files.items()}
        return found


def read_ledger(store: Location) -> Iterator[dict[str, Any]]:
    """Yield the events of a store's history, the first one first."""
    for text in (open_storage(store).read(FILE) or b"").splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # as a kill leaves it
            continue
        if isinstance(line, dict) and isinstance(line.get("event"), str):
            yield line


def _append(path: Path, line: bytes) -> None:
    with path.open("ab+") as file:
        if file.tell():  # a kill may have cut the last line short
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line)
