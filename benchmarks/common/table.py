"""Figures as a table for people, and as JSON for programs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table, its columns as wide as they must be."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = [columns]
    for row in rows:
        cells = (row.get(column, "") for column in columns)
        texts = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells]
        table.append(["-" if text == "nan" else text for text in texts])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table if rows else ():
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())
    if rows:
        print()


def finite(value: Any) -> Any:  # noqa: ANN401
    """Return JSON's own: NaN, which it lacks, becomes null."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
