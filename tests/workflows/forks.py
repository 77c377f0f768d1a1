"""Commands in processes of their own that need not import PyTorch and Dask each by itself.

One process imports once, then forks for every command: a child is a process like any other, with
its own memory, exit code and streams, but is there after milliseconds instead of seconds. Whoever
is to be killed, interrupted or looked at while it imports is started as a whole instead.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SERVER = """
import atexit, importlib, json, os, signal, sys, traceback
from shm.cli import data, shm

for module in ("shm.workflows.train", "shm.workflows.engine", "torch.utils.tensorboard"):
    importlib.import_module(module)

def command(asked):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(asked["cwd"])
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(asked[name], os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.argv = asked["words"]
    {"shm-data": data, "shm": shm}[asked["words"][0]]()

for line in sys.stdin:
    child = os.fork()
    if not child:
        code = 1
        try:
            command(json.loads(line))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


PATIENCE = 300
"""Seconds that a command may take."""


class Forks:
    """A process that forks, of the environment in which it was started."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        words = [sys.executable, "-c", SERVER]
        self._server = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
        atexit.register(self._server.kill)

    def run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command of ours to its end."""
        server = self._server
        assert server.stdin is not None
        assert server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            streams = {name: Path(folder) / name for name in ("stdout", "stderr")}
            for path in streams.values():
                path.touch()
            asked: dict[str, Any] = {"words": words, "cwd": str(Path.cwd())}
            asked |= {name: str(path) for name, path in streams.items()}
            server.stdin.write(json.dumps(asked) + "\n")
            server.stdin.flush()
            there, _, _ = select.select([server.stdout], [], [], PATIENCE)
            assert there, f"{' '.join(words)} has not ended after {PATIENCE} seconds"
            code = int(server.stdout.readline())
            told = {name: path.read_text() for name, path in streams.items()}
        return subprocess.CompletedProcess(words, code, told["stdout"], told["stderr"])


_FORKS: dict[frozenset[tuple[str, str]], Forks] = {}


def forks() -> Forks:
    """Return the process that forks commands of the present environment, which imports may read."""
    own = ((name, value) for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST")
    environment = frozenset(own)
    if environment not in _FORKS:
        _FORKS[environment] = Forks()
    return _FORKS[environment]
