"""Options that several commands share."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from shm.commands.topics import topic
from shm.pipeline.errors import ShmError
from shm.workflows.terminal import hushed


class Parse(click.ParamType[Any]):
    """An option whose text a function reads; a `ShmError` becomes wrong usage.

    What `completes` names, ``"dir"`` or ``"file"``, the shell completes.
    """

    def __init__(self, name: str, read: Callable[[str], Any], completes: str = "") -> None:
        self.name = name
        self._read = read
        self._completes = completes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read the option's text."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ShmError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Leave a path to the shell."""
        return [CompletionItem(incomplete, type=self._completes)] if self._completes else []


class Offer(click.ParamType[str]):
    """A text of which some values are known; the shell offers these, else files."""

    def __init__(self, name: str, *known: str) -> None:
        self.name = name
        self._known = known

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the known values that begin so, or leave a path to the shell."""
        found = [CompletionItem(each) for each in self._known if each.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]


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


class WholeRange(click.IntRange):
    """A range of whole numbers, called so where something else was given."""

    name = "whole number"


class FiniteRange(click.FloatRange):
    """A range of numbers in which neither NaN nor infinity lies."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read a number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


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


STORE = Parse("path or url", read_store, completes="dir")
TARGET = Parse("path or url", read_target, completes="dir")
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output."
)


def hush(context: click.Context, _param: click.Parameter, quiet: bool) -> None:
    """Say nothing but errors until the command ends."""
    if quiet:
        context.with_resource(hushed())


QUIET = click.option(
    "--quiet",
    "-q",
    is_flag=True,
    expose_value=False,
    callback=hush,
    help="Say nothing but errors: no progress, no notes, no summary.",
)
OUTPUT = topic("Output", JSON, QUIET)
NONE = "none"
"""What is shown as the default of an option that may be left out."""

DEVICE = click.option(
    "--device",
    type=Offer("name", "auto", "cpu", "cuda", "mps"),
    default="auto",
    help="cpu, cuda (or cuda:1, …), mps, or auto: the best that is there.",
)
SEED = click.option(
    "--seed", metavar="NUMBER", type=WholeRange(min=0), default=0, help="Seed of every choice."
)
OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Delete the store that stands there, and make it anew."
)
MAX_REJECTS = click.option(
    "--max-rejects",
    metavar="COUNT",
    type=WholeRange(min=0),
    default=0,
    help="Inputs that may be rejected: exit with code 1 where more are.",
)
MAX_MEGAPIXELS = click.option(
    "--max-megapixels",
    metavar="MEGAPIXELS",
    type=WholeRange(1, 10_000),
    default=100,
    help="Refuse photos of more megapixels unread: a decompression bomb would fill the memory.",
)


CACHE = topic(
    "Stores at URLs",
    click.option(
        "--cache",
        type=ANY_PATH,
        metavar="FOLDER",
        show_default=NONE,
        help="Keep what is read of a store at a URL in this folder, for the next epoch.",
    ),
    click.option(
        "--cache-gigabytes",
        metavar="GIGABYTES",
        type=FiniteRange(min=0.1),
        default=50.0,
        help="Size that the cache may reach, gigabytes.",
    ),
)


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


CLUSTER = topic(
    "Where it runs",
    click.option(
        "--workers",
        metavar="COUNT",
        type=WholeRange(min=1),
        default=cores,
        show_default="one a core",
        help="Processes on this machine; not with --scheduler, which has its own.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        show_default="this machine",
        help="Run on the Dask cluster at this address (tcp://…), which sees the same folders.",
    ),
)


def cluster_of(options: Mapping[str, Any]) -> Any:  # noqa: ANN401 - imported where it is needed
    """Return where the options have tasks run."""
    from shm.workflows.engine import ClusterConfig

    here = click.get_current_context().get_parameter_source("workers")
    if options["scheduler"] is not None and here == ParameterSource.COMMANDLINE:
        raise click.UsageError("--scheduler has workers of its own: leave --workers out.")
    return ClusterConfig(workers=options["workers"], scheduler=options["scheduler"])
