"""What was done to a store, when, and by which version: ``ledger.jsonl`` in it, a line an event.

It is the store's history and no part of its bytes: two stores of the same samples were made at
different times. Only the command writes it, never a worker. A line that a kill cut short counts for
nothing; what the file does not tell of photos is found out by reading them again.
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

PAUSE, UPLOADED = 30.0, 1e5
"""Seconds between two uploads of a ledger that lies elsewhere, more where it has more bytes than so
many a second: what was not uploaded yet when a command is killed is found out again."""

Signatures = dict[str, Signature]
"""Of each file that something was made from, by its path in the corpus."""


_NEEDED = ("at", "event")


class Ledger:
    """The history of a store that is being written."""

    def __init__(self, store: Location) -> None:
        self._store, self._path = store, store / FILE
        self._storage = open_storage(store)
        # An object can't be added to: what is there is kept, to be uploaded with what comes.
        far = not isinstance(self._path, Path)
        self._lines = [self._storage.read(FILE) or b""] if far else []
        self._next = 0.0
        self.written = False
        """Whether something was done."""

    def add(self, event: str, **facts: object) -> None:
        """Write that something happened."""
        self.written = True
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"at": now, "event": event, **facts}).encode() + b"\n"
        if isinstance(self._path, Path):
            _append(self._path, line)
            return
        self._lines.append(line)
        if event != "shard" or time.monotonic() > self._next:
            content = b"".join(self._lines)
            self._lines = [content]
            self._storage.write(FILE, content)
            self._next = time.monotonic() + max(PAUSE, len(content) / UPLOADED)

    def begin(self, command: str, software: Mapping[str, str], config: object) -> None:
        """Write that a command begins."""
        who = {"host": socket.gethostname(), "pid": os.getpid()}
        self.add("begin", command=command, **who, software=dict(software), config=config)

    def signatures(self) -> Signatures:
        """Return what the files were like that the store was made from, by their paths.

        Of a shard that was begun anew nothing is known until it was told: a worker may have written
        it when its command was killed.
        """
        found: Signatures = {}
        for line in read_ledger(self._store):
            void = line.get("void")
            for name in void if isinstance(void, list) else ():
                found.pop(str(name), None)
            files = line.get("files")
            for name, each in files.items() if isinstance(files, dict) else ():
                if isinstance(each, list) and len(each) == 2:
                    found[name] = (each[0], each[1])
        return found


def read_ledger(store: Location) -> Iterator[dict[str, Any]]:
    """Yield the events of a store's history, the first one first."""
    for text in (open_storage(store).read(FILE) or b"").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):  # as a kill leaves it, or somebody else
            continue
        if isinstance(line, dict) and all(isinstance(line.get(each), str) for each in _NEEDED):
            yield line


def _append(path: Path, line: bytes) -> None:
    with path.open("ab+") as file:
        if file.tell():  # a kill may have cut the last line short
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line)
