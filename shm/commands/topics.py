"""Commands whose help has its options by topic."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class TopicCommand(click.Command):
    """A command whose help has its options by topic; see `topic`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each topic's options, then those without a topic."""
        topics: dict[str, list[tuple[str, str]]] = {}
        rest: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                name = topic_of(param)
                (rest if name is None else topics.setdefault(name, [])).append(record)
        for name, records in (*topics.items(), ("Options", rest)):
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


def topic_of(option: click.Option) -> str | None:
    """Return the topic under which an option stands in the help."""
    return _TOPICS.get(id(option))
