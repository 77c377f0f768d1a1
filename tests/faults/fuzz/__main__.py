"""Fuzzes what reads others' files: ``python -m tests.faults.fuzz TARGET --seconds 600``.

Needs `atheris` (``pip install --group fuzz``). What covers more code is kept in the corpus, so that
the next run goes on from there; the folder may be deleted at any time.
"""

import struct
import subprocess
import sys
import time
from pathlib import Path

import click

from tests.faults.fuzz.targets import NAMES

DEATHS = 20
"""How often the process of a target may die before it is given up."""


@click.command()
@click.argument("names", metavar="TARGET...", nargs=-1, type=click.Choice([*NAMES, "all"]))
@click.option("--seconds", type=click.IntRange(min=1), default=60, help="For all targets together.")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    default=Path("build/fuzz"),
    help="Folder of the inputs that cover more, and of the findings.",
)
def main(names: tuple[str, ...], seconds: int, corpus: Path) -> None:
    """Feed a target, or all one after the other, with what an attacker might write."""
    chosen = NAMES if "all" in names else tuple(dict.fromkeys(names))
    if not chosen:
        raise click.UsageError("name a target, or all")
    findings = corpus.resolve() / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    click.echo(f"{'target':20}{'inputs':>10}{'seconds':>9}{'findings':>9}")
    for name in chosen:
        there = set(findings.iterdir())
        started = time.monotonic()
        inputs = fuzz(name, seconds / len(chosen), corpus.resolve() / name, findings)
        new = {path for path in set(findings.iterdir()) - there if path.suffix != ".txt"}
        taken = time.monotonic() - started
        click.echo(f"{name:20}{inputs:10}{taken:9.0f}{len(new):9}")
    new = {path for path in set(findings.iterdir()) - before if path.suffix != ".txt"}
    for path in sorted(new):
        click.echo(path)
    if new:
        raise click.exceptions.Exit(1)


def fuzz(name: str, seconds: float, corpus: Path, findings: Path) -> int:
    """Fuzz a target until its time is over, however often it dies; return how many inputs ran."""
    corpus.mkdir(parents=True, exist_ok=True)
    counter = corpus.with_suffix(".count")
    counter.write_bytes(bytes(8))
    until = time.time() + seconds
    with corpus.with_suffix(".log").open("wb") as log:
        for _ in range(DEATHS):
            if until - time.time() < 1:
                break
            arguments = [name, str(until), str(corpus), str(findings), str(counter)]
            command = [sys.executable, "-m", "tests.faults.fuzz.guided", *arguments]
            subprocess.run(command, stdout=log, stderr=log, check=False)
    inputs: int = struct.unpack("<Q", counter.read_bytes())[0]
    return inputs


if __name__ == "__main__":
    main()
