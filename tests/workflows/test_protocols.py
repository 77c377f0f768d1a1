"""The published protocols, through the real commands, against what the published rules give."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from shm.cli import data
from shm.datasets.composites.store import CompositeStore, open_composites
from tests.workflows.adobe import Pasted, Tree, hair, photo, save, write_tree
from tests.workflows.corpora import Options, run, write_backgrounds


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, there: Options) -> Tree:
    """The made-up tree, and the stores that the documented commands make of it."""
    tree = write_tree(tmp_path_factory.mktemp("protocols"))
    people = tree.root / "people.zarr"
    run("shm-data", "prepare", tree.adobe, people, "--size", 150, "--refine", "none", *there)
    for name, form in (("lazy.zarr", ("--lazy",)), ("images.zarr", ())):
        run(*composition_1k(tree, name), *form, *there)
    return tree


def composition_1k(tree: Tree, out: str) -> tuple[object, ...]:
    stores = (tree.root / "people.zarr", tree.root / out)
    protocol = ("--protocol", "composition-1k", "--lists", tree.adobe)
    return "shm-data", "composite", *stores, *tree.backgrounds, *protocol


def published(pasted: Pasted) -> NDArray[np.uint8]:
    """Return a composite, blue first, as the published rule and OpenCV make it."""
    foreground, alpha = cv2.imread(str(pasted.colours)), cv2.imread(str(pasted.matte))
    background = cv2.imread(str(pasted.background))
    assert foreground is not None
    assert alpha is not None
    assert background is not None
    (h, w), (bh, bw) = foreground.shape[:2], background.shape[:2]
    r = max(w / bw, h / bh)
    if r > 1:
        size = (int(bw * r + 1), int(bh * r + 1))
        background = cv2.resize(background, size, interpolation=cv2.INTER_LINEAR)
    opacity = alpha / 255
    written, file = cv2.imencode(".png", opacity * foreground + (1 - opacity) * background[:h, :w])
    assert written
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("form", ["lazy", "images"])
@pytest.mark.parametrize("part", ["Training_set", "Test_set"])
def test_every_pixel_is_what_the_published_rule_gives(tree: Tree, form: str, part: str) -> None:
    store = open_composites(tree.root / f"{form}.zarr")
    split = {"Training_set": "train", "Test_set": "test"}[part]
    listed = tree.composites(part)
    slots = store.slots_in(split).tolist()
    assert len(listed) == len(slots) == {"train": 200, "test": 40}[split]
    for slot, pasted in zip(slots, listed, strict=True):
        record = store.record(slot)
        assert (record["id"], record["split"]) == (pasted.id, split)
        assert record["background"]["source"].endswith(pasted.background.name)
        arrays = store.read(slot)
        assert np.array_equal(arrays["image"][..., ::-1], published(pasted)), pasted.id
        matte = cv2.imread(str(pasted.matte), cv2.IMREAD_GRAYSCALE)
        assert matte is not None
        assert np.array_equal(arrays["alpha"], matte)


def test_the_exported_files_are_those_of_the_published_set(tree: Tree, tmp_path: Path) -> None:
    run("shm-data", "export", tree.root / "lazy.zarr", tmp_path / "files", "--split", "test")
    listed = tree.composites("Test_set")
    assert len(list((tmp_path / "files" / "image").iterdir())) == len(listed)
    for pasted in listed:
        written = cv2.imread(str(tmp_path / "files" / "image" / f"{pasted.id}.png"))
        assert written is not None
        assert np.array_equal(written, published(pasted)), pasted.id


def test_the_tree_puts_every_part_of_the_rule_to_the_test(tree: Tree) -> None:
    mattes = [np.asarray(Image.open(file)) for file in tree.adobe.rglob("alpha/*.png")]
    assert set(range(256)) == set(np.unique(np.concatenate([matte.ravel() for matte in mattes])))
    store = open_composites(tree.root / "lazy.zarr")
    enlarged = [is_enlarged(store, slot) for slot in store.slots_in("test")]
    assert 5 < sum(enlarged) < 35
    uses = Counter(store.column("background").tolist())
    assert len(uses) == 13
    assert store.backgrounds.slots == 13


def is_enlarged(store: CompositeStore, slot: int) -> bool:
    record = store.record(slot)
    size = store.scenes()[record["background"]["slot"]]["size"]
    return bool([record["recipe"][f"background_{side}"] for side in ("height", "width")] != size)


def test_a_published_set_is_sound(tree: Tree) -> None:
    run("shm-data", "verify", tree.root / "lazy.zarr")
    told = json.loads(run("shm-data", "inspect", tree.root / "lazy.zarr", "--json").stdout)
    assert told["splits"] == {"test": 40, "train": 200}
    assert told["left_out"] == []


Edit = Callable[[Path, Tree], object]
"""What is done to a copy of the four lists."""


def edited(name: str, change: Callable[[str], str]) -> Edit:
    """Return what changes the text of a list."""

    def edit(lists: Path, tree: Tree) -> None:
        del tree
        (lists / name).write_text(change((lists / name).read_text()), newline="")

    return edit


def extra(name: str, line: str) -> Edit:
    """Return what puts a line first in a list."""
    return edited(name, lambda text: f"{line}\n{text}")


def refused(people: Path, out: Path, *options: object, code: int = 1) -> str:
    """Run ``composite`` and return the one line that it ends with."""
    words = ["composite", *map(str, (people, out, *options))]
    done = CliRunner().invoke(data, words, catch_exceptions=False)
    assert done.exit_code == code, done.output
    assert not out.exists()
    *usage, line = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert bool(usage) == (code == 2)
    return line


def with_lists(lists: Path) -> tuple[object, ...]:
    return "--protocol", "composition-1k", "--lists", lists


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda lists, _: shutil.rmtree(lists), "no such folder of lists"),
        (lambda lists, _: [file.unlink() for file in lists.iterdir()], "none of the protocol's"),
        (lambda lists, _: (lists / "test_bg_names.txt").unlink(), "test_bg_names.txt is missing"),
        (lambda lists, _: (lists / "training_fg_names.txt").unlink(), "fg_names.txt is missing"),
        (edited("test_fg_names.txt", lambda _: "\n \n"), "no name in it"),
        (
            edited("test_bg_names.txt", lambda text: "\n".join(text.split()[:39])),
            "39 names, but the 2 foregrounds of test_fg_names.txt need 20 each, 40",
        ),
        (extra("training_bg_names.txt", "../secret.jpg"), "line 1 of"),
        (extra("test_fg_names.txt", "fg\\glass-1.png"), "is a path where a file's name"),
        (extra("test_fg_names.txt", ".."), "is a path where a file's name"),
        (edited("test_fg_names.txt", lambda text: text[:12] * 2), "twice in it"),
        (
            edited("test_fg_names.txt", lambda text: text.replace("glass", "grass")),
            "the store lacks 1 of the lists' foregrounds: grass-1.png (no such file)",
        ),
        (
            edited("test_fg_names.txt", lambda text: text.replace("glass-1.png", "net.old.png")),
            "net.old.png is listed for test, but the store has it in train",
        ),
        (
            edited("test_bg_names.txt", lambda text: text.replace("2008_000002", "2008_999")),
            "no folder has 1 of the lists' backgrounds: 2008_999.jpg",
        ),
        (
            edited("test_bg_names.txt", lambda text: text.replace("2008_", "COCO_val2014_000000")),
            "of the lists' backgrounds: COCO_val2014_",
        ),
        (extra("test_bg_names.txt", "000000581002.jpg"), "have it in train and in test"),
        (
            lambda lists, _: (
                (lists / "old").mkdir(),
                (lists / "old" / "test_fg_names.txt").write_text("x.png"),
            ),
            "differ: keep one of them",
        ),
    ],
)
def test_a_list_that_does_not_fit_is_refused_in_one_line(
    tree: Tree, tmp_path: Path, edit: Edit, told: str
) -> None:
    lists = copied_lists(tree, tmp_path / "lists")
    edit(lists, tree)
    line = refused(
        tree.root / "people.zarr", tmp_path / "out.zarr", *tree.backgrounds, *with_lists(lists)
    )
    assert told in line


def copied_lists(tree: Tree, folder: Path) -> Path:
    folder.mkdir()
    for file in tree.adobe.rglob("*_names.txt"):
        shutil.copy(file, folder)
    return folder


def test_lists_of_any_system_are_the_same_lists(tree: Tree, tmp_path: Path, there: Options) -> None:
    lists = copied_lists(tree, tmp_path / "lists")
    for file in lists.iterdir():
        lines = file.read_text().split()
        file.write_text("\r\n\r\n".join([*lines, " "]), encoding="utf-8-sig", newline="")
    people, out = tree.root / "people.zarr", tmp_path / "out.zarr"
    options = (*tree.backgrounds, *with_lists(lists), "--lazy", *there)
    run("shm-data", "composite", people, out, *options)
    same = [open_composites(path).identity() for path in (out, tree.root / "lazy.zarr")]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--protocol", "composition-1k"), "needs --lists"),
        (("--lists", "."), "only that does"),
        (("--protocol", "shm", "--lists", "."), "only that does"),
        (("--protocol", "shm", "--people", "allow"), "decides --people: leave it out"),
        ((*with_lists(Path()), "--per-foreground", 3), "decides --per-foreground"),
        ((*with_lists(Path()), "--blur", 1, "--jpeg", 80), "decides --blur, --jpeg"),
    ],
)
def test_what_a_protocol_decides_is_wrong_usage(
    tree: Tree, tmp_path: Path, options: tuple[object, ...], told: str
) -> None:
    line = refused(
        tree.root / "people.zarr", tmp_path / "out.zarr", *tree.backgrounds, *options, code=2
    )
    assert told in line


def test_people_made_smaller_than_published_are_refused(
    tree: Tree, tmp_path: Path, there: Options
) -> None:
    small = tmp_path / "small.zarr"
    run("shm-data", "prepare", tree.adobe, small, "--size", 149, "--refine", "none", *there)
    line = refused(small, tmp_path / "out.zarr", *tree.backgrounds, *with_lists(tree.adobe))
    assert "16452_o.png and 0 more were made smaller than published" in line
    assert "--size 150" in line


def test_two_backgrounds_of_one_name_must_be_one_file(
    tree: Tree, tmp_path: Path, there: Options
) -> None:
    (source,) = tree.root.rglob("2008_000002.jpg")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(source, other)
    words = (tree.root / "people.zarr", tmp_path / "out.zarr")
    options = ("--backgrounds", other, *tree.backgrounds, *with_lists(tree.adobe), "--lazy", *there)
    run("shm-data", "composite", *words, *options)
    store, slots = open_composites(words[1]), range(200, 240)
    for slot, pasted in zip(slots, tree.composites("Test_set"), strict=True):
        assert np.array_equal(store.read(slot)["image"][..., ::-1], published(pasted))
    save(other / source.name, photo((60, 60), np.random.default_rng(1)))
    line = refused(words[0], tmp_path / "another.zarr", *options)
    assert "2008_000002.jpg: other/2008_000002.jpg and VOC2012/JPEGImages/2008" in line
    assert "differ, and either may be meant" in line


def test_a_background_that_cannot_be_read_stops_the_protocol(
    tree: Tree, tmp_path: Path, there: Options
) -> None:
    broken = tmp_path / "VOCdevkit"
    shutil.copytree(tree.root / "VOCdevkit", broken)
    file = broken / "VOC2012" / "JPEGImages" / "2008_000003.jpg"
    file.write_bytes(file.read_bytes()[:300])
    folders = ("--backgrounds", broken, "--backgrounds", tree.root / "coco")
    words = (tree.root / "people.zarr", tmp_path / "out.zarr", *folders)
    done = run("shm-data", "composite", *words, *with_lists(tree.adobe), *there, code=1)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert line.count("VOC2012/JPEGImages/2008_000003.jpg: ") == 1
    assert "the protocol needs all of its 13 backgrounds" in line


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory, there: Options) -> Path:
    """A store of two people with colours of their own, and three photos with masks; 203 photos."""
    root, random = tmp_path_factory.mktemp("shm"), np.random.default_rng(3)
    rows = ["image,alpha,mask,foreground,split"]
    for name, split in (("a", "train"), ("b", "test")):
        save(root / "raw" / f"{name}.png", photo((40, 40), random))
        save(root / "raw" / f"{name}_alpha.png", hair((40, 40), random))
        rows.append(f"{name}.png,{name}_alpha.png,,{name}.png,{split}")
    for name, split in (("c", "train"), ("d", "train"), ("e", "test")):
        save(root / "raw" / f"{name}.png", photo((40, 40), random))
        mask = np.zeros((40, 40), np.uint8)
        mask[10:, 12:30] = 255
        save(root / "raw" / f"{name}_mask.png", mask)
        rows.append(f"{name}.png,,{name}_mask.png,,{split}")
    (root / "raw" / "manifest.csv").write_text("\n".join(rows))
    write_backgrounds(root / "backgrounds", 206, people=(3, 4))
    (root / "backgrounds" / "VOC2012" / "Annotations" / "b005.xml").unlink()
    run("shm-data", "prepare", root / "raw", root / "people.zarr", "--refine", "none", *there)
    return root


def test_shm_has_each_background_once_and_none_with_people(
    mixture: Path, tmp_path: Path, there: Options
) -> None:
    out, folder = tmp_path / "shm.zarr", mixture / "backgrounds"
    words = (mixture / "people.zarr", out, "--backgrounds", folder, "--protocol", "shm")
    run("shm-data", "composite", *words, "--lazy", *there)
    run("shm-data", "verify", out)
    store = open_composites(out)
    people = [store.people()[slot]["id"] for slot in store.column("foreground").tolist()]
    assert Counter(people) == {"a": 100, "b": 100, "c": 1, "d": 1, "e": 1}
    backgrounds = store.column("background").tolist()
    assert len(set(backgrounds)) == len(backgrounds) == 203
    used = {store.scenes()[slot]["source"] for slot in backgrounds}
    assert used.isdisjoint({f"VOC2012/JPEGImages/b{number:03d}.jpg" for number in (3, 4, 5)})
    for _, record in store.samples():
        assert record["background"]["split"] == record["split"]


def test_too_few_backgrounds_for_shm_is_one_line_with_both_numbers(
    mixture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "backgrounds"
    shutil.copytree(mixture / "backgrounds", folder)
    (folder / "VOC2012" / "Annotations" / "b100.xml").unlink()
    words = (mixture / "people.zarr", tmp_path / "out.zarr", "--backgrounds", folder)
    line = refused(*words, "--protocol", "shm")
    assert "203 composites need a background each, but there are 202" in line
    assert "2 × a person is annotated in it" in line
    assert "2 × not annotated" in line
