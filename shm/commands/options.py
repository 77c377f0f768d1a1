"""Options that several commands share, and the ways in which commands speak."""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from shm.pipeline.errors import ShmError

Parsed = TypeVar("Parsed")
Command = TypeVar("Command", bound=Callable[..., Any])


class Parse(click.ParamType[Any]):
    """An option whose text a function reads; a `ShmError` becomes wrong usage."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read the option's text."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ShmError as error:
            self.fail(str(error), param, ctx)


class LocalPath(click.Path):
    """A path of this machine; a URL is wrong usage."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Refuse what would become a folder called ``https:``, or the one where one stands."""
        if value == "":
            self.fail("an empty name (perhaps of a variable that is not set)", param, ctx)
        if isinstance(value, str) and "://" in value:
            self.fail(f"{value!r} is a URL: this takes a path of this machine", param, ctx)
        return super().convert(value, param, ctx)


class FiniteRange(click.FloatRange):
    """A range of numbers in which neither NaN nor infinity lies."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read a number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


class TopicCommand(click.Command):
    """A command whose help has its options by topic; see `topic`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options without a topic, then each topic's."""
        topics: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                topics.setdefault(_TOPICS.get(id(param), "Options"), []).append(record)
        for name, records in topics.items():
            with formatter.section(name):
                formatter.write_dl(records)


_TOPICS: dict[int, str] = {}
"""Topic of each option that has one, by its identity: Click's options take no attribute more."""


def topic(name: str, *options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return options under a common heading of a `TopicCommand`, as one decorator."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            before = len(getattr(command, "__click_params__", ()))
            command = option(command)
            for each in getattr(command, "__click_params__", ())[before:]:
                _TOPICS[id(each)] = name
        return command

    return add


ANY_PATH = LocalPath()


def read_store(text: str) -> Any:  # noqa: ANN401 - imported where it is needed
    """Read where a store is: a folder, or a URL."""
    from shm.datasets.storage.location import locate

    return locate(named(text))


def named(text: str) -> str:
    """Return a name; raises `BadParameter` where it is empty, as that of a variable not set is."""
    if not text:
        raise click.BadParameter("an empty name (perhaps of a variable that is not set)")
    return text


def read_target(text: str) -> Any:  # noqa: ANN401 - imported where it is needed
    """Read where a store is to be written: a folder, or a URL that can be written to."""
    from shm.datasets.group import require_writable
    from shm.datasets.storage.location import locate

    place = locate(named(text))
    require_writable(place)
    return place


STORE = Parse("path or url", read_store)
TARGET = Parse("path or url", read_target)
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output."
)
SEED = click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of every choice.")
OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Delete the store that stands there and make it anew."
)
MAX_REJECTS = click.option(
    "--max-rejects",
    type=click.IntRange(min=0),
    default=0,
    help="Exit with code 1 where more inputs than this were rejected.",
)
MAX_MEGAPIXELS = click.option(
    "--max-megapixels",
    type=click.IntRange(1, 10_000),
    default=100,
    help="Refuse larger photos unread: a decompression bomb would fill the memory.",
)


def cache_options(command: Command) -> Command:
    """Add ``--cache`` and ``--cache-gigabytes``."""
    command = click.option(
        "--cache-gigabytes",
        type=FiniteRange(min=0.1),
        default=50.0,
        help="Size that the cache may reach.",
    )(command)
    return click.option(
        "--cache",
        type=ANY_PATH,
        metavar="FOLDER",
        help="Keep what is read of a store at a URL in this folder, for the next epoch.",
    )(command)


def cache_of(options: Mapping[str, Any]) -> Any:  # noqa: ANN401 - imported where it is needed
    """Return the cache that the options ask for."""
    from shm.datasets.storage.cached import CacheConfig

    if options["cache"] is None:
        return None
    return CacheConfig(folder=options["cache"], limit=int(options["cache_gigabytes"] * 1e9))


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cluster_options(command: Command) -> Command:
    """Add ``--workers`` and ``--scheduler``."""
    command = click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Run on the Dask cluster at this address (tcp://…), which sees the same folders, "
        "instead of on this machine.",
    )(command)
    return click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=cores,
        show_default="one a core",
        help="Processes on this machine.",
    )(command)


def print_json(value: object) -> None:
    """Print one JSON object on standard output."""
    text = json.dumps(finite(value), indent=2, ensure_ascii=False, default=str)
    # A file's name may be no text, or move the cursor: such letters are told by their numbers.
    click.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def finite(value: Any) -> Any:  # noqa: ANN401 - anything that JSON can hold
    """Return the value with None in the place of NaN and infinity, which JSON has no words for."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def say(text: str = "") -> None:
    """Tell a person something, on standard error."""
    click.echo(shown(text), err=True)


def tell(text: str) -> None:
    """Tell a person what was asked for, on standard output."""
    click.echo(shown(text))


def shown(text: str) -> str:
    """Return text whose control characters, as names of files may hold them, are written out.

    A terminal would obey them: move the cursor, recolour, retitle, even answer. Line breaks stay:
    where a name stands in a text, `written_out` takes them out of it.
    """
    return "\n".join(map(written_out, text.split("\n")))


def written_out(text: object) -> str:
    """Return a name or a reason as text of one line that a terminal only shows."""
    from shm.datasets.tree import printable

    return printable(str(text))


def tell_outcome(outcome: Any, max_rejects: int, *, as_json: bool, what: str, then: str) -> None:  # noqa: ANN401
    """Tell what became of the inputs and what to run next; exit 1 where too many were rejected."""
    if as_json:
        print_json(outcome.as_json())
    else:
        for reject in outcome.rejected:
            say(written_out(f"  rejected {reject['source']!r}: {reject['reason']}"))
        for name in outcome.left_alone:
            say(written_out(f"  left alone: {name}"))
        for name in outcome.redone:
            say(written_out(f"  changed or marked since, made again: {name}"))
        count = len(outcome.rejected)
        say(f"{outcome.store}: {outcome.accepted} {what} accepted, {count} rejected")
        if outcome.accepted:
            say(f"next: {then}")
    if outcome.failures > max_rejects:
        raise click.exceptions.Exit(1)
