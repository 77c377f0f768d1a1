"""A window of a sample is that window of the whole sample, whatever the sample is made of."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.datasets import fields
from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.store import CompositeStore, Form
from shm.datasets.opening import open_sample
from shm.datasets.store import Arrays, Store
from shm.pipeline.enlarge import Window, interpolate
from shm.pipeline.values import UNKNOWN, Size
from tests.datasets.stores import EVERY_OPTION, write_people, write_store

PLAIN = RecipeConfig(per_foreground=3)
MOVED = replace(PLAIN, placement=("move", "scale", "flip"))
CONFIGS = {
    "plain": PLAIN,
    "moved": MOVED,
    "two people": replace(MOVED, people_per_composite=2),
    "linear, blur and noise": replace(PLAIN, linear=True, blur=(0.5, 2.0), noise=(1.0, 4.0)),
    "matched": replace(MOVED, match_colours=(0.2, 0.9)),
    "jpeg": replace(PLAIN, jpeg=(60, 95)),
    "every option": EVERY_OPTION,
    "every option, one person": replace(EVERY_OPTION, people_per_composite=1),
}
PEOPLE = 10


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterator[None]:
    """Make pictures of 3 × 3 chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "CHUNK_SIDE", 22)
        yield


class Stores:
    """Stores of every config in every form, and their samples, each made when it is needed.

    ``decoded`` is lazy, with backgrounds as pixels.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.of = cache(self._write)
        self.whole = cache(self._read)

    def _write(self, name: str, form: str) -> CompositeStore:
        path = self._folder / f"{name}-{form}.zarr"
        decoded = form == "decoded"
        kept: Form = "materialised" if form == "materialised" else "lazy"
        return write_store(path, PEOPLE, form=kept, config=CONFIGS[name], decoded=decoded)

    def _read(self, name: str, slot: int) -> Arrays:
        return self.of(name, "lazy").read(slot)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, small_chunks: None) -> Stores:  # noqa: ARG001
    return Stores(tmp_path_factory.mktemp("windows"))


@st.composite
def windows(draw: st.DrawFn, size: Size) -> Window:
    starts = [draw(st.integers(0, side - 1)) for side in size]
    rows, columns = (
        slice(start, draw(st.integers(start + 1, side)))
        for start, side in zip(starts, size, strict=True)
    )
    return rows, columns


FIELDS = st.lists(
    st.sampled_from(["image", "alpha", "trimap", "foreground", "background"]),
    min_size=1,
    unique=True,
)


@pytest.mark.parametrize("form", ["lazy", "materialised", "decoded"])
@pytest.mark.parametrize("name", CONFIGS)
@given(data=st.data(), names=FIELDS, slot=st.integers(0, 3 * PEOPLE - 1))
@settings(max_examples=30, deadline=None)
def test_any_window_of_a_composite_is_that_of_the_whole(
    stores: Stores, name: str, form: str, data: st.DataObject, names: list[str], slot: int
) -> None:
    store, whole = stores.of(name, form), stores.whole(name, slot)
    sample = open_sample(store, slot)
    assert sample.size == whole["alpha"].shape
    window = data.draw(windows(sample.size))
    found = sample.read(names, window)
    assert set(found) == set(names)
    for each, array in found.items():
        assert np.array_equal(array, whole[each][window]), each


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, small_chunks: None) -> Store:  # noqa: ARG001
    return write_people(tmp_path_factory.mktemp("people") / "people.zarr", PEOPLE)


@given(data=st.data(), slot=st.integers(0, PEOPLE - 1))
@settings(max_examples=40, deadline=None)
def test_any_window_of_a_person_is_that_of_the_whole(
    people: Store, data: st.DataObject, slot: int
) -> None:
    whole = people.read(slot, people.record(slot))
    window = data.draw(windows(whole["alpha"].shape))
    for name, array in people.read(slot, people.record(slot), None, window).items():
        assert np.array_equal(array, whole[name][window])


@pytest.mark.parametrize("name", ["plain", "moved", "two people"])
@given(data=st.data(), slot=st.integers(0, 3 * PEOPLE - 1))
@settings(max_examples=30, deadline=None)
def test_what_a_background_is_interpolated_from_gives_its_window(
    stores: Stores, name: str, data: st.DataObject, slot: int
) -> None:
    sample = open_sample(stores.of(name, "lazy"), slot)
    window = data.draw(windows(sample.size))
    uncut = sample.uncut(window)
    assert uncut is not None
    expected = stores.whole(name, slot)["background"][window]
    assert np.array_equal(interpolate(uncut.source, uncut.rows, uncut.columns), expected)
    assert np.array_equal(uncut.cut(), expected)


@pytest.mark.parametrize("name", sorted(set(CONFIGS) - {"plain", "moved", "two people"}))
def test_what_is_more_than_a_plain_composite_has_to_be_made_here(stores: Stores, name: str) -> None:
    sample = open_sample(stores.of(name, "lazy"), 0)
    assert sample.uncut((slice(0, 8), slice(0, 8))) is None


def test_a_store_that_has_its_images_needs_nothing_interpolated(stores: Stores) -> None:
    sample = open_sample(stores.of("plain", "materialised"), 0)
    assert sample.uncut((slice(0, 8), slice(0, 8))) is None


@pytest.mark.parametrize("form", ["lazy", "materialised"])
def test_a_drawn_pixel_of_a_person_who_stays_is_unknown(stores: Stores, form: str) -> None:
    store = stores.of("plain", form)
    random = np.random.default_rng(0)
    for slot in range(store.slots):
        trimap = stores.whole("plain", slot)["trimap"]
        sample = open_sample(store, slot)
        drawn = {sample.draw_unknown(random) for _ in range(12)}
        assert len(drawn) > 6
        assert all(pixel is not None and trimap[pixel] == UNKNOWN for pixel in drawn)


@pytest.mark.parametrize("form", ["lazy", "materialised"])
@pytest.mark.parametrize("name", ["moved", "every option, one person"])
def test_a_drawn_pixel_of_a_person_who_moved_is_unknown_or_beside_what_is(
    stores: Stores, name: str, form: str
) -> None:
    """A person who is made smaller loses pixels, so that it may be one beside them."""
    store = stores.of(name, form)
    random = np.random.default_rng(0)
    drawn = 0
    for slot in range(store.slots):
        trimap = stores.whole(name, slot)["trimap"]
        sample = open_sample(store, slot)
        for pixel in filter(None, (sample.draw_unknown(random) for _ in range(8))):
            around = tuple(slice(max(0, at - 1), at + 2) for at in pixel)
            assert (trimap[around] == UNKNOWN).any(), (slot, pixel)
            drawn += 1
    assert drawn > 7 * store.slots


def test_both_people_of_a_composite_are_drawn_from(stores: Stores) -> None:
    name = "two people"
    store = stores.of(name, "lazy")
    random = np.random.default_rng(0)
    sides: set[tuple[int, bool]] = set()
    for slot in range(store.slots):
        recipe = store.recipe(slot)
        row = [recipe.placement.left, recipe.second_placement.left]
        middle = sum(row) / 2 + store.size_of(recipe)[1] / 2
        pixels = filter(None, (store.draw_unknown(recipe, random) for _ in range(20)))
        sides |= {(slot, pixel[1] < middle) for pixel in pixels}
    both = [slot for slot in range(store.slots) if {(slot, True), (slot, False)} <= sides]
    assert len(both) > store.slots / 2


def test_the_same_pixel_is_drawn_in_either_form(stores: Stores) -> None:
    for slot in range(3 * PEOPLE):
        lazy, whole = (
            open_sample(stores.of("every option", form), slot) for form in ("lazy", "materialised")
        )
        one, other = (each.draw_unknown(np.random.default_rng(slot)) for each in (lazy, whole))
        assert one == other
