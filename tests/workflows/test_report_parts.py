"""What the pages choose, count and draw, without a browser."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm.workflows.report.choice import Choice
from shm.workflows.report.curves import POINTS, Chart, Curve, charts_of
from shm.workflows.report.encode import encode
from shm.workflows.report.figures import BARS, Histogram
from tests.workflows.pictures import decoded


def record(number: int, quality: float) -> dict[str, Any]:
    return {"id": f"s{number}", "quality": {"quality": quality}}


qualities = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(qualities, st.integers(4, 40), st.randoms())
def test_the_same_samples_are_chosen_in_whatever_order_they_come(
    found: list[float], count: int, random: Any
) -> None:
    offered = [(slot, record(slot, quality)) for slot, quality in enumerate(found)]
    chosen = []
    for _ in range(2):
        choice = Choice(count=count, seed=1)
        for slot, each in offered:
            choice.offer(slot, each)
        chosen.append([(each.slot, each.why) for each in choice.chosen()])
        random.shuffle(offered)
    assert chosen[0] == chosen[1]
    slots = [slot for slot, _ in chosen[0]]
    assert len(slots) == len(set(slots)) == min(count, len(found))


@given(qualities, st.integers(4, 40))
def test_the_worst_and_the_best_are_shown(found: list[float], count: int) -> None:
    choice = Choice(count=count, seed=0)
    for slot, quality in enumerate(found):
        choice.offer(slot, record(slot, quality))
    shown = choice.chosen()
    worst = [found[each.slot] for each in shown if "worst" in each.why]
    best = [found[each.slot] for each in shown if "best" in each.why]
    some = max(1, min(count, len(found)) // 4)
    assert sorted(worst) == sorted(found)[:some]
    assert sorted(best) == sorted(found)[-some:]


@given(st.lists(st.floats(0, 600), min_size=1, max_size=200))
def test_a_histogram_counts_each_value_once(values: list[float]) -> None:
    found = Histogram(name="x", title="X", unit="", top=500.0)
    for value in values:
        found.add(value)
    bars = found.bars()
    assert sum(bar.count for bar in bars) == found.total == len(values)
    assert len(bars) <= BARS[1]
    assert found.mean == pytest.approx(np.mean(values))
    assert (found.least, found.most) == (min(values), max(values))


def test_a_curve_of_many_steps_is_drawn_with_few_points() -> None:
    points = tuple((step, float(step % 7)) for step in range(1, 10_001))
    chart = Chart(title="", unit="", curves=(Curve(run=0, points=points),))
    assert chart.path(chart.curves[0]).count("L") < POINTS
    one = Chart(title="", unit="", curves=(Curve(run=0, points=((5, 1.0),)),), logarithmic=True)
    assert one.path(one.curves[0]).startswith("M160.0 65.0")


def test_what_is_no_number_is_no_point() -> None:
    log = [
        {"step": 1, "kind": "train", "losses": {"total": float("nan")}, "lr": 1e-3},
        {"step": 2, "kind": "train", "losses": {"total": 0.5}, "lr": "x"},
        {"step": 2, "kind": "validation", "whole": {"sad": 3.0}},
    ]
    found = {chart.title: chart.curves[0].points for chart in charts_of([log])}
    assert found["Loss: total"] == ((2, 0.5),)
    assert found["Learning rate"] == ((1, 1e-3),)
    assert found["Validation SAD, whole"] == ((2, 3.0),)


def test_what_is_judged_by_its_values_keeps_each_of_them() -> None:
    alpha = np.random.default_rng(0).integers(0, 256, (33, 47), np.uint8)
    assert np.array_equal(decoded(encode(alpha))[..., 0], alpha)
