"""What the pages choose, count and draw, without a browser."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm.workflows.report.encode import Encoding, encode
from shm.workflows.report.runs.curves import POINTS, Chart, Curve, charts_of
from shm.workflows.report.store.choice import Chooser
from shm.workflows.report.store.figures import MOST_BARS, Figure, Histogram
from shm.workflows.report.store.rejects import MOST_REASONS, Reasons
from tests.workflows.pictures import decoded


def record(number: int, quality: float) -> dict[str, Any]:
    return {"id": f"s{number}", "quality": {"quality": quality}}


qualities = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(qualities, st.integers(1, 40), st.randoms())
def test_the_same_samples_are_chosen_in_whatever_order_they_come(
    found: list[float], count: int, random: Any
) -> None:
    offered = [(slot, record(slot, quality)) for slot, quality in enumerate(found)]
    chosen = []
    for _ in range(2):
        chooser = Chooser(count=count, seed=1)
        for slot, each in offered:
            chooser.offer(slot, each)
        chosen.append([(each.slot, each.why) for each in chooser.choice().shown(count)])
        random.shuffle(offered)
    assert chosen[0] == chosen[1]
    slots = [slot for slot, _ in chosen[0]]
    assert len(slots) == len(set(slots)) == min(count, len(found))


@given(qualities, st.integers(4, 40))
def test_the_worst_and_the_best_are_shown(found: list[float], count: int) -> None:
    chooser = Chooser(count=count, seed=0)
    for slot, quality in enumerate(found):
        chooser.offer(slot, record(slot, quality))
    shown = chooser.choice().shown(count)
    worst = [found[each.slot] for each in shown if "worst" in each.why]
    best = [found[each.slot] for each in shown if "best" in each.why]
    some = max(1, min(count, len(found)) // 4)
    assert sorted(worst) == sorted(found)[:some]
    assert sorted(best) == sorted(found)[-some:]


def test_what_is_called_random_is_drawn_without_regard_to_quality() -> None:
    """Of 1000 samples 10 % are among the worst or the best 50: of those called random, too."""
    extreme = drawn = 0
    for seed in range(40):
        chooser = Chooser(count=200, seed=seed)
        for slot in range(1000):
            chooser.offer(slot, record(slot, slot / 1000))
        random = [each for each in chooser.choice().shown(200) if "random" in each.why]
        drawn += len(random)
        extreme += sum("worst" in each.why or "best" in each.why for each in random)
    assert extreme / drawn == pytest.approx(0.1, abs=0.015)


@given(qualities, st.integers(1, 40), st.integers(1, 40))
def test_a_smaller_choice_is_a_part_of_a_larger_one(
    found: list[float], count: int, more: int
) -> None:
    chooser = Chooser(count=count + more, seed=0)
    for slot, quality in enumerate(found):
        chooser.offer(slot, record(slot, quality))
    few, many = (chooser.choice().shown(each) for each in (count, count + more))
    assert {each.slot for each in few} <= {each.slot for each in many}
    assert len(few) == min(count, len(found))


FIGURE = Figure("unknown", "X", 500.0)


@given(st.lists(st.floats(0, 600), min_size=1, max_size=200))
def test_a_histogram_counts_each_value_once(values: list[float]) -> None:
    found = Histogram(figure=FIGURE)
    for value in values:
        found.add(value)
    bars = found.bars()
    assert sum(bar.count for bar in bars) == found.total == len(values)
    assert len(bars) <= min(MOST_BARS + 1, 2 * len(values) + 1)
    assert bars[-1].high <= max(500, *values, 0)
    assert found.mean == pytest.approx(np.mean(values))
    assert (found.least, found.most) == (min(values), max(values))


def test_what_is_larger_than_a_histogram_reaches_is_a_bar_of_its_own() -> None:
    found = Histogram(figure=FIGURE)
    for value in (20, 600, 900):
        found.add(value)
    assert [(bar.words, bar.count) for bar in found.bars() if bar.count] == [
        ("20 to 260", 1),
        ("500 and more (largest 900)", 2),
    ]


def test_ten_people_in_a_thousand_composites_give_few_bars() -> None:
    found = Histogram(figure=FIGURE)
    for value in range(0, 500, 50):
        found.add(value, times=100)
    assert len(found.bars()) <= 7


def test_rejects_of_one_kind_are_one_group_and_rare_reasons_are_one() -> None:
    found = Reasons()
    for number in range(300):
        name = f"{number:x}" * 8
        said = {"source": f"{number}.png", "reason": f"the same file as images/{name}"}
        found.add(said | {"duplicate": True})
        found.add({"source": f"q{number}.png", "reason": f"its group {name!r} is in the split a"})
    for number in range(1000):
        odd = "".join(chr(97 + int(digit)) for digit in str(number))
        found.add({"source": f"{odd}.png", "reason": f"unexpected {odd} error"})
    groups = found.groups()
    assert [(group.count, group.reason) for group in groups[:2]] == [
        (300, "photos that are in the corpus already"),
        (300, "its group … is in the split a"),
    ]
    assert len(groups) == MOST_REASONS + 1
    assert sum(group.count for group in groups) == found.total == 1600
    assert groups[-1].reason.endswith("more reasons")


def test_a_smaller_trimap_has_no_value_that_a_trimap_has_not() -> None:
    trimap = np.zeros((90, 130), np.uint8)
    trimap[20:50, 30:70], trimap[30:40, 40:60] = 128, 255
    small = decoded(Encoding(side=40).encode("trimap", trimap))
    assert max(small.shape) == 40
    assert set(np.unique(small)) == {0, 128, 255}


def test_the_colours_of_a_foreground_are_kept_at_full_resolution() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2, 0], stripes[:, 1::2, 2] = 200, 200
    errors = []
    for full in (True, False):
        how = Encoding(side=64, full_colour=full)
        shown = decoded(how.encode("foreground", stripes)).astype(int)
        errors.append(np.abs(shown - stripes).mean())
    assert errors[0] < 8 < errors[1]


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
