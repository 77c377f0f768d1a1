"""A recipe is a row of numbers, and the row is the recipe."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shm.datasets.composites.recipe import COLUMNS, NOBODY, Recipe
from shm.pipeline.composite import BackgroundCrop
from shm.pipeline.placement import Placement

SLOTS = st.integers(0, 2**24)
SIDES = st.integers(1, 2**16)
SHIFTS = st.integers(-(2**15), 2**15)
STRENGTHS = st.floats(0, 100, width=32)

CROPS = st.builds(
    BackgroundCrop,
    scaled=st.tuples(SIDES, SIDES),
    top=st.integers(0, 2**16),
    left=st.integers(0, 2**16),
    flip=st.booleans(),
)
PLACEMENTS = st.builds(
    Placement,
    scale=st.floats(0.0009765625, 100, width=32),
    top=SHIFTS,
    left=SHIFTS,
    flip=st.booleans(),
)
RECIPES = st.builds(
    Recipe,
    foreground=SLOTS,
    number=st.integers(0, 10_000),
    background=SLOTS,
    crop=CROPS,
    placement=PLACEMENTS,
    second=st.one_of(st.just(NOBODY), SLOTS),
    second_placement=PLACEMENTS,
    match=STRENGTHS,
    blur=STRENGTHS,
    noise=STRENGTHS,
    jpeg=st.integers(0, 100),
)


@given(recipe=RECIPES)
def test_any_recipe_comes_back_from_its_row(recipe: Recipe) -> None:
    row = recipe.row()
    assert row.dtype == np.float32
    assert row.shape == (len(COLUMNS),)
    again = Recipe.of(row)
    assert again == recipe
    assert np.array_equal(again.row(), row)


@given(recipe=RECIPES)
def test_every_number_of_a_recipe_has_a_column_of_its_name(recipe: Recipe) -> None:
    flat = recipe.flat()
    assert tuple(flat) == COLUMNS
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert (flat["foreground"], flat["top"]) == (recipe.foreground, recipe.placement.top)
    assert flat["background_top"] == recipe.crop.top
    assert flat["second_left"] == recipe.second_placement.left


@given(recipe=RECIPES)
def test_numbers_come_back_as_what_they_were(recipe: Recipe) -> None:
    again = Recipe.of(recipe.row())
    for name, value in again.flat().items():
        assert type(value) is type(recipe.flat()[name]), name
