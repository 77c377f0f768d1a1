"""Who is pasted on what: evenly, within one split, and by the seed and the id alone."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.datasets.composites.planning import PlanError, RecipeConfig, by_split, plan_recipes
from shm.datasets.composites.recipe import NOBODY, Recipe
from shm.datasets.record import Record
from shm.pipeline.composite import cover_size
from shm.pipeline.placement import KEEP, Extent
from tests.datasets.stores import EVERY_OPTION

SPLITS = ("train", "train", "train", "validation", "test")
ONE_EACH = RecipeConfig(per_foreground=1)


def people(count: int) -> dict[int, Record]:
    """People in every other slot, as where the one between was rejected."""
    return {
        2 * n: {
            "id": f"p{n}",
            "group": f"g{n}",
            "split": SPLITS[n % len(SPLITS)],
            "size": [40 + n % 5, 30 + n % 7],
        }
        for n in range(count)
    }


def scenes(count: int) -> dict[int, Record]:
    return {
        3 * n: {"id": f"b{n}", "split": SPLITS[n % len(SPLITS)], "size": [20 + 9 * (n % 5), 50]}
        for n in range(count)
    }


def extent(slot: int) -> Extent:
    return Extent(size=(40 + slot // 2 % 5, 30 + slot // 2 % 7), centre=(20, 15), cut_bottom=True)


def plan(
    who: dict[int, Record],
    where: dict[int, Record],
    config: RecipeConfig,
    seed: int = 0,
    counts: dict[int, int] | None = None,
    **more: Any,
) -> list[Recipe]:
    counts = counts or config.counts(who)
    return list(plan_recipes(who, where, config, seed, counts=counts, extent=extent, **more))


@given(
    folk=st.integers(5, 25),
    rooms=st.integers(5, 40),
    each=st.integers(1, 12),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_each_background_is_used_once_before_any_is_used_twice(
    folk: int, rooms: int, each: int, seed: int
) -> None:
    where = scenes(rooms)
    recipes = plan(people(folk), where, RecipeConfig(per_foreground=each), seed)
    uses = {split: Counter(dict.fromkeys(slots, 0)) for split, slots in by_split(where).items()}
    for recipe in recipes:
        so_far = uses[where[recipe.background]["split"]]
        so_far[recipe.background] += 1
        assert max(so_far.values()) - min(so_far.values()) <= 1


@given(folk=st.integers(5, 25), rooms=st.integers(5, 40), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_people_backgrounds_and_those_behind_are_of_one_split(
    folk: int, rooms: int, seed: int
) -> None:
    who, where = people(folk + 5), scenes(rooms)
    config = replace(EVERY_OPTION, per_foreground=4)
    for recipe in plan(who, where, config, seed):
        split = who[recipe.foreground]["split"]
        assert where[recipe.background]["split"] == split
        assert who[recipe.second]["split"] == split
        assert recipe.second != recipe.foreground


def test_recipes_come_by_person_and_number_with_as_many_as_each_has() -> None:
    who = people(7)
    counts = {slot: 1 + slot % 5 for slot in who}
    recipes = plan(who, scenes(20), ONE_EACH, counts=counts)
    assert [(recipe.foreground, recipe.number) for recipe in recipes] == [
        (slot, number) for slot, count in counts.items() for number in range(count)
    ]


def test_no_background_is_used_twice_where_each_must_be_unique() -> None:
    who, where = people(5), scenes(15)  # 9, 3 and 3 in the splits
    recipes = plan(who, where, RecipeConfig(per_foreground=3), unique=True)
    assert len({recipe.background for recipe in recipes}) == len(recipes) == 15
    message = r"12 composites of the split train need a background each, there are 9: give more"
    with pytest.raises(PlanError, match=message):
        plan(who, where, RecipeConfig(per_foreground=4), unique=True)


def test_a_recipe_depends_on_the_seed_and_its_own_id_alone() -> None:
    def drawn(recipe: Recipe) -> tuple[object, ...]:
        effects = recipe.match, recipe.blur, recipe.noise, recipe.jpeg
        return recipe.crop, recipe.placement, *effects

    where = {3 * n: {"id": f"b{n}", "split": split, "size": [60, 60]}
             for n, split in enumerate(SPLITS * 3)}  # fmt: skip
    config = replace(EVERY_OPTION, people_per_composite=1)
    all_of_them = {
        (recipe.foreground, recipe.number): recipe for recipe in plan(people(15), where, config)
    }
    some = {slot: person for slot, person in people(15).items() if slot % 4}
    for recipe in plan(some, where, config):
        assert drawn(recipe) == drawn(all_of_them[recipe.foreground, recipe.number])
    assert plan(people(15), where, config) == list(all_of_them.values())
    others = plan(people(15), where, config, seed=1)
    assert not set(map(drawn, others)) & set(map(drawn, all_of_them.values()))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"match_colours": (0.5, 1.0)}, "match"),
        ({"blur": (1.0, 2.0)}, "blur"),
        ({"noise": (1.0, 2.0)}, "noise"),
        ({"jpeg": (50.0, 60.0)}, "jpeg"),
        ({"linear": True}, None),
    ],
)
def test_an_option_leaves_what_others_draw_as_it_was(
    change: dict[str, Any], field: str | None
) -> None:
    off: dict[str, Any] = {field: 0} if field else {}
    plain = plan(people(10), scenes(20), RecipeConfig(per_foreground=2))
    varied = plan(people(10), scenes(20), RecipeConfig(per_foreground=2, **change))
    assert [replace(recipe, **off) for recipe in varied] == plain
    if field:
        (low, high) = next(iter(change.values()))
        values = {getattr(recipe, field) for recipe in varied}
        assert len(values) > 5
        assert low <= min(values) <= max(values) <= high


def test_nothing_is_done_to_a_composite_unless_asked_for() -> None:
    who, where = people(10), scenes(20)
    for recipe in plan(who, where, ONE_EACH):
        assert (recipe.placement, recipe.second, recipe.second_placement) == (KEEP, NOBODY, KEEP)
        assert (recipe.match, recipe.blur, recipe.noise, recipe.jpeg) == (0, 0, 0, 0)
        size, frame = where[recipe.background]["size"], who[recipe.foreground]["size"]
        assert recipe.crop.scaled == cover_size(tuple(size), tuple(frame))


def test_every_number_drawn_is_one_that_a_row_can_hold() -> None:
    for recipe in plan(people(20), scenes(20), replace(EVERY_OPTION, per_foreground=5)):
        assert Recipe.of(recipe.row()) == recipe


def test_a_split_without_backgrounds_or_company_is_an_error() -> None:
    with pytest.raises(PlanError, match="no background is left for the people of the split test"):
        plan(people(5), scenes(4), ONE_EACH)
    with pytest.raises(PlanError, match="two people a composite, but only one in the split valid"):
        plan(people(5), scenes(5), RecipeConfig(per_foreground=1, people_per_composite=2))


WRONG: list[tuple[Callable[[], RecipeConfig], str]] = [
    (lambda: RecipeConfig(per_foreground=0), "0 a foreground: between 1 and 10000"),
    (lambda: RecipeConfig(per_foreground=10_001), "10001 a foreground"),
    (lambda: RecipeConfig(people_per_composite=3), "3 people a composite: 1 or 2"),
    (lambda: RecipeConfig(match_colours=(0, 1.5)), "match_colours from 0 to 1.5: between 0 and 1"),
    (lambda: RecipeConfig(blur=(3, 2)), "blur from 3 to 2"),
    (lambda: RecipeConfig(noise=(0, 51)), "noise from 0 to 51: between 0 and 50"),
    (lambda: RecipeConfig(noise=(float("nan"), 5)), "noise from nan"),
    (lambda: RecipeConfig(jpeg=(0, 90)), "jpeg from 0 to 90: whole numbers of 1 to 100"),
    (lambda: RecipeConfig(jpeg=(50, 101)), "jpeg from 50 to 101: between 0 and 100"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_what_makes_no_sense_is_refused(make: Callable[[], RecipeConfig], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make()


def test_nobody_stands_behind_another_photo_of_themselves() -> None:
    who = people(12)
    for slot, person in who.items():
        person["group"] = f"g{slot // 12}-{person['split']}"  # two groups a split
    recipes = plan(who, scenes(30), replace(ONE_EACH, people_per_composite=2, per_foreground=6))
    groups = [(who[r.foreground]["group"], who[r.second]["group"]) for r in recipes]
    assert all(one != other for one, other in groups)
    for person in who.values():
        person["group"] = person["split"]
    with pytest.raises(PlanError, match="only one in the split"):
        plan(who, scenes(30), replace(ONE_EACH, people_per_composite=2))
