"""Numbers that change from step to step, as lines of a chart."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

POINTS = 300
"""Points that a line is drawn with; of more, neighbours are averaged."""

WIDTH, HEIGHT = 320, 130
"""Of a chart's lines, in units of the page's own: it is stretched."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One run's line: its place among the runs, and (step, value) in the order of steps."""

    run: int
    points: tuple[tuple[int, float], ...]

    @property
    def last(self) -> float:
        """Return the latest value."""
        return self.points[-1][1]

    @property
    def least(self) -> tuple[int, float]:
        """Return the step and value where it was lowest."""
        return min(self.points, key=lambda point: point[1])


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines of one figure in one phase; logarithmic where all values are above zero."""

    title: str
    unit: str
    curves: tuple[Curve, ...]
    logarithmic: bool = False

    width = WIDTH
    height = HEIGHT

    @property
    def steps(self) -> tuple[int, int]:
        """Return the first and the last step."""
        found = [step for curve in self.curves for step, _ in curve.points]
        return min(found), max(found)

    @property
    def values(self) -> tuple[float, float]:
        """Return the least and the largest value."""
        found = [value for curve in self.curves for _, value in curve.points]
        return min(found), max(found)

    @property
    def middle(self) -> float:
        """Return the value half-way up."""
        low, high = self.values
        return math.sqrt(low * high) if self.is_logarithmic else (low + high) / 2

    @property
    def labels(self) -> list[str]:
        """Return the axis' values from top to bottom, with as many digits as tell them apart."""
        low, high = self.values
        if not high > low:
            return ["", f"{low:.3g}", ""]
        for digits in range(3, 7):
            found = [f"{value:.{digits}g}" for value in (high, self.middle, low)]
            if len(set(found)) == len(found):
                break
        return found

    def path(self, curve: Curve) -> str:
        """Return a curve as the path of an SVG of `WIDTH` by `HEIGHT`."""
        (first, last), (low, high) = self.steps, map(self._scaled, self.values)
        places = []
        for step, value in _thinned(curve.points):
            x = WIDTH * (step - first) / (last - first) if last > first else WIDTH / 2
            share = (self._scaled(value) - low) / (high - low) if high > low else 0.5
            y = HEIGHT * (1 - share)
            places.append(f"{x:.1f} {y:.1f}")
        dot = " l0 0" if len(places) == 1 else ""
        return f"M{' L'.join(places)}{dot}"

    @property
    def is_logarithmic(self) -> bool:
        """Whether it is drawn so: there is no logarithm of zero."""
        return self.logarithmic and self.values[0] > 0

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.is_logarithmic else value


def _thinned(points: Sequence[tuple[int, float]]) -> Iterator[tuple[float, float]]:
    """Yield the means of so many neighbours that `POINTS` are left."""
    some = -(-len(points) // POINTS)
    for start in range(0, len(points), some):
        steps, values = zip(*points[start : start + some], strict=True)
        yield sum(steps) / len(steps), sum(values) / len(values)


NOT_LOSSES = ("gradient_norm", "overflow")


def charts_of(logs: Sequence[Sequence[Mapping[str, Any]]]) -> list[Chart]:
    """Return the charts of one phase, given the log of each run.

    Validation comes first: it is what a run is judged by.
    """
    names = dict.fromkeys(
        name
        for log in logs
        for line in log
        if line["kind"] == "train"
        for name in line["losses"]
        if name not in NOT_LOSSES
    )
    charts = [
        _chart(f"Validation SAD, {region}", "÷ 1000", logs, "validation", (region, "sad"))
        for region in ("whole", "unknown")
    ]
    charts += [
        _chart("Validation MSE, whole", "", logs, "validation", ("whole", "mse")),
        *(_chart(f"Loss: {name}", "", logs, "train", ("losses", name), log=True) for name in names),
        _chart("Gradient norm", "", logs, "train", ("losses", "gradient_norm"), log=True),
        _chart("Learning rate", "", logs, "train", ("lr",)),
        _chart("Speed", "samples a second", logs, "train", ("samples_per_second",)),
    ]
    return [chart for chart in charts if chart.curves]


def _chart(
    title: str,
    unit: str,
    logs: Sequence[Sequence[Mapping[str, Any]]],
    kind: str,
    path: Sequence[str],
    *,
    log: bool = False,
) -> Chart:
    curves = []
    for run, lines in enumerate(logs):
        points = tuple(
            (line["step"], value)
            for line in lines
            if line["kind"] == kind and (value := _number(line, path)) is not None
        )
        if points:
            curves.append(Curve(run=run, points=points))
    return Chart(title=title, unit=unit, curves=tuple(curves), logarithmic=log)


def _number(line: Any, path: Sequence[str]) -> float | None:  # noqa: ANN401 - whatever JSON holds
    for name in path:
        line = line.get(name) if isinstance(line, Mapping) else None
    try:
        return float(line) if isinstance(line, int | float) and math.isfinite(line) else None
    except OverflowError:  # JSON's whole numbers have no bound
        return None
