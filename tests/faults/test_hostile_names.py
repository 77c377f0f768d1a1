"""Names and files that attack: each of the tables here says what it gets from the commands.

All that goes into a corpus goes through one run of ``prepare``, all backgrounds through one of
``composite``, and so on: what one of them gets must not depend on what the others do.
"""

import json
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shm.datasets.composites.name_lists import match_people, read_lists
from shm.datasets.composites.planning import PlanError
from shm.datasets.composites.store import open_composites
from shm.datasets.store import open_store
from tests.datasets.stores import write_people
from tests.faults.hostile import (
    ABSENT,
    ACCEPTED,
    ESCAPE,
    FORGED,
    OUT,
    PHOTOS,
    SIDE,
    assert_plain,
    mask,
    png,
)
from tests.workflows.corpora import Options, run, write_backgrounds


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command said, and the store that it wrote."""

    said: dict[str, Any]
    told: str
    store: Path

    def reasons(self, source: str) -> list[str]:
        rejected = self.said["rejected"]
        return [each["reason"] for each in rejected if each["source"] == source]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "outside").mkdir()
    (folder / "outside" / "secret.png").write_bytes(png(90))
    return folder


def prepare(raw: Path, store: Path, there: Options) -> Ran:
    words = (
        "prepare",
        raw,
        store,
        *there,
        "--size",
        SIDE,
        "--refine",
        "none",
        "--foreground",
        "photo",
    )
    done = run("shm-data", *words, "--max-rejects", 1000, "--json")
    again = run("shm-data", *words, "--max-rejects", 1000)
    return Ran(said=json.loads(done.stdout), told=done.stdout + again.stderr, store=store)


@pytest.fixture(scope="module")
def prepared(root: Path, there: Options) -> Ran:
    corpus = root / "corpus"
    for folder in ("images", "masks"):
        (corpus / folder).mkdir(parents=True)
    for name, photo in PHOTOS.items():
        photo.make(corpus / "images" / name)
        if photo.mask:
            (corpus / "masks" / name).with_suffix(".png").write_bytes(mask())
    return prepare(corpus, root / "people.zarr", there)


@pytest.mark.parametrize("name", PHOTOS, ids=ascii)
def test_a_photo_gets_what_the_table_says(name: str, prepared: Ran) -> None:
    photo = PHOTOS[name]
    source = f"images/{name}".encode(errors="surrogateescape").decode(errors="backslashreplace")
    found = [r for _, r in open_store(prepared.store).samples() if r["source"] == source]
    reasons = prepared.reasons(source)
    if photo.gets == ACCEPTED:
        assert (len(found), reasons) == (1, [])
        assert photo.id in ("", found[0]["id"])
    elif photo.gets in ("left alone", ABSENT):
        assert (found, reasons) == ([], [])
        assert (source in prepared.said["left_alone"]) == (photo.gets == "left alone")
    else:
        assert found == []
        assert len(reasons) == 1
        assert reasons[0].startswith(photo.gets)


def test_ids_are_file_names_that_differ_on_every_system(prepared: Ran) -> None:
    ids = [record["id"] for _, record in open_store(prepared.store).samples()]
    assert all(len(name.encode()) <= 230 and "/" not in name for name in ids)
    forms = {unicodedata.normalize("NFC", name).casefold() for name in ids}
    assert len(forms) == len(ids)


def test_of_two_names_in_two_unicode_forms_each_has_its_own_mask(prepared: Ran) -> None:
    for form in ("caf\u00e9", "cafe\u0301"):
        records = [record for _, record in open_store(prepared.store).samples()]
        (own,) = (each for each in records if each["source"] == f"images/{form}.png")
        assert own["annotations"] == {"mask": f"masks/{form}.png"}


def test_no_photo_is_dropped_and_nothing_of_a_name_reaches_the_terminal(prepared: Ran) -> None:
    told = sum(photo.gets not in ("left alone", ABSENT) for photo in PHOTOS.values())
    of_photos = [r for r in prepared.said["rejected"] if r["source"].startswith("images/")]
    assert prepared.said["samples"] + len(of_photos) == told
    assert_plain(prepared.told)
    for options in ((), ("--json",), ("--datasheet",)):
        assert_plain(run("shm-data", "inspect", prepared.store, *options).stdout)


def test_every_sample_is_exported_below_the_folder(prepared: Ran, root: Path) -> None:
    run("shm-data", "export", prepared.store, root / "exported" / "all")
    assert [path.name for path in (root / "exported").iterdir()] == ["all"]
    files = list((root / "exported" / "all").rglob("*.png"))
    assert len(files) == 4 * prepared.said["samples"]
    assert all(len(path.relative_to(root / "exported").parts) == 3 for path in files)


# -------------------------------------------------------------------- manifests

OUTSIDE, NO_NAME = "lies outside the corpus", "can't be a file's name"

ROWS: list[tuple[dict[str, Any] | str, str]] = [
    ({"image": "../outside/secret.png"}, OUTSIDE),
    ({"image": "/etc/passwd"}, OUTSIDE),
    ({"image": "C:\\x.png"}, OUTSIDE),
    ({"image": "C:/images/p0000.png"}, OUTSIDE),
    ({"image": "\\\\host\\share\\x.png"}, OUTSIDE),
    ({"image": "images\\..\\..\\outside\\secret.png"}, OUTSIDE),
    ({"image": "images/../images/p0000.png"}, OUTSIDE),
    ({"image": "images/out.png"}, OUTSIDE),
    ({"image": "file:///etc/passwd"}, OUTSIDE),
    ({"image": ".."}, OUTSIDE),
    ({"image": "images/p\0.png"}, NO_NAME),
    ({"image": "images/\ud800.png"}, NO_NAME),
    ({"image": "~/x.png"}, "there is no file"),
    ({"image": f"{FORGED}.png"}, "there is no file"),
    ({"image": "n" * 300}, "there is no file"),
    ({"image": "images"}, "there is no file"),
    ({"image": "images/p0000.png", "id": "../../x"}, "not safe as a file name"),
    ({"image": "images/p0000.png", "id": "NUL"}, "not safe as a file name"),
    ({"image": "images/p0000.png", "id": "日" * 100}, "not safe as a file name"),
    ({"image": "images/p0000.png", "id": FORGED}, "not safe as a file name"),
    ({"image": {"a": 1}}, "not a text"),
    ('{"image": 1' + "0" * 5000 + "}", "not a JSON object"),
    ("[" * 100_000, "not a JSON object"),
    (ESCAPE, "not a JSON object"),
]
"""A row of a manifest, and how it is refused."""


@pytest.fixture(scope="module")
def listed(root: Path, there: Options) -> Ran:
    corpus = root / "listed"
    for folder in ("images", "masks"):
        (corpus / folder).mkdir(parents=True)
    (corpus / "images" / "p0000.png").write_bytes(png())
    (corpus / "masks" / "p0000.png").write_bytes(mask())
    (corpus / "images" / "out.png").symlink_to("../../outside/secret.png")
    rows = [
        row if isinstance(row, str) else json.dumps({"mask": "masks/p0000.png"} | row)
        for row, _ in ROWS
    ]
    last = {"image": "images/p0000.png", "mask": "masks/p0000.png", "group": FORGED}
    (corpus / "manifest.jsonl").write_text("\n".join([*rows, json.dumps(last)]))
    return prepare(corpus, root / "listed.zarr", there)


@pytest.mark.parametrize("row", range(len(ROWS)), ids=lambda row: ascii(ROWS[row][0])[:40])
def test_a_row_of_a_manifest_gets_what_the_table_says(row: int, listed: Ran) -> None:
    begins = f"line {row + 1} of manifest.jsonl: "
    (reason,) = (
        each["reason"] for each in listed.said["rejected"] if each["reason"].startswith(begins)
    )
    assert ROWS[row][1] in reason


def test_the_rest_of_a_manifest_is_prepared(listed: Ran) -> None:
    assert listed.said["samples"] == 1
    assert_plain(listed.told)
    assert_plain(run("shm-data", "inspect", listed.store, "--sample", "p0000").stdout)


# -------------------------------------------------------------------- backgrounds

CHAIR = "<annotation><object><name>chair</name></object></annotation>"
ENTITY = """<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<annotation><object><name>&x;</name></object></annotation>"""

SCENES: dict[str, tuple[str | None, str | None]] = {
    # name: its annotation (None: a link that leads out), and why it is left out (None: it is used)
    f"escape{ESCAPE}": (CHAIR, None),
    "new\nline": (CHAIR, None),
    "<b>": (CHAIR.replace("chair", "ch&#x9b;31mair"), None),
    "entity": (ENTITY, "not annotated (entity.xml is damaged or not VOC's)"),
    "linked": (None, "not annotated (linked.xml is a link that leads out of the corpus)"),
}

COCO: dict[str, bool] = {
    # file_name: whether it is one of the folder's
    "000000000000.jpg": True,
    "../../outside/secret.png": False,
    "/etc/passwd": False,
    "..": False,
    "a\0b.jpg": False,
    "\ud800.jpg": False,
    "C:\\x.jpg": False,
    FORGED: False,
    "n" * 300: False,
}


@pytest.fixture(scope="module")
def voc(root: Path) -> Path:
    folder = write_backgrounds(root / "voc", 4)
    photos = folder / "VOC2012" / "JPEGImages"
    annotations = folder / "VOC2012" / "Annotations"
    (root / "outside" / "linked.xml").write_text(CHAIR)
    for number, (name, (xml, _)) in enumerate(SCENES.items()):
        noise = np.random.default_rng(50 + number).integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(noise).save(photos / f"{name}.jpg")
        if xml is None:
            (annotations / f"{name}.xml").symlink_to(root / "outside" / "linked.xml")
        else:
            (annotations / f"{name}.xml").write_text(xml)
    (photos / "out.jpg").symlink_to(root / "outside" / "secret.png")
    (photos / "away").symlink_to(root / "outside")
    os.mkfifo(photos / "pipe.jpg")
    return folder


@pytest.fixture(scope="module")
def coco(root: Path, voc: Path) -> Path:
    folder = root / "coco"
    (folder / "annotations").mkdir(parents=True)
    (folder / "train2017").mkdir()
    first = voc / "VOC2012" / "JPEGImages" / "b000.jpg"
    (folder / "train2017" / "000000000000.jpg").write_bytes(first.read_bytes() + b"\0")
    about = {
        "images": [
            {"id": number, "file_name": name, "license": 1} for number, name in enumerate(COCO)
        ],
        "licenses": [{"id": 1, "name": FORGED}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": f"dog{FORGED}"}],
        "annotations": [{"image_id": number, "category_id": 2} for number in range(len(COCO))],
    }
    (folder / "annotations" / "instances_train2017.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(scope="module")
def people(root: Path) -> Path:
    write_people(root / "prepared.zarr", 5)
    return root / "prepared.zarr"


def composite(people: Path, store: Path, there: Options, *backgrounds: Path, code: int = 0) -> Any:
    given = [word for folder in backgrounds for word in ("--backgrounds", folder)]
    options = ("--per-foreground", 2, "--lazy", "--json")
    return run("shm-data", "composite", people, store, *there, *given, *options, code=code)


def test_backgrounds_get_what_the_tables_say(
    root: Path, people: Path, voc: Path, coco: Path, there: Options
) -> None:
    store = root / "train.zarr"
    composite(people, store, there, voc, coco)
    about = json.loads(run("shm-data", "inspect", store, "--json").stdout)
    left_out = {each["source"]: each["reason"] for each in about["left_out"]}
    known = {scene["source"] for scene in open_composites(store).scenes().values()}
    for name, (_, reason) in SCENES.items():
        source = f"VOC2012/JPEGImages/{name}.jpg"
        assert (source in known) == (reason is None)
        assert left_out.get(source, "").startswith(reason or "")
    assert left_out["voc/VOC2012/JPEGImages/out.jpg"].startswith(OUT)
    assert left_out["voc/VOC2012/JPEGImages/away"].startswith(OUT)
    assert left_out["voc/VOC2012/JPEGImages/pipe.jpg"] == "not a regular file"
    inside = {f"coco/train2017/{name}" for name, is_there in COCO.items() if is_there}
    assert {source for source in {*known, *left_out} if source.startswith("coco/")} == inside
    for options in ((), ("--json",), ("--datasheet",)):
        assert_plain(run("shm-data", "inspect", store, *options).stdout)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda voc, _: person_list(voc), "person_out.txt: a link that leads out of the corpus"),
        (lambda _, coco: annotate(coco, b"[" * 200_000), "lists in lists, or a name, without end"),
        (lambda _, coco: annotate(coco, b'{"images":[{"id":1e400}]}'), "not COCO's annotations"),
        (lambda _, coco: annotate(coco, ESCAPE.encode()), "not COCO's annotations"),
    ],
    ids=["a list that leads out", "brackets", "infinity", "an escape"],
)
def test_annotations_that_attack_are_refused_in_a_line(
    change: Callable[[Path, Path], object],
    told: str,
    root: Path,
    people: Path,
    tmp_path: Path,
    there: Options,
) -> None:
    voc = write_backgrounds(tmp_path / "voc", 3)
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    (tmp_path / "coco" / "a.png").write_bytes(png())
    (root / "outside" / "list.txt").write_text("b000 1\n")
    change(voc, tmp_path / "coco")
    done = composite(people, tmp_path / "x.zarr", there, voc, tmp_path / "coco", code=1)
    assert told in done.stderr
    assert_plain(done.stderr)


def person_list(voc: Path) -> None:
    lists = voc / "VOC2012" / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "person_out.txt").symlink_to(voc.parent / "coco" / "a.png")


def annotate(coco: Path, content: bytes) -> None:
    (coco / "annotations" / "instances_train2017.json").write_bytes(content)


NAMES_OF_LISTS = {
    b"../x.png": "a path where a file's name should stand",
    b"/etc/passwd": "a path where a file's name should stand",
    b"C:\\x.png": "a path where a file's name should stand",
    b"\\\\host\\x": "a path where a file's name should stand",
    b"..": "a path where a file's name should stand",
    b"C:x.png": "no such file",
    b"a\0b.png": "no such file",
    b"\xff.png": "no such file",
    FORGED.split("\n", maxsplit=1)[0].encode(): "no such file",
}


@pytest.mark.parametrize("name", NAMES_OF_LISTS, ids=ascii)
def test_a_name_in_a_protocols_lists_is_never_a_path(
    name: bytes, people: Path, tmp_path: Path
) -> None:
    (tmp_path / "training_fg_names.txt").write_bytes(name + b"\n")
    (tmp_path / "training_bg_names.txt").write_bytes(b"b000.jpg\n" * 100)
    with pytest.raises(PlanError, match=re.escape(NAMES_OF_LISTS[name])):
        match_people(read_lists(tmp_path), dict(open_store(people).samples()))


def test_a_list_that_leads_out_is_not_read(root: Path, tmp_path: Path) -> None:
    (root / "outside" / "secret.txt").write_text("TOP SECRET\n")
    for name in ("training_fg_names.txt", "training_bg_names.txt"):
        (tmp_path / name).symlink_to(root / "outside" / "secret.txt")
    with pytest.raises(PlanError, match="a link that leads out of") as refusal:
        read_lists(tmp_path)
    assert "SECRET" not in str(refusal.value)
