"""The sample corpus: the same bytes each time, exact truth, and one astronaut."""

import hashlib
import multiprocessing
import socket
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from defusedxml import ElementTree
from PIL import Image

from shm.datasets.sample import SampleConfig, write_portrait, write_scenery
from shm.datasets.sample.backgrounds import SCENES, cut_photo, write_backgrounds
from shm.datasets.sample.layer import Layer, rgb
from shm.datasets.sample.person import HAIR_STYLES, Person, random_person
from shm.datasets.sample.render import Portrait, extended_colours, render
from shm.datasets.sample.stance import Stance
from shm.pipeline.errors import ShmError

PEOPLE = 12


@cache
def portrait(index: int, size: int = 160) -> tuple[Person, Portrait]:
    person = random_person(0, index, size)
    return person, render(person, 0, index)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def write_sample(folder: Path, config: SampleConfig) -> None:
    write_scenery(folder)
    for index in range(config.people):
        write_portrait(folder, config, index)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("sample")
    write_sample(folder, SampleConfig(people=3, size=96, seed=7))
    return folder


def test_the_corpus_has_every_file_that_its_layout_promises(corpus: Path) -> None:
    names = [f"person_{i:04d}" for i in range(3)]
    for part, suffix in (
        ("images", "jpg"), ("masks", "png"), ("truth/alphas", "png"), ("truth/foregrounds", "png"),
    ):  # fmt: skip
        assert sorted(p.name for p in (corpus / part).iterdir()) == [f"{n}.{suffix}" for n in names]
    assert not [p for p in corpus.rglob("*") if p.name.startswith(".")]


def test_masks_are_alphas_of_at_least_half(corpus: Path) -> None:
    for mask in (corpus / "masks").iterdir():
        alpha = pixels(corpus / "truth" / "alphas" / mask.name)
        np.testing.assert_array_equal(pixels(mask), np.where(alpha >= 128, 255, 0))


def test_photos_are_jpegs_without_subsampling_and_of_the_long_side_asked_for(corpus: Path) -> None:
    for path in (corpus / "images").iterdir():
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert max(image.size) == 96
            assert {layer[1:3] for layer in image.layer} == {(1, 1)}  # type: ignore[attr-defined]


def test_the_saved_photo_is_the_composite_of_the_saved_truth_but_for_noise(corpus: Path) -> None:
    for path in (corpus / "images").iterdir():
        stem = path.stem
        alpha = pixels(corpus / "truth" / "alphas" / f"{stem}.png")
        foreground = pixels(corpus / "truth" / "foregrounds" / f"{stem}.png").astype(int)
        off = np.abs(pixels(path).astype(int) - foreground)[alpha == 255]
        assert off.mean() < 5


def test_running_again_gives_the_same_bytes_and_keeps_other_files(tmp_path: Path) -> None:
    config = SampleConfig(people=1, size=64, seed=3)
    (tmp_path / "notes.txt").write_text("mine")
    write_sample(tmp_path, config)
    first = digests(tmp_path)
    (tmp_path / "images" / "person_0000.jpg").write_bytes(b"damaged")
    write_sample(tmp_path, config)
    assert digests(tmp_path) == first
    assert "notes.txt" in first


def test_two_processes_write_the_same_bytes_as_one(corpus: Path, tmp_path: Path) -> None:
    config = SampleConfig(people=3, size=96, seed=7)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for task in [pool.submit(write_portrait, tmp_path, config, i) for i in (2, 0, 1)]:
            task.result()
    ours = digests(tmp_path)
    theirs = digests(corpus)
    assert ours == {name: theirs[name] for name in ours}
    assert len(ours) == 12


def test_the_threads_of_opencv_do_not_matter() -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = render(random_person(0, 5, 128), 0, 5)
        cv2.setNumThreads(4)
        together = render(random_person(0, 5, 128), 0, 5)
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(alone.image, together.image)
    np.testing.assert_array_equal(alone.alpha, together.alpha)


def test_another_seed_gives_other_people() -> None:
    other = render(random_person(1, 0, 96), 1, 0)
    ours = render(random_person(0, 0, 96), 0, 0)
    assert not np.array_equal(other.image, ours.image)


def test_twelve_people_wear_twelve_different_hairdos() -> None:
    assert {random_person(4, i, 96).style for i in range(12)} == set(HAIR_STYLES)


@pytest.mark.parametrize("index", range(PEOPLE))
def test_the_image_is_the_composite_of_its_parts_within_the_noise(index: int) -> None:
    person, made = portrait(index)
    alpha = made.alpha[..., None] / 255
    mixed = alpha * made.foreground + (1 - alpha) * made.background
    inner = (mixed > 15) & (mixed < 240)  # noise is cut off at black and white
    off = (made.image - mixed)[inner]
    assert abs(off.mean()) < 0.1
    assert np.abs(off).max() < 6.5 * person.grain + 0.5
    assert off.std() < person.grain + 0.35


@pytest.mark.parametrize("index", range(PEOPLE))
def test_every_portrait_has_certain_subject_and_certain_background(index: int) -> None:
    _, made = portrait(index)
    assert (made.alpha == 255).mean() > 0.05
    assert (made.alpha == 0).mean() > 0.03


@pytest.mark.parametrize("index", range(PEOPLE))
def test_no_face_has_a_hole(index: int) -> None:
    person, made = portrait(index)
    x, y = Stance.of(person).head_grid()
    face = (x / 0.50) ** 2 + ((y - 0.2) / 0.65) ** 2 < 1
    assert made.alpha[face].min() >= 254


@pytest.mark.parametrize("index", range(PEOPLE))
def test_no_part_floats_beside_its_person(index: int) -> None:
    _, made = portrait(index)
    _, labels = cv2.connectedComponents((made.alpha > 40).astype(np.uint8), connectivity=8)
    sizes = np.bincount(np.asarray(labels).ravel())[1:]
    assert sizes.max() / sizes.sum() > 0.995


def test_hairy_heads_have_several_times_the_fractional_pixels_of_bald_ones() -> None:
    softness: dict[str, float] = {}
    for index in range(PEOPLE):
        person, made = portrait(index)
        above_the_chin = Stance.of(person).head_grid()[1] < 0.9
        soft = above_the_chin & (made.alpha > 5) & (made.alpha < 250)
        softness[person.style] = float(soft.sum() / person.head)
    assert min(softness, key=lambda style: softness[style]) in {"bald", "buzz"}
    for style in ("frizzy", "curls", "long wavy", "long straight"):
        assert softness[style] > 2 * softness["bald"], softness


def test_frizzy_hair_takes_a_sane_share_of_the_picture() -> None:
    index = next(i for i in range(PEOPLE) if random_person(0, i, 256).style == "frizzy")
    alpha = portrait(index, 256)[1].alpha
    assert 0.03 < ((alpha > 0) & (alpha < 255)).mean() < 0.45
    assert len(np.unique(alpha)) > 200  # strands cover every share of a pixel


def test_some_arms_leave_a_gap_through_which_the_background_is_seen() -> None:
    index = next(i for i in range(48) if "hip" in random_person(0, i, 160).arms)
    alpha = portrait(index)[1].alpha
    _, _, boxes, _ = cv2.connectedComponentsWithStats((alpha == 0).astype(np.uint8))
    assert len(boxes) > 2
    assert sorted(int(box[cv2.CC_STAT_AREA]) for box in boxes[1:])[-2] > 30


def test_true_colours_do_not_change_where_the_person_is_opaque_and_go_on_beyond() -> None:
    colour = np.zeros((32, 32, 3), np.float32)
    alpha = np.zeros((32, 32), np.float32)
    colour[8:20, 8:20] = (0.8, 0.4, 0.2)
    alpha[8:20, 8:20] = 1
    filled = extended_colours(Layer(colour, alpha))
    np.testing.assert_allclose(
        filled, np.broadcast_to(rgb([0.8, 0.4, 0.2]), filled.shape), atol=0.01
    )


def test_over_with_full_opacity_hides_what_lies_below() -> None:
    red = Layer.of(rgb([1, 0, 0]), np.ones((4, 4), np.float32))
    blue = Layer.of(rgb([0, 0, 1]), np.ones((4, 4), np.float32))
    np.testing.assert_array_equal(red.over(blue).premultiplied, red.premultiplied)


def test_the_backgrounds_annotate_exactly_the_astronaut_as_a_person(corpus: Path) -> None:
    root = corpus / "backgrounds" / "VOCdevkit" / "VOC2012"
    names = (root / "ImageSets" / "Main" / "trainval.txt").read_text().split()
    lines = (root / "ImageSets" / "Main" / "person_trainval.txt").read_text().splitlines()
    marked = {line.split()[0] for line in lines if line.split()[1] == "1"}
    assert [line.split()[0] for line in lines] == names
    assert {line[len(names[0]) :] for line in lines} == {" -1", "  1"}
    found = set()
    for name in names:
        tree = ElementTree.parse(root / "Annotations" / f"{name}.xml")
        height, width = pixels(root / "JPEGImages" / f"{name}.jpg").shape[:2]
        assert tree.findtext("filename") == f"{name}.jpg"
        assert (tree.findtext("size/width"), tree.findtext("size/height")) == (
            str(width),
            str(height),
        )
        for thing in tree.iterfind("object"):
            box = [int(thing.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")]
            assert 1 <= box[0] < box[2] <= width
            assert 1 <= box[1] < box[3] <= height
            if thing.findtext("name") == "person":
                found.add(name)
                assert "astronaut" in str(tree.findtext("source/image"))
    assert found == marked
    assert len(found) == 1


def test_backgrounds_are_many_large_enough_and_never_twice_the_same_place() -> None:
    assert 30 <= len(SCENES) <= 40
    for scene in SCENES:
        assert min(cut_photo(scene).shape[:2]) >= 256
    for i, scene in enumerate(SCENES):
        for other in SCENES[i + 1 :]:
            (a, b, c, d), (e, f, g, h) = scene.box, other.box
            apart = c <= e or g <= a or d <= f or h <= b
            assert scene.photo != other.photo or apart


def test_nothing_is_fetched_from_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the sample corpus opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert write_backgrounds(tmp_path) == len(SCENES)


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SampleConfig(people=1, size=64)
    write_portrait(tmp_path, config, 0)
    before = digests(tmp_path)

    def pull_the_plug(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", pull_the_plug)
    with pytest.raises(KeyboardInterrupt):
        write_portrait(tmp_path, SampleConfig(people=1, size=64, seed=9), 0)
    assert digests(tmp_path) == before


@pytest.mark.parametrize("wrong", [{"people": 0}, {"size": 63}])
def test_a_corpus_of_nobody_or_of_stamps_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ShmError, match="at least"):
        SampleConfig(**wrong)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    place = tmp_path / "taken"
    place.write_text("")
    with pytest.raises(ShmError, match="taken is a file"):
        write_sample(place, SampleConfig())
