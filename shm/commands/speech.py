"""The ways in which commands speak: to people on standard error, what was asked for on output."""

import json
import math
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from shm.workflows.terminal import colours, is_quiet


def say(text: str = "", *, colour: str | None = None) -> None:
    """Tell a person something, on standard error, unless told to be quiet."""
    if not is_quiet():
        complain(text, colour=colour)


def say_next(*words: object) -> None:
    """Tell a person which command comes next; a word in capitals is theirs to fill in."""
    if not is_quiet():
        _write(click.style("next:", bold=True) + " " + shown(shlex.join(map(str, words))))


def complain(text: str, *, colour: str | None = "red") -> None:
    """Tell a person what is wrong, on standard error, however quiet it is to be."""
    _write(click.style(shown(text), fg=colour) if colour else shown(text))


def _write(text: str) -> None:
    from shm.workflows.progress import aside

    with aside():
        click.echo(text, err=True, color=colours())


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


ALIKE = 5
"""Rejects of one reason that are told one by one; of more, the first few are named."""


def reject_lines(rejects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each reject, or one for many that have the same reason."""
    files: dict[str, list[str]] = {}
    for reject in rejects:
        files.setdefault(reject["reason"], []).append(reject["source"])
    for reason, names in files.items():
        if len(names) <= ALIKE:
            yield from (written_out(f"  rejected {name!r}: {reason}") for name in names)
            continue
        shown = ", ".join(repr(name) for name in names[:3])
        more = f"{shown} and {len(names) - 3} more (inspect lists them)"
        yield written_out(f"  rejected {len(names)} for one reason, {reason}: {more}")


def tell_outcome(
    outcome: Any,  # noqa: ANN401
    max_rejects: int,
    *,
    as_json: bool,
    what: str,
    then: tuple[object, ...],
) -> None:
    """Tell what became of the inputs and what to run next; exit 1 where too many were rejected."""
    too_many = outcome.failures > max_rejects
    if as_json:
        print_json(outcome.as_json())
    else:
        for line in reject_lines(outcome.rejected):
            say(line, colour="yellow")
        for name in outcome.left_alone:
            say(written_out(f"  left alone: {name}"))
        for name in outcome.redone:
            say(written_out(f"  changed, marked or marked no more, made again: {name}"))
        count = len(outcome.rejected)
        say(f"{outcome.store}: {outcome.accepted} {what} accepted, {count} rejected")
        if too_many:
            cure = f", or give --max-rejects {outcome.failures}" if outcome.accepted else ""
            complain(
                f"{outcome.failures} rejected, more than --max-rejects {max_rejects}: mend these "
                f"and run it again{cure}",
                colour="yellow",
            )
        if outcome.accepted:
            say_next(*then)
    if too_many:
        raise click.exceptions.Exit(1)
