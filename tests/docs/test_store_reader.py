"""The page of the store says all: what is read by it alone is, bit for bit, what `shm` reads."""

import ast
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from shm.datasets.composites.recipe import COLUMNS, Recipe
from shm.datasets.composites.store import CompositeStore, open_composites
from shm.datasets.image import read_photo
from shm.pipeline.composite import BackgroundCrop, cover_size
from shm.pipeline.placement import Placement
from shm.pipeline.values import RgbImage, Size
from tests.datasets.image_files import turned
from tests.docs import store_reader as reader
from tests.docs.blocks import ROOT
from tests.pipeline.scenes import scene
from tests.workflows.clusters import TcpCluster
from tests.workflows.corpora import run

PAGE = (ROOT / "docs" / "store.md").read_text()

SCALES = (1.0, 0.12, 0.3, 0.45, 0.9, 1.37, 2.6)
"""Some that halve once and more often, and one that enlarges."""

EVERY_OPTION = (
    *("--people-per-composite", 2, "--placement", "move,scale,flip", "--match-colours", "0.2,0.9"),
    *("--blur", "0,2", "--noise", "1,4", "--jpeg", "60,95", "--linear", "--seed", 7),
)


def write_people(folder: Path) -> None:
    """Write photos of discs at sizes of their own, odd ones among them, and masks."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number, side in enumerate((160, 64, 96, 51, 133, 80)):
        image, alpha, _, _ = scene(side)
        part = slice(0, side), slice(3 * number, side - number)
        own = np.maximum(image, 9 * number).astype(np.uint8)[part]
        mask = np.where(alpha >= 128, np.uint8(255), np.uint8(0))[part]
        Image.fromarray(own).save(folder / "images" / f"p{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"p{number}.png")


def write_photos(folder: Path) -> None:
    """Write a photo of every kind: turned each way, grey, with a palette, of 16 bits, of inks."""
    folder.mkdir()
    for orientation in range(1, 9):
        whole = Image.fromarray(photo(orientation))
        whole.save(folder / f"{orientation}.jpg", quality=90, exif=turned(orientation))
    for number, suffix in enumerate(("png", "tif", "webp"), 9):
        Image.fromarray(photo(number)).save(folder / f"turned.{suffix}", exif=turned(6))
    for number, suffix in enumerate(("bmp", "gif", "ppm"), 12):
        Image.fromarray(photo(number)).save(folder / f"plain.{suffix}")
    for number, mode in enumerate(("1", "L", "LA", "RGBA"), 15):
        Image.fromarray(photo(number)).convert(mode).save(folder / f"{mode}.png")
    Image.fromarray(photo(19)).convert("CMYK").save(folder / "inks.jpg")
    palette = Image.fromarray(photo(20)).quantize(16)
    palette.save(folder / "palette.png", transparency=bytes(range(0, 160, 10)))
    deep = photo(21).astype(np.uint16) * 256 + photo(22)
    cv2.imwrite(str(folder / "deep.png"), deep)
    Image.fromarray(deep[..., 0]).save(folder / "deep-grey.png", exif=turned(8))
    (folder / "deep.pgm").write_bytes(b"P5 140 101 65535\n" + deep[..., 1].astype(">u2").tobytes())


def photo(number: int) -> RgbImage:
    coarse = np.random.default_rng(number).integers(0, 256, (9, 13, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((140, 101), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def folder(cluster: TcpCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of people and photos, and of stores that commands made of them."""
    folder = tmp_path_factory.mktemp("stores")
    write_people(folder / "photos")
    write_photos(folder / "backgrounds")
    people, on_cluster = folder / "people.zarr", ("--scheduler", cluster.address, "--quiet")
    run("shm-data", "prepare", folder / "photos", people, "--split", "1,0,0", *on_cluster)
    for name, options in {
        "lazy": ("--lazy", "--per-foreground", 6),
        "every": ("--per-foreground", 4, *EVERY_OPTION),
        "decoded": ("--lazy", "--per-foreground", 4, "--decode-backgrounds"),
    }.items():
        backgrounds = ("--backgrounds", folder / "backgrounds", "--unlabelled", "allow")
        target = folder / f"{name}.zarr"
        run("shm-data", "composite", people, target, *backgrounds, *options, *on_cluster)
    run("shm-data", "materialise", folder / "lazy.zarr", folder / "full.zarr", *on_cluster)
    return folder


# ------------------------------------------------------------------ recipes of every kind

Change = Callable[[Recipe, Size, np.random.Generator], Recipe]


def enlarged(recipe: Recipe, size: Size, random: np.random.Generator) -> Recipe:
    height, width = recipe.crop.scaled
    scaled = int(height * random.uniform(1, 1.7)), int(width * random.uniform(1, 1.7))
    top, left = (
        int(random.integers(have - need + 1)) for have, need in zip(scaled, size, strict=True)
    )
    return replace(recipe, crop=BackgroundCrop(scaled=scaled, top=top, left=left, flip=True))


def placement(size: Size, random: np.random.Generator) -> Placement:
    top, left = (int(random.integers(-side // 2, side // 2)) for side in size)
    scale = float(np.float32(random.choice(SCALES)))
    return Placement(scale=scale, top=top, left=left, flip=bool(random.integers(2)))


def moved(recipe: Recipe, size: Size, random: np.random.Generator) -> Recipe:
    return replace(recipe, placement=placement(size, random))


def with_second(recipe: Recipe, size: Size, random: np.random.Generator) -> Recipe:
    second = int(random.integers(6))
    return replace(recipe, second=second, second_placement=placement(size, random))


def with_number(name: str, low: float, high: float) -> Change:
    def change(recipe: Recipe, size: Size, random: np.random.Generator) -> Recipe:
        del size
        changed: dict[str, Any] = {name: float(np.float32(random.uniform(low, high)))}
        return replace(recipe, **changed)

    return change


def with_jpeg(recipe: Recipe, size: Size, random: np.random.Generator) -> Recipe:
    del size
    return replace(recipe, jpeg=int(random.integers(1, 101)))


CHANGES: dict[str, Change] = {
    "enlarged": enlarged,
    "moved": moved,
    "second": with_second,
    "match": with_number("match", 0.1, 1),
    "blur": with_number("blur", 0.2, 20),
    "noise": with_number("noise", 0.2, 50),
    "jpeg": with_jpeg,
}


def write_recipes(path: Path, changes: list[Change], *, linear: bool) -> CompositeStore:
    """Write recipes of all people and all photos, each changed in the same ways."""
    store = open_composites(path, writable=True)
    random = np.random.default_rng(0)
    people, scenes = store.people(), list(store.scenes().items())
    recipes = []
    for slot in range(store.slots):
        person, (where, photo) = slot % len(people), scenes[slot % len(scenes)]
        height, width = people[person]["size"]
        scaled = cover_size((photo["size"][0], photo["size"][1]), (height, width))
        recipe = Recipe(
            foreground=person, number=slot, background=where, crop=BackgroundCrop(scaled=scaled)
        )
        for change in changes:
            recipe = change(recipe, (height, width), random)
        recipes.append(recipe)
    config = store.attributes["config"]
    store.mark(config=config | {"recipe": config["recipe"] | {"linear": linear}})
    store.write_recipes(recipes)
    return open_composites(path)


def differences(path: Path, store: CompositeStore) -> list[tuple[str, object]]:
    """Return the arrays that the page's reader makes otherwise, with their recipes."""
    found: list[tuple[str, object]] = []
    for slot in range(store.slots):
        theirs, ours = store.read(slot), reader.read_composite(path, slot)
        different = [
            name
            for name in {*theirs, *ours}
            if name not in ours or not np.array_equal(theirs[name], ours[name])
        ]
        found += [(name, reader.read_recipe(path, slot)) for name in different]
    return found


@pytest.mark.parametrize("name", ["plain", *CHANGES, "linear", "all"])
def test_the_page_says_how_a_recipe_becomes_a_composite(
    folder: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "lazy.zarr"
    shutil.copytree(folder / "lazy.zarr", path)
    changes = (
        list(CHANGES.values()) if name == "all" else [CHANGES[name]] if name in CHANGES else []
    )
    store = write_recipes(path, changes, linear=name in ("linear", "all"))
    assert differences(path, store) == []


def test_images_that_a_command_stored_are_made_from_their_recipes_by_the_page(folder: Path) -> None:
    for path in (folder / "every.zarr", folder / "full.zarr"):
        slots = reader.read_attributes(path)["slots"]
        assert slots > 20
        for slot in range(slots):
            made, stored = (
                reader.read_composite(path, slot),
                reader.read_stored_composite(path, slot),
            )
            for name, array in stored.items():
                assert np.array_equal(array, made[name])


def test_backgrounds_that_are_kept_as_pixels_are_read_by_the_page(folder: Path) -> None:
    path = folder / "decoded.zarr"
    assert differences(path, open_composites(path)) == []


def test_every_kind_of_photo_is_decoded_as_the_page_says(folder: Path) -> None:
    files = sorted((folder / "backgrounds").iterdir())
    for file in files:
        assert np.array_equal(reader.decoded(file.read_bytes()), read_photo(file)), file.name
    backgrounds = folder / "lazy.zarr" / "backgrounds"
    records = [reader.read_record(backgrounds, slot) for slot in range(len(files))]
    assert {record["encoding"] for record in records} == {"file"}
    assert {tuple(record["size"]) for record in records} == {(101, 140), (140, 101)}


# ------------------------------------------------------------------ what a store says of itself


def test_digests_seals_and_hashes_are_what_the_page_says(folder: Path) -> None:
    for name in ("people", "full", "every"):
        path = folder / f"{name}.zarr"
        for group in path.rglob("zarr.json"):
            if "shm" in json.loads(group.read_text())["attributes"]:
                about = reader.read_attributes(group.parent)
                assert about["seal"] == reader.seal_of(about)
                if about["kind"] != "composited":
                    reader.check_digests(group.parent)
    about = reader.read_attributes(folder / "full.zarr")
    assert about["recipes"] == reader.recipes_of(folder / "full.zarr")
    assert about["people"]["identity"] == reader.identity_of(folder / "people.zarr")
    assert about["columns"] == list(COLUMNS)


def keys_in(heading: str) -> set[str]:
    """Return what stands in backticks in the first column of the table below a heading."""
    below = PAGE.partition(f"\n### {heading}\n")[2]
    rows = re.findall(r"^\| (.*?) \|", re.split(r"\n#+ ", below)[0], re.MULTILINE)
    found = {key for row in rows for key in re.findall(r"`([^`]+)`", row)}
    assert found
    return found


def test_the_tables_of_attributes_are_those_of_stores(folder: Path) -> None:
    def said(path: Path) -> set[str]:
        return set(reader.read_attributes(path))

    assert said(folder / "people.zarr") == keys_in("Attributes of people")
    for name in ("lazy", "full"):
        assert said(folder / f"{name}.zarr") == keys_in("Attributes of composites")
    for name in ("foregrounds", "backgrounds", "images"):
        assert said(folder / "full.zarr" / name) == keys_in("Attributes of the parts")
    assert not (folder / "lazy.zarr" / "images").exists()


def test_the_tables_of_records_are_those_of_stores(folder: Path, cluster: TcpCluster) -> None:
    (folder / "photos" / "images" / "empty.png").write_bytes(b"")
    shutil.copy(folder / "photos" / "masks" / "p0.png", folder / "photos" / "masks" / "empty.png")
    options = ("--scheduler", cluster.address, "--quiet")
    run("shm-data", "prepare", folder / "photos", folder / "one-bad.zarr", *options, code=1)

    def said(group: Path, slot: int = 0) -> dict[str, Any]:
        return reader.read_record(group, slot)

    assert {*said(folder / "people.zarr"), "mark"} == keys_in("Records of people")
    assert set(said(folder / "lazy.zarr" / "backgrounds")) == keys_in("Records of backgrounds")
    assert set(said(folder / "full.zarr" / "images")) == keys_in("Records of images")
    slots = reader.read_attributes(folder / "one-bad.zarr")["slots"]
    records = [said(folder / "one-bad.zarr", slot) for slot in range(slots)]
    (bad,) = [record for record in records if "rejected" in record]
    sometimes = {"mark", "sha256", "annotations_sha256"}
    assert {*bad} | sometimes == keys_in("Records of rejected inputs")


def test_the_reader_knows_neither_zarr_nor_shm() -> None:
    tree = ast.parse(Path(reader.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [getattr(node, "module", None) or node.names[0].name for node in imports]
    assert not {name.partition(".")[0] for name in names} & {"zarr", "shm", "tests", "pipeline"}
    assert {"numpy", "PIL", "zstandard", "google_crc32c"} < set(names)
