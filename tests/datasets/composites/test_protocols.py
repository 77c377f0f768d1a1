from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shm.datasets.backgrounds.background import Background
from shm.datasets.composites.name_lists import Listed, file_of_2017, match_backgrounds, match_people
from shm.datasets.composites.planning import PlanError
from shm.datasets.composites.protocols import (
    Pasting,
    match_lists,
    plan_lists,
    require_as_published,
    shm_counts,
)
from shm.datasets.record import Record

COCO = "COCO_train2014_000000000009.jpg"


def person(source: str, split: str = "train", **others: Any) -> Record:
    steps = {"annotation": "alpha", "refine": "none", "foreground": "given", "trimap": "fixed"}
    record = {"source": source, "split": split, "size": [30, 40], "photo_size": [30, 40]}
    return record | {"steps": steps} | others


def listed(split: str, **pairs: str) -> Listed:
    """Return lists of foregrounds (``a`` for ``a.png``), each with the names of its backgrounds."""
    named = tuple((f"{name}.png", tuple(scenes.split())) for name, scenes in pairs.items())
    return Listed(split=split, pairs=named)


def photo(path: Path, content: str = "", unfit: str | None = None) -> Background:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content or path.name)
    source = f"{path.parent.name}/{path.name}"
    return Background(id=source, path=path, source=source, person=None, unfit=unfit)


PEOPLE: Mapping[int, Record] = {
    3: person("Training_set/Other/fg/a.png"),
    5: person("Test_set/Other/fg/a.png", "test"),
    6: person("Training_set/Other/fg/b.png"),
}


def test_a_name_in_both_trees_is_each_lists_own() -> None:
    lists = [listed("train", b="", a=""), listed("test", a="")]
    assert match_people(lists, PEOPLE) == [6, 3, 5]


def test_a_list_may_name_another_format() -> None:
    assert match_people([listed("train", b="")], {4: person("fg/b.tif"), 7: person("c.png")}) == [4]
    both = {4: person("Other/fg/b.tif"), 7: person("Adobe/fg/b.png")}
    assert match_people([listed("train", b="")], both) == [7]


@pytest.mark.parametrize(
    ("people", "told"),
    [
        ({1: person("Other/fg/b.png"), 2: person("Adobe/fg/b.png")}, "Other/fg/b.png and Adobe/fg"),
        ({1: person("fg/b.png", "validation")}, "the store has it in validation"),
        ({}, r"lacks 1 of the lists' foregrounds: b.png \(the matte is empty\)"),
    ],
)
def test_a_name_that_is_not_one_persons_is_refused(people: dict[int, Record], told: str) -> None:
    rejected = [{"source": "fg/b.png", "rejected": "the matte is empty"}]
    with pytest.raises(PlanError, match=told):
        match_people([listed("train", b="")], people, rejected)


def test_two_names_of_one_person_are_refused() -> None:
    twice = Listed(split="train", pairs=(("b.png", ()), ("b.jpg", ())))
    with pytest.raises(PlanError, match=r"b.jpg: .*may be meant"):
        match_people([twice], PEOPLE)


def test_names_of_2014_are_numbers_of_2017() -> None:
    assert file_of_2017(COCO) == "000000000009.jpg"
    assert file_of_2017("COCO_val2014_000000581929.jpg") == "000000581929.jpg"
    for other in ("2008_000009.jpg", "COCO_test2014_000000000009.jpg", "COCO_train2014_9.jpg"):
        assert file_of_2017(other) == other


def test_a_file_of_the_very_name_comes_before_that_of_2017(tmp_path: Path) -> None:
    found = [photo(tmp_path / "train2017" / "000000000009.jpg"), photo(tmp_path / "2014" / COCO)]
    lists = [listed("train", a=COCO)]
    assert match_backgrounds(lists, found)[0][COCO].id == f"2014/{COCO}"
    assert match_backgrounds(lists, found[:1])[0][COCO].id == "train2017/000000000009.jpg"


def test_a_copy_is_as_good_and_another_picture_is_not(tmp_path: Path) -> None:
    found = [photo(tmp_path / folder / "x.jpg", "the same") for folder in ("one", "two")]
    chosen, splits = match_backgrounds([listed("train", a="x.jpg x.jpg")], found)
    assert chosen == {"x.jpg": found[0]}
    assert splits == {"one/x.jpg": "train"}
    found.append(photo(tmp_path / "three" / "x.jpg", "another"))
    with pytest.raises(PlanError, match=r"x.jpg: one/x.jpg and two/x.jpg and three/x.jpg differ"):
        match_backgrounds([listed("train", a="x.jpg")], found)


def test_an_unfit_copy_does_not_count_and_alone_is_told(tmp_path: Path) -> None:
    unfit = photo(tmp_path / "one" / "x.jpg", unfit="a link that leads nowhere")
    fit = photo(tmp_path / "two" / "x.jpg", "fine")
    assert match_backgrounds([listed("train", a="x.jpg")], [unfit, fit])[0] == {"x.jpg": fit}
    with pytest.raises(PlanError, match=r"x.jpg \(a link that leads nowhere\)"):
        match_backgrounds([listed("train", a="x.jpg")], [unfit])


def test_no_picture_is_in_both_lists_by_whatever_name(tmp_path: Path) -> None:
    found = [photo(tmp_path / "a" / "x.jpg", "the same"), photo(tmp_path / "a" / "y.jpg", "other")]
    lists = [listed("train", a="x.jpg"), listed("test", a="y.jpg")]
    match_backgrounds(lists, found)
    found[1].path.write_text("the same")
    with pytest.raises(PlanError, match=r"a/x.jpg and a/y.jpg are one file"):
        match_backgrounds(lists, found)
    with pytest.raises(PlanError, match="in train and in test"):
        match_backgrounds([lists[0], listed("test", a="x.jpg")], found)


def test_recipes_follow_the_lists(tmp_path: Path) -> None:
    found = [photo(tmp_path / "a" / f"{name}.jpg") for name in "xyz"]
    lists = [listed("train", b="z.jpg x.jpg", a="x.jpg z.jpg"), listed("test", a="y.jpg y.jpg")]
    matched = match_lists(lists, PEOPLE, [], found)
    assert [background.path.name for background in matched.backgrounds] == [
        "z.jpg",
        "x.jpg",
        "y.jpg",
    ]
    sizes = {0: [30, 40], 1: [29, 80], 2: [200, 10]}
    recipes = list(plan_lists(matched.pastings, PEOPLE, {n: {"size": s} for n, s in sizes.items()}))
    told = [(each.foreground, each.number, each.background) for each in recipes]
    assert told == [(6, 0, 0), (6, 1, 1), (3, 0, 1), (3, 1, 0), (5, 0, 2), (5, 1, 2)]
    # Rounded down after 1 was added: 29 · 30/29 + 1 = 31, 80 · 30/29 + 1 = 83.7…
    assert [each.crop.scaled for each in recipes[:2]] == [(30, 40), (31, 83)]
    assert {(each.crop.top, each.crop.left, each.crop.flip) for each in recipes} == {(0, 0, False)}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"photo_size": [60, 80]}, "smaller than published: prepare the people with --size 80"),
        ({"steps": {"annotation": "alpha", "refine": "knn"}}, "its refine is knn"),
        ({"steps": {"annotation": "mask", "refine": "none"}}, "its annotation is mask"),
        ({"steps": {"annotation": "alpha", "refine": "none"}}, "its foreground is None"),
    ],
)
def test_only_the_pixels_of_the_files_are_the_published_set(
    other: dict[str, Any], told: str
) -> None:
    pastings = [Pasting(foreground=slot, backgrounds=()) for slot in (0, 1)]
    require_as_published(pastings[:1], {0: person("a.png")})
    with pytest.raises(PlanError, match=told):
        require_as_published(pastings, {0: person("a.png"), 1: person("b.png", **other)})


def test_shm_makes_a_hundred_of_who_came_with_true_colours() -> None:
    estimated = person("c.png", steps={"foreground": "estimate"})
    assert shm_counts({0: person("a.png"), 4: estimated}) == {0: 100, 4: 1}
