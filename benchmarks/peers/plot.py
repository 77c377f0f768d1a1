"""The table as bars: crops a second, processor's time, first batch, bytes and memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

PANELS = {
    "a second": "ready crops a second",
    "cpu ms": "processor's ms a crop",
    "first s": "seconds to the first batch",
    "kB": "kB a sample on disk",
    "MB": "MB of memory",
}
BAR = 0.38


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw a panel a figure, a bar a contender and number of workers."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(row["contender"] for row in rows))
    counts = sorted({row["workers"] for row in rows})
    figure, panels = plt.subplots(1, len(PANELS), sharey=True, figsize=(16, 1 + 0.5 * len(names)))
    for panel, (column, title) in zip(panels, PANELS.items(), strict=True):
        for at, count in enumerate(counts):
            some = [row for row in rows if row["workers"] == count]
            places = [names.index(row["contender"]) + at * BAR for row in some]
            values = [row[column] for row in some]
            spread = [
                [row["a second"] - row["least"] for row in some],
                [row["most"] - row["a second"] for row in some],
            ]
            panel.barh(
                places,
                values,
                height=BAR,
                color=f"C{at}",
                xerr=spread if column == "a second" else None,
                label=f"{count} worker{'s' * (count > 1)}",
            )
        panel.set_title(title, fontsize=10)
        panel.set_yticks([place + BAR * (len(counts) - 1) / 2 for place in range(len(names))])
        panel.set_yticklabels(names)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
