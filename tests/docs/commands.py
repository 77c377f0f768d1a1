"""Command lines that are not run: each is parsed by the command that it would start."""

import importlib
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import click

from shm.cli import data, shm
from tests.docs.blocks import ROOT, PageError

GROUPS: dict[str, click.Group] = {"shm": shm, "shm-data": data}

OF_THE_SYSTEM = frozenset(
    {
        *("apt", "aws", "bash", "cat", "cd", "cp", "curl", "docker", "export", "git", "ls"),
        *("mkdir", "scp", "source", "srun", "ssh", "unzip"),
    }
)
"""Programs of others, whose options are theirs."""

_ENDS = {"&&", "||", "|", ";", "&"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")


def lines_of(script: str) -> Iterator[list[str]]:
    """Yield the words of each command of a script, without redirections and assignments."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        words: list[str] = []
        skip = False
        for word in lexer:
            if word in _ENDS:
                yield from [words] if words else []
                words = []
            elif skip or word in ("<", ">", ">>"):
                skip = not skip
            elif words or not _ASSIGNMENT.fullmatch(word):
                words.append(word)
        yield from [words] if words else []


def check(words: Sequence[str]) -> None:
    """Raise `PageError` where a command would not understand its words."""
    program, *rest = words
    try:
        if program in CHECKS:
            CHECKS[program](rest)
        elif program not in OF_THE_SYSTEM:
            raise PageError(f"{shlex.join(words)}: nobody knows {program}")
        else:
            ours = [at for at, word in enumerate(rest) if word in GROUPS]
            if ours:  # as behind srun
                check(rest[ours[0] :])
    except click.UsageError as error:
        raise PageError(f"{shlex.join(words)}: {error.format_message()}") from error


def check_script(script: str) -> None:
    """Check each command of a script."""
    for words in lines_of(script):
        check(words)


def _parsed(command: click.Command, words: Sequence[str]) -> None:
    """Parse words as a command does, but for files that are not here."""
    try:
        command.make_context(command.name or "command", list(words)).close()
    except click.exceptions.Exit:  # --help
        return
    except click.BadParameter as error:
        if "does not exist" not in error.message:
            raise


def _ours(program: str) -> Callable[[Sequence[str]], None]:
    def checked(words: Sequence[str]) -> None:
        group = GROUPS[program]
        name, *rest = [*words, ""]
        command = group.get_command(click.Context(group), name)
        if command is None:
            _parsed(group, words)
            if not name.startswith("-"):
                raise PageError(f"{program} has no command {name!r}")
            return
        _parsed(command, rest[:-1])

    return checked


def _torchrun(words: Sequence[str]) -> None:
    from torch.distributed.run import get_args_parser

    cut = list(words).index("--")
    try:
        get_args_parser().parse_args([*words[:cut], "script"])
    except SystemExit as error:
        raise PageError(f"torchrun {shlex.join(words)}: options that it does not have") from error
    check(words[cut + 1 :])


def _python(words: Sequence[str]) -> None:
    if words[0] == "-m":
        name, rest = words[1], words[2:]
        if name in CHECKS:
            CHECKS[name](rest)
            return
    else:
        path = Path(words[0])
        if path.suffix != ".py":
            raise PageError(f"python {shlex.join(words)}: neither -m nor a script")
        name, rest = ".".join(path.with_suffix("").parts), words[1:]
    file = (ROOT / name.replace(".", "/")).with_suffix(".py")
    if not file.is_file() and words[0] == "-m":
        name += ".__main__"
        file = file.with_suffix("") / "__main__.py"
    if not file.is_file():
        raise PageError(f"python {shlex.join(words)}: there is no {file}")
    main = importlib.import_module(name).main
    if isinstance(main, click.Command):
        _parsed(main, rest)
        return
    text = file.read_text()  # argparse: its parser is made as it runs
    for word in rest:
        if word.startswith("--") and f'"{word}"' not in text:
            raise PageError(f"python {shlex.join(words)}: {file.name} has no {word}")


@cache
def make_verbs() -> frozenset[str]:
    """Return the verbs of the Makefile."""
    return frozenset(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _make(words: Sequence[str]) -> None:
    for word in words:
        if not _ASSIGNMENT.fullmatch(word) and word not in make_verbs():
            raise PageError(f"make {word}: no such verb")


@cache
def _project() -> tuple[frozenset[str], frozenset[str]]:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = found["project"]["optional-dependencies"]
    return frozenset(extras), frozenset(found["dependency-groups"])


def _pip(words: Sequence[str]) -> None:
    extras, groups = _project()
    for before, word in zip(("", *words), words, strict=False):
        of_ours = re.fullmatch(r"(?:shm-matting|\.)\[(\w+)\]", word)
        if of_ours and of_ours[1] not in extras:
            raise PageError(f"{word}: there is no such extra")
        if before == "--group" and word not in groups:
            raise PageError(f"--group {word}: there is no such group")


def _pytest(words: Sequence[str]) -> None:
    for word in words:
        if "/" in word and not (ROOT / word.partition("::")[0]).exists():
            raise PageError(f"pytest {word}: there is no such file")


def _dask(words: Sequence[str]) -> None:
    if words[0] not in ("scheduler", "worker"):
        raise PageError(f"dask has no {words[0]}")
    _parsed(importlib.import_module(f"distributed.cli.dask_{words[0]}").main, words[1:])


CHECKS: dict[str, Callable[[Sequence[str]], None]] = {
    **{program: _ours(program) for program in GROUPS},
    "torchrun": _torchrun,
    "python": _python,
    "make": _make,
    "pip": _pip,
    "pytest": _pytest,
    "dask": _dask,
}


# ------------------------------------------------------------------------------ in running text

_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@cache
def options_of(program: str, name: str) -> frozenset[str]:
    """Return the options that a command of ours has; raises `PageError` where there is none."""
    group = GROUPS[program]
    command = group.get_command(click.Context(group), name)
    if command is None:
        raise PageError(f"{program} has no command {name!r}")
    return frozenset(
        option for param in command.params for option in (*param.opts, *param.secondary_opts)
    ) | {"--help"}


@cache
def all_options() -> frozenset[str]:
    """Return the options of all commands of ours, and of the benchmarks."""
    found = {"--version"}
    for program, group in GROUPS.items():
        for name in group.list_commands(click.Context(group)):
            found |= options_of(program, name)
    for file in (ROOT / "benchmarks").glob("*.py"):
        found |= set(re.findall(r'"(--[a-z-]+)"', file.read_text()))
    return frozenset(found)


def spans_of(text: str) -> Iterator[str]:
    """Yield what stands in single backticks."""
    yield from _SPAN.findall(text)


def check_span(span: str) -> None:
    """Raise `PageError` where running text names a command, option, verb or file that isn't."""
    words = span.replace("…", " ").split()
    if not words:
        return
    if words[0] in GROUPS and len(words) > 1 and re.fullmatch(r"[a-z-]+", words[1]):
        known = options_of(words[0], words[1])
        for word in words[2:]:
            if re.match(r"-[-a-z]", word) and word.partition("=")[0] not in known:
                raise PageError(f"`{span}`: {words[0]} {words[1]} has no {word}")
    elif words[0].startswith("--") and words[0] not in all_options():
        raise PageError(f"`{span}`: no command has {words[0]}")
    elif words[0] == "make" and len(words) > 1:
        _make(words[1:])
    elif words[0] == "python" and len(words) > 1:
        check([word for word in words if word])
