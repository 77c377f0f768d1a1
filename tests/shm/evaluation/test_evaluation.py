"""Means, how sure they are, and comparisons."""

from pathlib import Path

import numpy as np
import pytest

from shm.evaluation import (
    FEWEST_GROUPS,
    ComparisonError,
    Scored,
    bootstrap_mean,
    compare,
    comparison_to_markdown,
    read_csv,
    score_sample,
    summarise,
    to_csv,
    to_markdown,
)
from shm.metrics import mse, sad

SMALL = np.zeros((5, 5), np.uint8)


def scored(count: int, offset: float = 0.0, *, each: int = 1) -> list[Scored]:
    """Return figures of images, `each` of a group; larger ones with a larger offset."""
    random = np.random.default_rng(0)
    found = []
    for index in range(count):
        truth = random.integers(0, 256, (8, 9), np.uint8)
        wrong = np.clip(truth + random.normal(0, 20, truth.shape) + offset, 0, 255)
        trimap = np.where(random.random(truth.shape) < 0.5, 128, 255).astype(np.uint8)
        group = f"g{index // each}"
        found.append(score_sample(f"i{index}", wrong.astype(np.uint8), truth, trimap, group=group))
    return found


# -------------------------------------------------------------------- intervals


def test_the_interval_of_a_mean_holds_it_and_shrinks_with_evidence() -> None:
    random = np.random.default_rng(0)
    few, many = random.normal(5, 1, 12).tolist(), random.normal(5, 1, 1000).tolist()
    widths = []
    for values in (few, many):
        found = bootstrap_mean(values, [str(index) for index in range(len(values))])
        assert found.mean == pytest.approx(np.mean(values))
        assert found.low < found.mean < found.high
        widths.append(found.high - found.low)
    standard = 2 * 1.96 * np.std(many) / np.sqrt(1000)
    assert widths[1] == pytest.approx(standard, rel=0.15)
    assert widths[0] > 5 * widths[1]


def test_twenty_pictures_of_a_person_are_one_witness() -> None:
    people = np.random.default_rng(0).normal(0, 1, 12)
    values, groups = np.repeat(people, 20).tolist(), np.repeat(np.arange(12), 20).astype(str)
    grouped, alone = (
        bootstrap_mean(values, groups.tolist()),
        bootstrap_mean(people.tolist(), [*"abcdefghijkl"]),
    )
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.15)
    naive = bootstrap_mean(values, [str(index) for index in range(240)])
    assert grouped.high - grouped.low > 3 * (naive.high - naive.low)


def test_an_interval_depends_on_neither_order_nor_chance() -> None:
    values, groups = [*map(float, range(1, 12)), float("nan")], [*"abcdefghijkl"]
    found = bootstrap_mean(values, groups)
    assert found == bootstrap_mean(values[::-1], groups[::-1])
    assert found.mean == 6
    assert found.low < 5
    assert found.high > 7


@pytest.mark.parametrize("draw", ["normal", "lognormal"])
def test_an_interval_of_95_per_cent_holds_the_truth_about_that_often(draw: str) -> None:
    random = np.random.default_rng(0)
    truth, groups, tries = {"normal": 0.0, "lognormal": np.exp(0.5)}[draw], 12, 400
    held = 0
    for _ in range(tries):
        values = getattr(random, draw)(size=groups)
        found = bootstrap_mean(values.tolist(), [str(index) for index in range(groups)])
        held += found.low <= truth <= found.high
    # Percentiles hold it 90 and 82 times of 100.
    assert held / tries >= {"normal": 0.93, "lognormal": 0.87}[draw]


@pytest.mark.parametrize("count", [1, 2, FEWEST_GROUPS - 1])
def test_too_few_people_have_no_interval_and_nothing_has_no_mean(count: int) -> None:
    found = bootstrap_mean([1.0, 2.0] * count, [str(index // 2) for index in range(2 * count)])
    assert found.mean == 1.5
    assert np.isnan(found.low)
    assert np.isnan(found.high)
    assert np.isnan(bootstrap_mean([], []).mean)


def test_values_that_are_all_the_same_have_an_interval_of_no_width() -> None:
    names = [str(index) for index in range(FEWEST_GROUPS)]
    assert bootstrap_mean([2.0] * len(names), names) == (2, 2, 2)


def test_tables_say_of_how_many_people_and_why_there_is_no_interval() -> None:
    few, enough = scored(6, each=2), scored(FEWEST_GROUPS)
    told = to_markdown({"mine": summarise(few)})
    assert "6 images of 3 people or scenes; means; 3 people: too few for an interval." in told
    assert " to " not in told.splitlines()[4]
    told = to_markdown({"mine": summarise(enough)})
    assert "means, in brackets their 95 % bootstrap interval over people." in told
    assert " to " in told.splitlines()[4]
    worse = scored(6, offset=25, each=2)
    found = compare(few, worse)
    assert found.as_json()["groups"] == 3
    assert found.differences["whole"]["sad"].verdict == "undecided"
    assert "6 images; 3 people: too few for an interval" in comparison_to_markdown(found, "a", "b")


# -------------------------------------------------------------------- scoring


def test_eight_and_sixteen_bits_mean_the_same() -> None:
    random = np.random.default_rng(0)
    alpha, truth = random.integers(0, 256, (2, 6, 7), np.uint8)
    trimap = np.full((6, 7), 128, np.uint8)
    eight = score_sample("a", alpha, truth, trimap)
    sixteen = score_sample("a", alpha.astype(np.uint16) * 257, truth, trimap)
    assert eight.figures["whole"]["sad"] == pytest.approx(sixteen.figures["whole"]["sad"])
    assert eight.figures["whole"]["sad"] == pytest.approx(sad(alpha / 255, truth / 255))
    assert eight.figures["unknown"]["mse"] == pytest.approx(mse(alpha / 255, truth / 255))


def test_without_a_trimap_the_unknown_region_has_no_figures() -> None:
    truth = np.arange(42, dtype=np.uint8).reshape(6, 7)
    found = score_sample("a", truth, truth, None)
    assert found.figures["whole"]["sad"] == 0
    assert np.isnan(found.figures["unknown"]["sad"])
    table = to_markdown({"mine": summarise([found])})
    assert "unknown region" not in table
    assert "whole image" in table


# -------------------------------------------------------------------- comparing


def test_a_method_that_is_better_on_each_image_is_surely_better() -> None:
    ours, theirs = scored(12), scored(12, offset=25)
    found = compare(ours, theirs).differences["whole"]["sad"]
    assert found.verdict == "better"
    assert found.change.high < 0
    assert found.better == 12
    means = [np.mean([each.figures["whole"]["sad"] for each in table]) for table in (ours, theirs)]
    assert found.change.mean == pytest.approx(means[0] - means[1])
    assert compare(theirs, ours).differences["whole"]["sad"].verdict == "worse"
    assert compare(ours, ours).differences["whole"]["sad"].verdict == "undecided"
    told = comparison_to_markdown(compare(ours, theirs), "a", "b")
    assert "| SAD, whole |" in told
    assert "12 images" in told


def test_tables_of_other_images_are_not_compared() -> None:
    ours = scored(4)
    with pytest.raises(ComparisonError, match=r"1 images .* first 'i3'"):
        compare(ours, ours[:3])
    other = [*ours[:3], score_sample("i3", SMALL, SMALL, None)]
    with pytest.raises(ComparisonError, match="'i3' has another size"):
        compare(ours, other)


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    ours = scored(5, each=2)
    path = tmp_path / "figures.csv"
    path.write_text(to_csv({"mine": ours, "knn": scored(5, 3)}))
    found = read_csv(path)
    assert list(found) == ["mine", "knn"]
    assert found["mine"] == ours
    heading, first = path.read_text().splitlines()[:2]
    assert heading.startswith("method,id,group,whole_pixels,unknown_pixels,whole_sad,")
    assert "dim_sad" in heading
    assert "shm_conn" in heading
    assert first.startswith("mine,i0,g0,72,")


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "method,id\nx,y\n", "\0"])
def test_another_file_is_no_table(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(ComparisonError, match=r"other\.csv"):
        read_csv(path)
    with pytest.raises(ComparisonError, match=r"none\.csv: No such file"):
        read_csv(tmp_path / "none.csv")
