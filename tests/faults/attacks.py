"""Real commands, and what is done to them while they work."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import psutil

from tests.faults.hook import VARIABLE
from tests.workflows.forks import Command, forks

HERE = Path(__file__).parent

Strike = Callable[[psutil.Process], object]
"""Strikes a command; returns False where there was nothing to strike."""

LONGEST = 180.0
"""Seconds that a command under attack may take."""


@dataclass(frozen=True)
class Moment:
    """A moment of a command's work, and what happens to it there.

    Attributes
    ----------
    event : str
        ``open`` (to write), ``os.rename`` (by the name that the file is given), ``os.remove``, …:
        as Python's audit events are called. It is told of before it happens.
    path : str
        A pattern of the path.
    nth : int
        The how-manieth such event, of all processes of the command together.
    act : str
        ``kill all``, ``kill`` (that process alone), ``interrupt``, ``terminate``, or an error's
        name, as ``ENOSPC``.
    """

    event: str
    path: str
    nth: int = 1
    act: str = "kill all"


class Attack(Protocol):
    """Does something to a command that runs; returns whether it came to it."""

    def __call__(self, command: Command) -> bool: ...


def at(moment: Moment, words: Sequence[object], folder: Path) -> tuple[bool, str]:
    """Run a command into a moment; returns whether it came, and what was told."""
    folder.mkdir(parents=True, exist_ok=True)
    counter = folder / "events"
    counter.unlink(missing_ok=True)
    # A group of its own, whose processes can be killed together, has who has that variable.
    fault = json.dumps(asdict(moment) | {"folder": str(folder)})
    variables = {VARIABLE: fault, "PYTHONPATH": os.pathsep.join([str(HERE / "site"), *_paths()])}
    done = _ended(forks().start(words, **variables))
    came = counter.exists() and counter.stat().st_size >= moment.nth
    return came, done


def after(seconds: float, strike: Strike) -> Attack:
    """Strike once a command has worked for so long."""

    def attack(command: Command) -> bool:
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if command.poll() is not None:
                return False
            time.sleep(0.002)
        try:
            return strike(psutil.Process(command.pid)) is not False
        except (psutil.NoSuchProcess, ProcessLookupError):  # it has ended meanwhile
            return False

    return attack


def under(attack: Attack, words: Sequence[object]) -> tuple[bool, str]:
    """Run a command under an attack; returns whether it was struck, and what it told."""
    command = forks().start(words, **{VARIABLE: ""})
    struck = attack(command)
    return struck, _ended(command)


def kill_all(process: psutil.Process) -> None:
    """SIGKILL the command and all that it started, at once."""
    os.killpg(process.pid, signal.SIGKILL)


def kill_the_command(process: psutil.Process) -> None:
    """SIGKILL the command alone: its workers find out by themselves."""
    process.kill()


def interrupt(process: psutil.Process) -> None:
    """Ctrl-C, which a terminal sends to all processes of a command."""
    os.killpg(process.pid, signal.SIGINT)


def terminate(process: psutil.Process) -> None:
    """SIGTERM, as a batch system sends it to the command."""
    process.terminate()


def kill_a_worker(process: psutil.Process) -> bool:
    """SIGKILL one of its worker processes, and leave the command alone; False where it has none."""
    for each in process.children(recursive=True):
        if "spawn_main" in " ".join(each.cmdline()):
            each.kill()
            return True
    return False


KINDS: dict[str, Strike] = {
    "kill -9, all": kill_all,
    "kill -9, the command": kill_the_command,
    "Ctrl-C": interrupt,
    "SIGTERM": terminate,
    "kill -9, a worker": kill_a_worker,
}
"""What may happen to a command, by the name that tables have for it."""


def wait_for(sign: Path, command: Command) -> None:
    """Wait until a command has made a file."""
    give_up = time.monotonic() + LONGEST
    while not sign.exists():
        assert command.poll() is None, command.told
        assert time.monotonic() < give_up, f"{sign} does not come"
        time.sleep(0.002)


def _ended(command: Command) -> str:
    """Wait for a command and for all of its group; returns what it told."""
    done = command.wait()
    give_up = time.monotonic() + LONGEST
    while _group(command.pid):
        assert time.monotonic() < give_up, "processes of a killed command live on"
        time.sleep(0.01)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def _group(leader: int) -> list[int]:
    """Return the processes of a group that still run."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if (
                process.info["status"] != psutil.STATUS_ZOMBIE
                and os.getpgid(process.info["pid"]) == leader
            ):
                found.append(process.info["pid"])
        except ProcessLookupError:
            continue
    return found


def _paths() -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return [given] if given else []
