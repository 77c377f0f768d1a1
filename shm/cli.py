"""The commands `shm` and `shm-data`."""

import errno
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from types import MappingProxyType
from typing import IO, Any

import click

from shm import __version__
from shm.pipeline.errors import ShmError
from shm.workflows.terminal import colours

# OpenMP's threads spin while they wait, and take the cores from whoever else has work: two
# trainings side by side on two cores took over 120 s instead of 16. Read when PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

INTERRUPTED = 130
"""Exit code of a process that Ctrl-C ended, as shells have it."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called: `--help` is quick, training lean."""

    def __init__(
        self,
        *,
        topics: Mapping[str, Sequence[str]],
        modules: Mapping[str, str] = MappingProxyType({}),
        **settings: object,
    ) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._topics = topics
        names = chain.from_iterable(topics.values())
        self._modules = {name: modules.get(name, f"shm.commands.{name}") for name in names}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order in which people use them."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command."""
        if cmd_name not in self._modules:
            return None
        command: click.Command = importlib.import_module(self._modules[cmd_name]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by topic."""
        width = max(map(len, self._modules))
        for topic, names in self._topics.items():
            with formatter.section(topic):
                rows = [(f"{name:{width}}", _short(self.get_command(ctx, name))) for name in names]
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of one that is not there say which one may be meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(error.message + self._meant(args[0]), ctx) from error

    def _meant(self, word: str) -> str:
        """Say which command of either program may be meant."""
        own = get_close_matches(word, self._modules, n=1)
        for other in (each for each in (data, shm) if each is not self):
            theirs = get_close_matches(word, other._modules, n=1)  # noqa: SLF001 - of its own kind
            if theirs == [word]:
                return f" That is: {other.name} {word}."
            if theirs and not own:
                return f" Did you mean {other.name} {theirs[0]}?"
        return f" Did you mean {own[0]}?" if own else ""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401
    ) -> click.Context:
        """Read the group's own options."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            raise refused(error) from error

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401
        """Run the program; Ctrl-C while the shell asks for completions is no error."""
        try:
            return super().main(*args, **extra)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; what the user can mend becomes one line and exit code 1."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise refused(error) from error
        except ShmError as error:
            raise refused(click.ClickException(one_line(error))) from error
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            cure = ": free some space, then run the same command to carry on" if full else ""
            raise refused(click.ClickException(one_line(error) + cure)) from error
        except KeyboardInterrupt as stop:
            where = one_line(stop)
            told = f"interrupted {where}".rstrip()
            click.echo(f"\n{told}: run the same command to carry on", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


def _short(command: click.Command | None) -> str:
    return "" if command is None else command.get_short_help_str(limit=80)


class Refusal(click.ClickException):
    """An error in Click's own words, and in red."""

    def __init__(self, error: click.ClickException) -> None:
        super().__init__(error.message)
        self._error = error

    def show(self, file: IO[Any] | None = None) -> None:
        """Write it to standard error, with how the command is used."""
        told = io.StringIO()
        self._error.show(told)
        usage, error, message = told.getvalue().rstrip("\n").rpartition("Error: ")
        text = usage + click.style(error + message, fg="red") if error else message
        click.echo(text, file=file or sys.stderr, color=colours())


class Misuse(Refusal):
    """Wrong usage, which has an exit code of its own."""

    exit_code = click.UsageError.exit_code


def refused(error: click.ClickException) -> Refusal:
    """Return an error as it is shown."""
    return Misuse(error) if isinstance(error, click.UsageError) else Refusal(error)


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks or control characters."""
    words = " ".join(str(error).split())
    return "".join(letter if letter.isprintable() else "�" for letter in words)


SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "show_default": True,
    "max_content_width": 100,
}

data = LazyGroup(
    name="shm-data",
    help="Turn photos and rough masks into a training set for image matting.",
    topics={
        "Make a set": ("sample", "prepare", "composite", "materialise"),
        "Look at it, and give it away": ("inspect", "report", "verify", "export"),
    },
    epilog="All about a command: shm-data prepare --help. What comes next: shm train.",
    context_settings=SETTINGS,
)

shm = LazyGroup(
    name="shm",
    help="Train matting networks on a set that shm-data made, measure them, and use them.",
    topics={
        "Try it": ("demo",),
        "Train, and use what was trained": ("train", "evaluate", "report", "predict", "export"),
        "Type less": ("completion",),
    },
    modules={"export": "shm.commands.export_nets", "report": "shm.commands.report_runs"},
    epilog="All about a command: shm train --help. What comes before: shm-data.",
    context_settings=SETTINGS,
)

for group in (data, shm):
    click.version_option(__version__, prog_name=group.name)(group)
