"""Composites at rest: in either form the same samples, and every damage noticed."""

import io
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import zarr
from PIL import Image

from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.recipe import COLUMNS, Recipe
from shm.datasets.composites.render import FIELDS, composite_id
from shm.datasets.composites.store import CompositeStore, Form, open_composites
from shm.datasets.composites.table import RECIPE_ROWS
from shm.datasets.damage import DamageError, StoreError
from shm.datasets.jpeg import through_jpeg
from shm.datasets.opening import open_samples
from shm.datasets.store import open_store
from shm.pipeline.composite import blend, blend_linear
from shm.pipeline.resize import enlarge_with_opencv
from shm.pipeline.values import RgbImage
from tests.datasets.stores import (
    EVERY_OPTION,
    SPLITS,
    all_files,
    flip_a_byte,
    random_background,
    random_sample,
    write_people,
    write_store,
)

FORMS: tuple[Form, ...] = ("lazy", "materialised")
PLAIN = RecipeConfig(per_foreground=3)
CONFIGS = {
    "plain": PLAIN,
    "linear": replace(PLAIN, linear=True),
    "placement": replace(PLAIN, placement=("move", "scale", "flip")),
    "two people": replace(PLAIN, people_per_composite=2),
    "match_colours": replace(PLAIN, match_colours=(0.1, 1.0)),
    "blur": replace(PLAIN, blur=(0.5, 2.0)),
    "noise": replace(PLAIN, noise=(1.0, 5.0)),
    "jpeg": replace(PLAIN, jpeg=(40, 95)),
    "every option": EVERY_OPTION,
}
PEOPLE = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both forms of a plain store and of one with every option."""
    folder = tmp_path_factory.mktemp("composites")
    for name in ("plain", "every option"):
        for form in FORMS:
            config = replace(CONFIGS[name], per_foreground=3)
            write_store(folder / f"{name}-{form}.zarr", PEOPLE, form=form, config=config)
    return folder


def random_photo(number: int, split: str) -> RgbImage:
    arrays, _ = random_background(number, split, 64)
    with Image.open(io.BytesIO(arrays["file"].tobytes())) as photo:
        return np.array(photo)


def differing(one: CompositeStore, other: CompositeStore) -> list[tuple[int, str]]:
    """Return the slot and the field of all that is not the same in both."""
    found = []
    for slot in range(one.slots):
        first, second = one.read(slot), other.read(slot)
        assert list(first) == list(second) == list(FIELDS)
        found += [(slot, name) for name in FIELDS if not np.array_equal(first[name], second[name])]
    return found


@pytest.mark.parametrize("name", list(CONFIGS))
def test_lazy_and_materialised_samples_are_the_same_byte_for_byte(
    tmp_path: Path, name: str
) -> None:
    lazy, whole = (
        write_store(tmp_path / f"{form}.zarr", PEOPLE, form=form, config=CONFIGS[name])
        for form in FORMS
    )
    assert lazy.slots == whole.slots == 3 * PEOPLE
    assert (lazy.images is None, whole.images is None) == (True, False)
    assert differing(lazy, whole) == []
    assert list(lazy.samples()) == list(whole.samples())
    assert lazy.identity() == whole.identity()


def test_with_every_option_every_field_is_another_one(folder: Path) -> None:
    plain = open_composites(folder / "plain-lazy.zarr")
    every = open_composites(folder / "every option-lazy.zarr")
    changed = {name for _, name in differing(plain, every)}
    assert changed == set(FIELDS)
    assert plain.identity() != every.identity()


def test_opencv_makes_the_same_samples(folder: Path) -> None:
    path = folder / "every option-lazy.zarr"
    assert not differing(open_composites(path), open_composites(path, by=enlarge_with_opencv))


def test_a_plain_composite_is_its_person_on_a_part_of_its_background(folder: Path) -> None:
    store = open_composites(folder / "plain-materialised.zarr")
    for slot, record in store.samples():
        arrays = store.read(slot)
        person = random_sample(record["foreground"]["slot"], 64)
        for name in ("alpha", "trimap", "foreground"):
            assert np.array_equal(arrays[name], person[name])
        recipe = Recipe.of(np.array(list(record["recipe"].values()), np.float32))
        photo = random_photo(record["background"]["slot"], record["split"])
        height, width = recipe.crop.scaled
        whole = cv2.resize(photo, (width, height), interpolation=cv2.INTER_LINEAR)
        cut = whole[recipe.crop.top :, recipe.crop.left :][: person["alpha"].shape[0]]
        cut = cut[:, : person["alpha"].shape[1]]
        expected = cut[:, ::-1] if recipe.crop.flip else cut
        assert np.array_equal(arrays["background"], expected)
        blended = blend(arrays["foreground"], arrays["alpha"], arrays["background"])
        assert np.array_equal(arrays["image"], blended)
        assert list(arrays["alpha"].shape) == record["size"]


def test_an_image_is_its_parts_mixed_in_linear_light_and_saved_as_jpeg(tmp_path: Path) -> None:
    config = replace(EVERY_OPTION, noise=(0.0, 0.0))
    store = write_store(tmp_path / "s.zarr", PEOPLE, form="lazy", config=config)
    for slot, record in list(store.samples())[:6]:
        arrays = store.read(slot)
        mixed = blend_linear(arrays["foreground"], arrays["alpha"], arrays["background"])
        quality = int(record["recipe"]["jpeg"])
        assert np.array_equal(arrays["image"], through_jpeg(mixed, quality))


def test_noise_is_another_one_in_each_composite(tmp_path: Path) -> None:
    config = RecipeConfig(per_foreground=2, noise=(5.0, 5.0))
    store = write_store(tmp_path / "s.zarr", 4, form="lazy", config=config, backgrounds=1)
    noises = []
    for slot in (0, 1):
        arrays = store.read(slot)
        clean = blend(arrays["foreground"], arrays["alpha"], arrays["background"])
        noises.append(arrays["image"].astype(int) - clean)
    assert np.abs(noises[0]).max() > 5
    assert not np.array_equal(noises[0], noises[1])


@pytest.mark.parametrize("form", FORMS)
def test_some_fields_are_what_they_are_among_all(folder: Path, form: str) -> None:
    store = open_composites(folder / f"every option-{form}.zarr")
    whole = store.read(4)
    for names in (["image"], ["background"], ["foreground", "trimap"], ["alpha", "image"]):
        some = store.read(4, None, names)
        assert set(some) == set(names)
        assert all(np.array_equal(some[name], whole[name]) for name in names)


@pytest.mark.parametrize("form", FORMS)
def test_slots_and_samples_of_a_split_are_those_of_its_people(folder: Path, form: str) -> None:
    store = open_composites(folder / f"plain-{form}.zarr")
    assert store.slots_in().tolist() == list(range(3 * PEOPLE))
    everything = dict(store.samples())
    assert list(everything) == list(range(3 * PEOPLE))
    for split in ("train", "validation", "test"):
        slots = store.slots_in(split).tolist()
        people = [n for n in range(PEOPLE) if SPLITS[n % len(SPLITS)] == split]
        assert [everything[slot]["foreground"]["slot"] for slot in slots] == sorted(people * 3)
        assert list(store.samples(split)) == [(slot, everything[slot]) for slot in slots]
        assert {everything[slot]["background"]["split"] for slot in slots} == {split}
    assert store.slots_in("nowhere").tolist() == []
    assert list(store.samples("nowhere")) == []
    assert all(store.record(slot) == record for slot, record in everything.items())


def test_samples_far_apart_are_listed_too(tmp_path: Path) -> None:
    config = RecipeConfig(per_foreground=20)
    store = write_store(tmp_path / "s.zarr", PEOPLE, form="lazy", config=config)
    assert store.slots > 3 * RECIPE_ROWS
    samples = dict(store.samples("test"))
    assert list(samples) == store.slots_in("test").tolist()
    assert all(store.record(slot) == record for slot, record in list(samples.items())[::7])
    assert store.column("number").tolist() == list(range(20)) * PEOPLE


def test_a_sample_is_found_by_its_id(folder: Path) -> None:
    store = open_composites(folder / "plain-lazy.zarr")
    for slot, record in store.samples():
        assert store.find(record["id"]) == slot
    for name in ("", "sample-000", "sample-000-003", "sample-000-0", "sample-000-0000", "x-000"):
        assert store.find(name) is None
    assert composite_id("anna", 7) == "anna-007"


def test_a_record_leads_back_to_both_files(folder: Path) -> None:
    store = open_composites(folder / "every option-lazy.zarr")
    record = store.record(5)
    person = store.people()[record["foreground"]["slot"]]
    scene = store.scenes()[record["background"]["slot"]]
    second = store.people()[record["second"]["slot"]]
    assert record["id"] == f"{person['id']}-002"
    for origin, of in (("foreground", person), ("background", scene), ("second", second)):
        assert {name: record[origin][name] for name in ("id", "source", "sha256")} == {
            name: of[name] for name in ("id", "source", "sha256")
        }
    assert second["split"] == person["split"] == scene["split"]
    assert second["id"] != person["id"]
    assert tuple(record["recipe"]) == COLUMNS


def test_any_zarr_reader_can_read_images_and_recipes(folder: Path) -> None:
    group = zarr.open_group(folder / "plain-materialised.zarr", mode="r")
    store = open_composites(folder / "plain-materialised.zarr")
    expected = store.read(7)["image"]
    height, width = expected.shape[:2]
    found = np.asarray(group["images/image"][7])  # type: ignore[index]
    assert np.array_equal(found[:height, :width], expected)
    assert group.attrs["shm"]["columns"] == list(COLUMNS)  # type: ignore[index, call-overload]
    row = np.asarray(group["recipe"][7])  # type: ignore[index]
    assert Recipe.of(row).flat() == store.record(7)["recipe"]


def test_a_lazy_composite_costs_a_few_bytes(tmp_path: Path) -> None:
    sizes = []
    for each in (1, 101):
        config = RecipeConfig(per_foreground=each)
        store = write_store(tmp_path / f"{each}.zarr", 5, form="lazy", config=config)
        sizes.append(store.bytes_on_disk() or 0)
    assert (sizes[1] - sizes[0]) / 500 < 4 * len(COLUMNS)


def test_the_same_samples_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_store(tmp_path / "again.zarr", PEOPLE, config=EVERY_OPTION)
    path = folder / "every option-materialised.zarr"
    assert all_files(tmp_path / "again.zarr") == all_files(path)


DAMAGED = [
    ("materialised", "foregrounds/alpha", ["alpha", "trimap"]),
    ("materialised", "foregrounds/trimap", ["trimap"]),
    ("materialised", "foregrounds/foreground", ["foreground"]),
    ("materialised", "images/difference", ["background"]),
    ("materialised", "images/image", ["image"]),
    ("lazy", "foregrounds/foreground", ["image"]),
    ("lazy", "backgrounds/file", ["image"]),
]


@pytest.mark.parametrize(("form", "array", "names"), DAMAGED)
@pytest.mark.parametrize("gone", [False, True])
def test_damage_of_every_part_is_noticed_and_named(
    folder: Path, tmp_path: Path, form: str, array: str, names: list[str], gone: bool
) -> None:
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / f"plain-{form}.zarr", path)
    (file,) = filter(Path.is_file, (path / array / "c" / "0").rglob("*"))
    if gone:
        file.unlink()
    else:
        flip_a_byte(file)
    store = open_composites(path)
    (damage,) = [damage for found in store.damages() for damage in found]
    what = "is missing" if gone else "is damaged"
    assert (damage.shard, damage.array, damage.what) == (0, array, what)
    assert damage.samples
    reasons = []
    for slot in range(store.slots):
        try:
            store.read(slot, None, names)
        except DamageError as error:
            reasons.append(str(error))
    assert reasons
    cure = f"`shm-data verify --repair {path}`"
    what = f"shard 0 of {array.split('/')[1]} {what}"
    assert all(what in reason and cure in reason for reason in reasons)
    assert all(damage.samples[0] in reason for reason in reasons)


def test_every_flipped_byte_of_the_recipes_is_found(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / "plain-lazy.zarr", path)
    (file,) = filter(Path.is_file, (path / "recipe" / "c").rglob("*"))
    sound = file.read_bytes()
    for place in np.linspace(0, len(sound) - 1, 40).astype(int):
        damaged = bytearray(sound)
        damaged[place] ^= 0x40
        file.write_bytes(damaged)
        found = [damage for found in open_composites(path).damages() for damage in found]
        assert [damage.array for damage in found] == ["recipe"], place


@pytest.mark.parametrize("gone", [False, True])
def test_lost_recipes_are_noticed_and_never_read_as_others(
    folder: Path, tmp_path: Path, gone: bool
) -> None:
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / "plain-materialised.zarr", path)
    (file,) = filter(Path.is_file, (path / "recipe" / "c").rglob("*"))
    if gone:
        file.unlink()
    else:
        flip_a_byte(file, at=0.3)
    store = open_composites(path)
    for read in (store.read, store.record, lambda _: store.slots_in("train")):
        with pytest.raises(DamageError, match=r"recipes are .*verify --repair"):
            read(0)


def test_recipes_that_others_wrote_are_damage(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / "plain-lazy.zarr", path)
    array = zarr.open_group(path, mode="r+")["recipe"]
    array[3, COLUMNS.index("background")] += 1  # type: ignore[index, operator]
    (damage,) = [damage for found in open_composites(path).damages() for damage in found]
    assert (damage.array, damage.what) == ("recipe", "is not what was written")


def test_damaged_recipes_can_be_written_again(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / "plain-lazy.zarr", path)
    whole = open_composites(folder / "plain-lazy.zarr")
    (file,) = filter(Path.is_file, (path / "recipe" / "c").rglob("*"))
    flip_a_byte(file, at=0.3)
    store = open_composites(path, writable=True)
    store.forget_shard("recipe", 0)
    with pytest.raises(StoreError, match="not finished"):
        open_composites(path)
    store.copy_recipes(whole)
    store.mark(complete=True)
    assert all_files(path) == all_files(Path(str(whole.path)))


def test_what_holds_no_composites_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.zarr", 3).path
    with pytest.raises(StoreError, match="holds prepared samples: give a store of composites"):
        open_composites(people)
    composites = folder / "plain-materialised.zarr"
    with pytest.raises(StoreError, match=r"composited samples: give the store of .*prepare"):
        open_store(composites)
    for part in ("foregrounds", "backgrounds", "images"):
        with pytest.raises(StoreError, match=r"part of the composites of .*plain-materialised"):
            open_samples(composites / part)
    assert isinstance(open_samples(composites), CompositeStore)
    assert not isinstance(open_samples(people), CompositeStore)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": ["foreground"]}, "other columns than this version"),
        ({"slots": 4}, "metadata contradicts its arrays"),
        ({"canvas": 65}, "metadata contradicts its arrays"),
        ({"form": 7, "config": None, "canvas": "x"}, "metadata"),
        ({"format": 1}, "store format 1"),
        ({"complete": False}, "not finished"),
    ],
)
def test_altered_metadata_is_one_line(
    folder: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / "plain-materialised.zarr", path)
    group = zarr.open_group(path, mode="r+")
    group.attrs["shm"] = dict(group.attrs["shm"]) | change  # type: ignore[arg-type, assignment]
    with pytest.raises(StoreError, match=message):
        open_composites(path)


@pytest.mark.parametrize("part", ["foregrounds", "backgrounds", "images", "recipe"])
def test_a_part_that_is_gone_is_one_line(folder: Path, tmp_path: Path, part: str) -> None:
    path = tmp_path / "s.zarr"
    shutil.copytree(folder / "plain-materialised.zarr", path)
    shutil.rmtree(path / part)
    with pytest.raises(StoreError, match=str(path)):
        open_composites(path)


def test_the_config_that_made_it_is_kept(folder: Path) -> None:
    store = open_composites(folder / "every option-lazy.zarr")
    config = store.attributes["config"]["recipe"]
    for name, value in asdict(EVERY_OPTION).items():
        assert config[name] == (list(value) if isinstance(value, tuple) else value)
