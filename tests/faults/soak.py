"""Kill every command many times over, and compare what comes of it: ``make soak``.

Half of the kills come at the moments of ``moments.py``, half at random times; of those that were
killed, each third is killed once more before it may end. Bounded in number and in time; prints what
was done as a table, and ends with code 1 where a result differed.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.faults.attacks import KINDS, after, at, under
from tests.faults.chain import CHAIN, PREDICT, Attacked, write_chain
from tests.faults.moments import MOMENTS
from tests.workflows.corpora import Options, run

SOAKED = (*CHAIN, PREDICT)


@dataclass
class Tally:
    """What was done to the commands, and what came of it.

    `differing` are results that are not the undisturbed ones, `noisy` commands that did not die
    in a line.
    """

    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)
    noisy: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Return a row for each command and kind or moment, in Markdown."""
        rows = ["| command | killed | times | ended before |", "| --- | --- | --- | --- |"]
        for name, kind in sorted({*self.struck, *self.missed}):
            key = (name, kind)
            rows.append(f"| {name} | {kind} | {self.struck[key]} | {self.missed[key]} |")
        total, differing = self.struck.total(), len(self.differing)
        noise = len(self.noisy)
        rows.append(f"\n{total} kills: {differing} results differ, {noise} died with a traceback")
        return "\n".join([*rows, *self.differing, *self.noisy])


def plan(chance: random.Random) -> Iterator[tuple[Attacked, str]]:
    """Yield attacks without end: each command in turn, its moments and the kinds of kills."""
    moments = {each: list(MOMENTS[each]) for each in SOAKED}
    while True:
        for each in SOAKED:
            kinds = [kind for kind in KINDS if each.dask or "worker" not in kind]
            pool = moments[each] or list(MOMENTS[each])
            moments[each] = pool
            yield each, pool.pop(chance.randrange(len(pool)))
            yield each, chance.choice(kinds)


def strike(
    attacked: Attacked, kind: str, words: Options, *, seconds: float, folder: Path
) -> tuple[bool, str]:
    """Run a command into an attack; returns whether it was struck, and what it told."""
    if kind in MOMENTS[attacked]:
        return at(MOMENTS[attacked][kind], words, folder)
    return under(after(seconds, KINDS[kind]), words)


def soak(kills: int, limit: float, seed: int, workers: int) -> Tally:
    """Attack until there were so many kills, or the time is up."""
    chance = random.Random(seed)
    tally = Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = write_chain(Path(name) / "chain", "--workers", workers, names=SOAKED)
        lasts: dict[Attacked, float] = {}
        for each, kind in plan(chance):
            if tally.struck.total() >= kills or time.monotonic() - began > limit:
                return tally
            out = Path(name) / "out" / each.result
            shutil.rmtree(out.parent, ignore_errors=True)
            out.parent.mkdir()
            dask = ("--workers", workers) if each.dask else ()
            words = (*each.words(folder, out), *dask)
            if each not in lasts:
                start = time.monotonic()
                run(*words)
                lasts[each] = time.monotonic() - start
                shutil.rmtree(out)
            for again in range(2):
                seconds = chance.random() * lasts[each]
                event = Path(name) / "event"
                try:
                    struck, _ = strike(each, kind, words, seconds=seconds, folder=event)
                except AssertionError as error:
                    tally.noisy.append(f"{each.name}, {kind}: {error}")
                    struck = True
                (tally.struck if struck else tally.missed)[each.name, kind] += 1
                if again or not struck or chance.random() > 1 / 3:
                    break
            run(*words)
            if not each.is_same(folder, out):
                tally.differing.append(f"{each.name}, {kind}: differs")
            click.echo(f"{tally.struck.total():4} {each.name}: {kind}", err=True)
    return tally


def main() -> None:
    """Read the command line, and soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    tally = soak(options.kills, options.minutes * 60, options.seed, options.workers)
    click.echo(tally.table())
    sys.exit(bool(tally.differing or tally.noisy))


if __name__ == "__main__":
    main()
