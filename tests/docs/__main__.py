"""How many blocks of each page are run, and how many only parsed: python -m tests.docs."""

from collections import Counter

import click

from tests.docs.blocks import PAGES, ROOT, Kind, blocks_of


def main() -> None:
    """Print a row a page, and why blocks are not run."""
    kinds: tuple[Kind, ...] = ("run", "parsed", "shown")
    whole: Counter[Kind] = Counter()
    why: Counter[str] = Counter()
    for page in PAGES:
        blocks = blocks_of(page)
        counts = Counter(block.kind for block in blocks)
        whole.update(counts)
        why.update(block.not_run for block in blocks if block.not_run)
        told = "".join(f"{counts[kind]:8}" for kind in kinds)
        click.echo(f"{page.relative_to(ROOT).as_posix():32}{told}")
    click.echo(f"{'':32}" + "".join(f"{whole[kind]:8}" for kind in kinds))
    for reason, count in why.most_common():
        click.echo(f"{count:8} {reason}")


if __name__ == "__main__":
    main()
