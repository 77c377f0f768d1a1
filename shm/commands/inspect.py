"""``shm-data inspect``."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from shm.commands.options import OUTPUT, STORE, WholeRange
from shm.commands.speech import print_json, say, say_next, tell, written_out
from shm.commands.topics import TopicCommand, topic

MOST_EVENTS = 8
"""Events of a store's history that are listed, the latest ones."""

UNTOLD = ("at", "event", "software", "void")
"""What the lines of a history have that is not told as the others are, or not at all."""

MOST_NAMED = 3
"""Names of a list in a line of the history."""

MOST_REJECTS = 50
"""Rejects that are listed one by one; ``--json`` has them all."""

if TYPE_CHECKING:
    from shm.datasets.storage.location import Location


TOLD = topic(
    "What is told",
    click.option(
        "--worst",
        metavar="COUNT",
        type=WholeRange(min=0),
        default=10,
        help="How many samples to list by the quality of their alpha, the lowest first.",
    ),
    click.option(
        "--sample",
        metavar="ID",
        show_default="all of them, in sum",
        help="Say all that is known of one sample: of a composite, back to the files of its "
        "person and its background, with their SHA-256, and how it was made of them.",
    ),
    click.option(
        "--datasheet", is_flag=True, help="Write a page about the store, in Markdown, instead."
    ),
)


@click.command(cls=TopicCommand, short_help="Say what is in a store.")
@click.argument("store", type=STORE)
@TOLD
@OUTPUT
def command(
    store: "Location", worst: int, sample: str | None, datasheet: bool, as_json: bool
) -> None:
    """Say what is in STORE: counts, quality, configuration, worst samples, rejects, backgrounds."""
    from shm.workflows.inspect import describe_sample, flatten, inspect_store

    if datasheet:
        if sample is not None or as_json:
            raise click.UsageError("--datasheet is a page of its own: leave the others out")
        from shm.workflows.datasheet import datasheet as page_of

        click.echo(page_of(store), nl=False)
        return
    described = (
        inspect_store(store, worst=worst) if sample is None else describe_sample(store, sample)
    )
    if as_json:
        print_json(described)
        return
    if sample is not None:
        for name, value in flatten(described):
            tell(written_out(f"{name} = {value}"))
        return
    for line in lines(described):
        tell(written_out(line))
    if described["complete"]:
        say_next("shm-data", "report", store)
    else:
        say("next: the command that made it, once more: it carries on")


def lines(described: dict[str, Any]) -> list[str]:
    """Return a description as lines to read."""
    from shm.workflows.inspect import flatten
    from shm.workflows.progress import size_words

    form = f", {described['form']}" if "form" in described else ""
    shards = f"{described['shards']} shard{'s' * (described['shards'] != 1)}"
    unfinished = "" if described["complete"] else " (not finished)"
    splits = ", ".join(f"{name} {count}" for name, count in described["splits"].items())
    total = described["bytes"]  # a web server does not list its files
    size = size_words(total)
    per_sample = size_words(None if total is None else total / max(1, described["samples"]))
    text = [
        f"{described['store']}: {described['kind']}{form}{unfinished}",
        f"  samples    {described['samples']} of {described['groups']} people ({splits})",
        f"  canvas     {described['canvas']} × {described['canvas']} pixels",
        f"  bytes      {size} in {shards}, {per_sample} a sample",
    ]
    text += quality_lines(described["quality"])
    text += worst_lines(described["worst"])
    text += ["  made with"]
    text += [f"    {name} = {value}" for name, value in flatten(described["config"])]
    text += history_lines(described["history"])
    if described["kind"] == "prepared":
        text += [f"  left alone: {name}" for name in described["left_alone"]]
    else:
        text += background_lines(described)
    text += [f"  rejected   {len(described['rejected'])}"]
    return text + rejects(described["rejected"])


def quality_lines(means: dict[str, float]) -> list[str]:
    """Return the mean of each figure a line each, with what it says."""
    from shm.pipeline.quality import MEANINGS

    names = [*(name for name in MEANINGS if name in means), *sorted(means.keys() - MEANINGS)]
    return (["  figures, their means"] if means else []) + [
        f"    {name:<16} {means[name]:<8g} {MEANINGS.get(name, '')}".rstrip() for name in names
    ]


def history_lines(history: list[dict[str, Any]]) -> list[str]:
    """Return the last things that were done to a store a line each."""
    text = ["  history"] if history else []
    for line in history[-MOST_EVENTS:]:
        facts = {name: line[name] for name in line if name not in UNTOLD}
        told = ", ".join(f"{name} {in_short(value)}" for name, value in facts.items())
        software = line.get("software")
        version = software.get("shm-matting") if isinstance(software, dict) else None
        by = f", shm {version}" if version else ""
        text.append(f"    {line['at']}  {line['event']:<8} {told}{by}")
    return text


def in_short(value: object) -> str:
    """Return what a line of the history holds as words; of a list the first few."""
    if not isinstance(value, list):
        return str(value)
    more = f" and {len(value) - MOST_NAMED} more" if len(value) > MOST_NAMED else ""
    return ", ".join(map(str, value[:MOST_NAMED])) + more


def worst_lines(worst: list[dict[str, Any]]) -> list[str]:
    """Return the samples of lowest quality a line each, with the figure that lowers it most."""
    if not worst:
        return []
    return ["  lowest quality"] + [
        f"    {each['quality']:.3f}  {each['id']}"
        + (
            f"  (most of it {each['cause']} {each['figures'][each['cause']]:g})"
            if each["cause"]
            else ""
        )
        for each in worst
    ]


def rejects(found: list[dict[str, Any]]) -> list[str]:
    """Return the first rejects a line each, and how many more there are of each reason."""
    listed, rest = found[:MOST_REJECTS], found[MOST_REJECTS:]
    text = [f"    {reject['source']!r}: {reject['reason']}" for reject in listed]
    reasons = Counter(reject["reason"] for reject in rest)
    return text + [f"    … {count} more: {reason}" for reason, count in reasons.most_common(20)]


def background_lines(described: dict[str, Any]) -> list[str]:
    """Return the backgrounds used, and the reasons why others were not."""
    used = described["backgrounds"]
    text = [f"  backgrounds {len(used)} used"]
    text += [f"    {each['split']:<10} {each['uses']:>4} × {each['source']!r}" for each in used]
    text += [f"  left out   {len(described['left_out'])}"]
    return text + rejects(described["left_out"])
