"""Completion in a real bash, as somebody types."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from shm.cli import shm
from tests.terminals import Terminal, code, in_file

PROGRAM = """#!{python}
from shm.cli import {function}
{function}(prog_name="{name}")
"""


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Terminal]:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, function in (("shm", "shm"), ("shm-data", "data")):
        program = programs / name
        text = PROGRAM.format(python=sys.executable, function=function, name=name)
        program.write_text(text)
        program.chmod(0o755)
    (tmp_path / "photos").mkdir()
    words = ["bash", "--norc", "--noprofile", "-i"]
    path = f"{programs}:{os.environ['PATH']}"
    with Terminal(words, PATH=path, PS1="$ ", INPUTRC="/dev/null") as terminal:
        terminal.type(f'cd {tmp_path}; eval "$(shm completion bash)"; echo rea""dy\n')
        terminal.until("ready")
        yield terminal


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_options_choices_and_paths(bash: Terminal) -> None:
    for typed, completed in (
        ("shm ev", "shm evaluate "),
        ("shm-data mat", "shm-data materialise "),
        ("shm-data prepare --ref", "shm-data prepare --refine "),
        ("shm-data prepare --refine closed", "shm-data prepare --refine closed-form "),
        ("shm train --phase end", "shm train --phase end-to-end "),
        ("shm train --preset pap", "shm train --preset paper "),
        ("shm-data prepare pho", "shm-data prepare photos/"),
        ("shm-data inspect pho", "shm-data inspect photos/"),
        ("shm predict pho", "shm predict photos/"),
    ):
        bash.shown = ""
        bash.type(typed + "\t")
        assert completed in bash.until(completed)
        bash.type("\x15")  # Ctrl-U: the line is empty again


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_for_both_programs(shell: str) -> None:
    done = CliRunner().invoke(shm, ["completion", shell], catch_exceptions=False)
    assert "_SHM_COMPLETE" in done.stdout
    assert "_SHM_DATA_COMPLETE" in done.stdout


@pytest.mark.parametrize("words", ["shm ", "shm train --p", "shm predict --mode "])
def test_completing_does_not_wait_for_pytorch(words: str) -> None:
    asked = """
import atexit, sys
heavy = {"torch", "zarr", "dask", "cv2"}
atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))
from shm.cli import shm
shm(prog_name="shm")
"""
    variables = {"_SHM_COMPLETE": "bash_complete", "COMP_WORDS": words}
    count = str(len(words.split(" ")) - 1)
    assert in_file(code(asked), **variables, COMP_CWORD=count) == "[]\n"


INTERRUPTED = """
import os, signal
from click.shell_completion import BashComplete
from shm.cli import shm
BashComplete.get_completion_args = lambda self: os.kill(os.getpid(), signal.SIGINT)
shm(prog_name="shm")
"""


def test_ctrl_c_while_the_shell_asks_for_completions_says_nothing() -> None:
    assert in_file(code(INTERRUPTED), _SHM_COMPLETE="bash_complete") == ""
