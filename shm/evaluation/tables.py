"""Figures as CSV, to keep and compare, and as Markdown, to read and publish."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from shm.evaluation.bootstrap import FEWEST_GROUPS, Interval
from shm.evaluation.comparison import Comparison, ComparisonError
from shm.evaluation.scored import METRICS, REGIONS, Scored
from shm.evaluation.summary import Summary
from shm.metrics.convention import CONVENTIONS, PUBLISHED
from shm.metrics.trimap import Confusion, intersection_over_union
from shm.pipeline.values import TrimapClass

HEADINGS = {"sad": "SAD", "mse": "MSE × 10³", "mad": "MAD × 10³", "grad": "Grad", "conn": "Conn"}
SCALES = {"mse": 1000.0, "mad": 1000.0}


def to_csv(scored: Mapping[str, Sequence[Scored]]) -> str:
    """Return a table with a line for each method and image."""
    text = io.StringIO(newline="")
    rows = [{"method": name, **each.flat()} for name, found in scored.items() for each in found]
    writer = csv.DictWriter(text, rows[0].keys() if rows else ["method"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_csv(path: Path) -> dict[str, list[Scored]]:
    """Read what `to_csv` wrote: by method.

    Raises
    ------
    ComparisonError
        The file can't be read, or is another table.
    """
    found: dict[str, list[Scored]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, strict=True):
                found.setdefault(row["method"], []).append(_scored(row))
    except OSError as error:
        raise ComparisonError(f"{path}: {error.strerror or error}") from error
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        raise ComparisonError(f"{path}: not a table of `shm evaluate --csv`") from error
    if not found:
        raise ComparisonError(f"{path}: no figures in it")
    return found


def _scored(row: Mapping[str, str]) -> Scored:
    return Scored(
        id=row["id"],
        group=row["group"],
        pixels={region: int(row[f"{region}_pixels"]) for region in REGIONS},
        figures={
            region: {metric: float(row[f"{region}_{metric}"]) for metric in METRICS}
            for region in REGIONS
        },
    )


def to_markdown(summaries: Mapping[str, Summary]) -> str:
    """Return a table for each normalisation that says which one it is, a row a method.

    Figures are means; in brackets their 95 % bootstrap interval over people, where there are enough
    of them.
    """
    first = next(iter(summaries.values()))
    of = f"{first.images} images of {first.groups} people or scenes"
    parts = [f"{of}; means{about_interval(first.groups)}."]
    meanings = {"whole": "whole image", "unknown": "unknown region"}
    for region in REGIONS:
        about = f"{meanings[region]}; SAD, Grad and Conn ÷ 1000, MSE and MAD means"
        parts.append(_table(about, METRICS, {n: s.regions[region] for n, s in summaries.items()}))
    names = {"dim": "Deep Image Matting", "shm": "Semantic Human Matting"}
    for convention, rule in CONVENTIONS.items():
        found = {name: each.conventions[convention] for name, each in summaries.items()}
        # Its sums are per pixel: as small as the means beside them, and printed × 10³ like them.
        thousands = frozenset(PUBLISHED) if rule.per_pixel else frozenset()
        about = f"as in {names[convention]} ({rule.meaning})"
        parts.append(_table(about, PUBLISHED, found, thousands))
    parts.extend(
        _trimaps(each.confusion) for each in summaries.values() if each.confusion is not None
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(
    about: str,
    metrics: Sequence[str],
    rows: Mapping[str, Mapping[str, Interval]],
    thousands: frozenset[str] = frozenset(),
) -> str:
    """Return a table under its title; nothing where there is no figure."""
    if all(math.isnan(row[metric].mean) for row in rows.values() for metric in metrics):
        return ""
    short = {"sad": "SAD", "grad": "Grad", "conn": "Conn"}
    headings = [
        f"{short[m]} × 10³" if m in thousands & short.keys() else HEADINGS[m] for m in metrics
    ]
    lines = [f"| {about} | {' | '.join(headings)} |", "| --- " * (len(metrics) + 1) + "|"]
    for name, row in rows.items():
        scales = [1000.0 if m in thousands else SCALES.get(m, 1.0) for m in metrics]
        cells = [told(row[m], scale) for m, scale in zip(metrics, scales, strict=True)]
        lines.append(f"| {name.replace('|', '&#124;')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def about_interval(groups: int) -> str:
    """Return what to say of the intervals in a table of means, or of their absence."""
    if groups < FEWEST_GROUPS:
        return f"; {groups} {'person' if groups == 1 else 'people'}: too few for an interval"
    return ", in brackets their 95 % bootstrap interval over people"


def told(figure: Interval, scale: float = 1.0) -> str:
    """Return a mean and its interval as people read them."""
    return " ".join(filter(None, cell_of(figure, scale)))


def cell_of(figure: Interval, scale: float = 1.0) -> tuple[str, str]:
    """Return a mean and its interval as two texts, the second empty where there is none."""
    if math.isnan(figure.mean):
        return "–", ""
    mean, low, high = (f"{scale * each:.4g}" for each in figure)
    return mean, "" if math.isnan(figure.low) else f"({low} to {high})"


def _trimaps(confusion: Confusion) -> str:
    """Return T-Net's own figures: how each true class was taken, and what that comes to."""
    names = [each.name.lower() for each in TrimapClass]
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    found = intersection_over_union(confusion)
    lines = [f"| T-Net: true class | taken for {' | '.join(names)} | IoU |", "| --- " * 5 + "|"]
    for name, row in zip(names, shares, strict=True):
        cells = " | ".join(f"{share:.1%}" for share in row)
        lines.append(f"| {name} | {cells} | {found[name]:.3f} |")
    return "\n".join(lines)


def comparison_to_markdown(comparison: Comparison, ours: str, theirs: str) -> str:
    """Return a table of differences: what is below 0 speaks for the first."""
    of = f"{comparison.images} images{about_interval(comparison.groups)}"
    lines = [
        f"| {ours} minus {theirs}, {of} | difference | better | worse | |",
        "| --- " * 5 + "|",
    ]
    for region, by_metric in comparison.differences.items():
        for metric, each in by_metric.items():
            if not math.isnan(each.change.mean):
                change = told(each.change, SCALES.get(metric, 1.0))
                cells = (change, each.better, each.worse, each.verdict)
                lines.append(f"| {HEADINGS[metric]}, {region} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"
