"""Real processes on a real terminal, a pseudo-terminal, and what they write there."""

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from typing import Self

PATIENCE = 60
"""Seconds in which a process writes what is waited for."""

PLAIN = {"TERM": "xterm"}
"""A terminal as most are."""


def environment(**variables: str) -> dict[str, str]:
    """Return this process's variables, without those that decide about colours, and some more."""
    own = {name: value for name, value in os.environ.items() if not name.endswith("_COLOR")}
    return own | PLAIN | variables


def code(text: str, *words: object) -> list[str]:
    """Return the command line that runs a piece of Python."""
    return [sys.executable, "-c", text, *map(str, words)]


class Terminal:
    """A process whose three streams are a terminal."""

    def __init__(self, words: Sequence[str], **variables: str) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 100))
        self.process = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(**variables),
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def type(self, text: str) -> None:
        """Type on its keyboard."""
        os.write(self._ours, text.encode())

    def until(self, text: str | None = None) -> str:
        """Return all it has shown when a text is there, or, without one, when it has ended."""
        end = time.monotonic() + PATIENCE
        while text is None or text not in self.shown:
            left = end - time.monotonic()
            assert left > 0, f"not shown within {PATIENCE} seconds: {text!r}; but {self.shown!r}"
            if not select.select([self._ours], [], [], left)[0]:
                continue
            try:
                some = os.read(self._ours, 4096)
            except OSError:  # so ends a terminal that nobody holds any more
                some = b""
            if not some:
                assert text is None, f"ended without {text!r}: {self.shown!r}"
                break
            self.shown += some.decode(errors="replace")
        return self.shown


def on_terminal(words: Sequence[str], **variables: str) -> str:
    """Return what a process shows on a terminal until it ends."""
    with Terminal(words, **variables) as terminal:
        return terminal.until().replace("\r\n", "\n")


def in_file(words: Sequence[str], **variables: str) -> str:
    """Return what a process writes to standard error where that is a file."""
    done = subprocess.run(
        words,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return done.stderr
