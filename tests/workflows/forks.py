"""Commands in processes of their own that need not import PyTorch and Dask each by itself.

One process imports once, then forks for every command: a child is a process like any other, with
its own memory, exit code, streams and signals, but is there after milliseconds instead of seconds.
Whoever is to be looked at while it imports is started as a whole instead.
"""

import atexit
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SERVER = """
import atexit, importlib, json, os, runpy, signal, sys, traceback

def console_script(words):
    from shm.cli import data, shm
    sys.argv = words
    {"shm-data": data, "shm": shm}[words[0]]()

def module(words):
    sys.argv = [words[0], *words[2:]]
    runpy.run_module(words[1], run_name="__main__", alter_sys=True)

def command(asked):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    if "SHM_FAULT" in os.environ:  # see tests/faults/hook.py
        os.setsid()
        runpy.run_path(asked["hook"])
    if any(name.startswith("FSSPEC_") for name in os.environ):
        from fsspec import config
        config.set_conf_env(config.conf)  # as it does where it is imported
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(asked[name], os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    (module if asked["words"][0] == "python" else console_script)(asked["words"])

def fork(asked):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        command(asked)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

def end_of(asked):
    child, status = os.waitpid(asked["pid"], 0 if asked["wait"] else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if child else None

for name in sys.argv[1:]:
    importlib.import_module(name)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(fork(asked) if "words" in asked else end_of(asked)), flush=True)
"""

LEAN = (
    *("shm.commands.train", "shm.workflows.train", "torch.utils.tensorboard"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg"),  # for the chart of a run's losses
)
"""What training imports, now or later."""

EVERYTHING = (
    *LEAN,
    *("shm.commands.evaluate", "shm.workflows.evaluate", "shm.workflows.engine", "s3fs"),
    *("shm.commands.predict", "shm.workflows.predict", "av", "scipy.ndimage"),
    *("shm.workflows.prepare", "shm.workflows.composite"),
)

PATIENCE = 300
"""Seconds that a command may take."""

LATE = ("FSSPEC_S3_", "WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_", "GLOO_")
"""How variables begin that are read by a command that runs, not by what it imports."""


class Command:
    """A command that runs."""

    def __init__(self, forks: "Forks", words: Sequence[object], **variables: str) -> None:
        self.words = list(map(str, words))
        self._forks = forks
        self._done: subprocess.CompletedProcess[str] | None = None
        self._folder = Path(tempfile.mkdtemp())
        self._streams = {name: self._folder / name for name in ("stdout", "stderr")}
        for path in self._streams.values():
            path.touch()
        asked: dict[str, object] = {"words": self.words, "cwd": str(Path.cwd())}
        asked["hook"] = str(Path(__file__).parents[1] / "faults" / "hook.py")
        asked["environment"] = {**os.environ, **variables}
        asked |= {name: str(path) for name, path in self._streams.items()}
        pid = forks.ask(asked, self.words)
        assert pid is not None
        self.pid = pid

    @property
    def told(self) -> str:
        """What it has written to standard error so far."""
        if self._done is not None:
            return self._done.stderr
        return self._streams["stderr"].read_text()

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, which is there until it was waited for."""
        if self._done is None:
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        self._end(wait=False)
        return self._done.returncode if self._done else None

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end."""
        self._end(wait=True)
        assert self._done is not None
        return self._done

    def _end(self, *, wait: bool) -> None:
        if self._done is not None:
            return
        code = self._forks.ask({"pid": self.pid, "wait": wait}, self.words)
        if code is not None:
            told = {name: path.read_text() for name, path in self._streams.items()}
            shutil.rmtree(self._folder)
            self._done = subprocess.CompletedProcess(self.words, code, **told)


class Forks:
    """A process that forks, of the environment in which it was started.

    Parameters
    ----------
    modules : sequence of str
        What it imports before it forks.
    first : str
        Code that it runs before that.
    """

    def __init__(self, modules: Sequence[str] = EVERYTHING, first: str = "") -> None:
        pipe = subprocess.PIPE
        words = [sys.executable, "-c", first + SERVER, *modules]
        self._server = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
        atexit.register(self.close)

    def close(self) -> None:
        """End the process, if it is still there."""
        self._server.kill()
        self._server.wait()

    def start(self, words: Sequence[object], **variables: str) -> Command:
        """Start a command of ours, or ``python MODULE``, with variables besides those here."""
        return Command(self, words, **variables)

    def run(self, words: Sequence[object]) -> subprocess.CompletedProcess[str]:
        """Run a command of ours to its end."""
        return self.start(words).wait()

    def ask(self, asked: dict[str, object], words: Sequence[str]) -> int | None:
        """Ask the process for something, and return what it says."""
        server = self._server
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        there, _, _ = select.select([server.stdout], [], [], PATIENCE)
        assert there, f"{' '.join(words)} has not ended after {PATIENCE} seconds"
        said: int | None = json.loads(server.stdout.readline())
        return said


_FORKS: dict[frozenset[tuple[str, str]], Forks] = {}


def forks() -> Forks:
    """Return the process that forks commands of the present environment, which imports may read."""
    own = (
        (name, value)
        for name, value in os.environ.items()
        if name != "PYTEST_CURRENT_TEST" and not name.startswith(LATE)
    )
    environment = frozenset(own)
    if environment not in _FORKS:
        _FORKS[environment] = Forks()
    return _FORKS[environment]


def benchmark(name: str, *options: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a script of ``benchmarks/`` to its end."""
    done = forks().run(["python", f"benchmarks.{name}", *map(str, options)])
    assert done.returncode == code, done.stderr
    return done
