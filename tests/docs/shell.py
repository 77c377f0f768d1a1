"""Shell blocks, run by a shell: `shm` and `shm-data` in it are forks of a process that is warm."""

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.workflows.forks import forks

SHIM = """#!{python} -SE
import json, os, socket, sys
name = os.path.basename(sys.argv[0])
words = [name, *sys.argv[1:]]
script = words[1] if len(words) > 1 else ""
if name == "python" and not (script.endswith(".py") and os.path.exists(script)):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect({socket!r})
    asked = {{"words": words, "cwd": os.getcwd(), "variables": dict(os.environ)}}
    asking.sendall(json.dumps(asked).encode())
    asking.shutdown(socket.SHUT_WR)
    with asking.makefile() as answer:
        said = json.load(answer)
sys.stdout.write(said["stdout"])
sys.stderr.write(said["stderr"])
sys.exit(said["code"])
"""

TOO_LONG = 120
"""Seconds that a block may take."""

Changed = Callable[[list[str]], Sequence[object]]


class Asked(socketserver.StreamRequestHandler):
    """Runs one command for a shell."""

    changed: Changed

    def handle(self) -> None:
        """Read the words, run them, and answer with what the command said."""
        asked: dict[str, Any] = json.load(self.rfile)
        words = [str(word) for word in type(self).changed(asked["words"])]
        if words[0] == "python":
            words[1] = words[1].removesuffix(".py")
        # Forks start where this process stands, and so does the shell.
        assert Path(asked["cwd"]) == Path.cwd(), f"a block has left its folder: {asked['cwd']}"
        done = forks().start(words, **asked["variables"]).wait()
        said = {"stdout": done.stdout, "stderr": done.stderr, "code": done.returncode}
        self.wfile.write(json.dumps(said).encode())


@contextmanager
def shell(folder: Path, changed: Changed) -> Iterator[Callable[..., str]]:
    """Give a function that runs a script in the present folder and returns its standard output.

    Parameters
    ----------
    folder : Path
        For the programs `shm`, `shm-data` and `python`.
    changed : callable
        Returns the words that a command is really called with.
    """
    address = str(folder / "s")
    for name in ("shm", "shm-data", "python"):
        program = folder / name
        program.write_text(SHIM.format(python=sys.executable, socket=address))
        program.chmod(0o755)
    handler = type("Handler", (Asked,), {"changed": staticmethod(changed)})
    server = socketserver.UnixStreamServer(address, handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def run(script: str, **variables: str) -> str:
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=os.environ | variables | {"PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TOO_LONG,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    try:
        yield run
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
