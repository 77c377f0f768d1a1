"""Names and files that attack: each of the tables here says what it gets from the commands.

All that goes into a corpus goes through one run of ``prepare``, all backgrounds through one of
``composite``, and so on: what one of them gets must not depend on what the others do.
"""

import json
import os
import re
import shutil
import socket
import struct
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shm.checkpoint import CheckpointError, load_model
from shm.datasets.composites.name_lists import match_people, read_lists
from shm.datasets.composites.planning import PlanError
from shm.datasets.composites.store import open_composites
from shm.datasets.damage import DamageError, StoreError
from shm.datasets.group import seal
from shm.datasets.record import RECORD_BYTES, Record, encode_record
from shm.datasets.store import open_store
from shm.pipeline.errors import ShmError
from shm.workflows.datasheet import datasheet
from shm.workflows.export import export_store
from shm.workflows.inspect import inspect_store
from shm.workflows.verify import verify_store
from tests.datasets.stores import write_people, write_store
from tests.pipeline.scenes import scene
from tests.shm.checkpoint.checkpoints import write as write_checkpoint
from tests.workflows.corpora import Options, run, write_backgrounds

SIDE = 32
ESCAPE = "\x1b]0;owned\x07"
"""Sets the title of a terminal that is shown it."""

FORGED = f"{ESCAPE}\nforged line\u202e\x9b31m<script>|"

ACCEPTED, ABSENT = "accepted", "absent"
"""What a name may get, beside a reason for its rejection or how it is left alone."""


# -------------------------------------------------------------------- the corpus


def png(shade: int = 0) -> bytes:
    """Return a photo as a PNG; each shade is another photo."""
    image = np.clip(scene(SIDE)[0].astype(int) - 2 * shade, 0, 255).astype(np.uint8)
    image[0, :8] = shade
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def negative() -> bytes:
    """Return a photo that looks like none of the others."""
    buffer = BytesIO()
    Image.fromarray(255 - scene(SIDE)[0]).save(buffer, "PNG")
    return buffer.getvalue()


def mask() -> bytes:
    buffer = BytesIO()
    alpha = scene(SIDE)[1]
    Image.fromarray(np.where(alpha >= 128, np.uint8(255), np.uint8(0))).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG whose header promises that many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def animation() -> bytes:
    buffer = BytesIO()
    frames = [Image.fromarray(np.full((SIDE, SIDE), grey, np.uint8)) for grey in (0, 90, 200)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def text_bomb() -> bytes:
    """Return a PNG with a comment that is 4 MB when it is unpacked."""
    whole = png()
    packed = b"Comment\0\0" + zlib.compress(bytes(4_000_000))
    check = struct.pack(">I", zlib.crc32(b"zTXt" + packed))
    return whole[:33] + struct.pack(">I", len(packed)) + b"zTXt" + packed + check + whole[33:]


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A file among the photos, and what becomes of it.

    `make` puts it at a path, whose folder is there; `gets` is `ACCEPTED`, `ABSENT` (neither it nor
    its mask is told of) or begins the reason; `id` is the sample's, where it is not the stem.
    """

    make: Callable[[Path], object]
    gets: str
    id: str = ""
    mask: bool = True


def content(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def link(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def bind(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


OUT = "a link that leads out of the corpus"
NO_TEXT = "its name is not valid UTF-8"
NO_IMAGE = "not an image"

NAMES = {
    # name without suffix: the id that it gets, where that is told here
    "new\nline": "new_line",
    "carriage\rreturn": "carriage_return",
    "quote's": "quote's",
    'double"quote': "double_quote",
    "<img src=x onerror=alert(1)>": "_img src=x onerror=alert(1)_",
    "\x1b[31mred\x1b[0m": "_[31mred_[0m",
    f"{ESCAPE}osc": "_]0;owned_osc",
    "\x9b31mc1": "_31mc1",
    "-rf": "-rf",
    "--help": "--help",
    " leading": " leading",
    "trailing ": "trailing ",
    "x" * 251: "",
    "日" * 83: "",
    "CON": "_CON",
    "nul.tail": "_nul.tail",
    "rtl\u202egnp": "rtl_gnp",
    "a..b": "a..b",
    "back\\slash": "back_slash",
    "C:evil": "C_evil",
    "\\\\host\\share": "__host_share",
    "$(touch pwned)": "$(touch pwned)",
    "%s%n": "%s%n",
    "star*": "star_",
    "~root": "~root",
}

PHOTOS = {
    f"{name}.png": Photo(make=content(png(number)), gets=ACCEPTED, id=given)
    for number, (name, given) in enumerate(NAMES.items())
} | {
    "case.png": Photo(make=content(png(40)), gets="the same photo as"),
    "CASE.png": Photo(make=content(png(40) + b"\0"), gets=ACCEPTED),
    "caf\u00e9.png": Photo(make=content(png(45)), gets=ACCEPTED),
    "cafe\u0301.png": Photo(make=content(negative()), gets=ACCEPTED),
    "out.png": Photo(make=link("../../outside/secret.png"), gets=OUT),
    "proc.png": Photo(make=link("/proc/self/environ"), gets=OUT),
    "zero.png": Photo(make=link("/dev/zero"), gets=OUT),
    "folder": Photo(make=link("../../outside"), gets=OUT, mask=False),
    "self.png": Photo(make=link("self.png"), gets="a link that leads nowhere"),
    "dangling.png": Photo(make=link("nowhere.png"), gets="a link that leads nowhere"),
    "circle": Photo(make=link("."), gets="left alone", mask=False),
    "inside.png": Photo(make=link("-rf.png"), gets="the same file as"),
    "hard.png": Photo(
        make=lambda path: path.hardlink_to(path.with_name("-rf.png")), gets="the same file as"
    ),
    "pipe.png": Photo(make=os.mkfifo, gets="not a regular file"),
    "socket.png": Photo(make=bind, gets="not a regular file"),
    "bomb.png": Photo(make=content(bomb(60_000, 60_000)), gets="60000×60000 pixels, more than"),
    "huge.png": Photo(make=content(bomb(2**31 - 1, 2**31 - 1)), gets="2147483647×2147483647"),
    "comment.png": Photo(make=content(text_bomb()), gets="damaged: Decompressed data too large"),
    "cut.png": Photo(make=content(png()[:400]), gets="truncated"),
    "empty.png": Photo(make=content(b""), gets="the file is empty"),
    "svg.png": Photo(make=content(b"<svg><script>alert(1)</script></svg>"), gets=NO_IMAGE),
    "script.jpg": Photo(make=content(b"#!/bin/sh\ntouch pwned\n"), gets=NO_IMAGE),
    "postscript.png": Photo(make=content(b"%!PS-Adobe-3.0 EPSF-3.0\n"), gets=NO_IMAGE),
    "pickle.png": Photo(make=content(b"cos\nsystem\n(S'touch pwned'\ntR."), gets=NO_IMAGE),
    "moving.gif": Photo(make=content(animation()), gets="3 frames"),
    "folder.jpg": Photo(make=Path.mkdir, gets=ABSENT, mask=False),
    os.fsdecode(b"latin\xff.png"): Photo(make=content(png(41)), gets=NO_TEXT),
    os.fsdecode(b"surrogate\xed\xa0\x80.png"): Photo(make=content(png(42)), gets=NO_TEXT),
    f"alone{ESCAPE}.png": Photo(make=content(png(43)), gets="no mask", mask=False),
    f"note{FORGED}.txt": Photo(make=content(b""), gets="left alone", mask=False),
}


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


def require_plain(text: str) -> None:
    """Fail where a terminal would obey something of a text, or a name has begun a line of it."""
    assert [letter for letter in text if not (letter.isprintable() or letter in "\n\r")] == []
    assert "\nforged line" not in text


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
    require_plain(prepared.told)
    for options in ((), ("--json",), ("--datasheet",)):
        require_plain(run("shm-data", "inspect", prepared.store, *options).stdout)


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
    require_plain(listed.told)
    require_plain(run("shm-data", "inspect", listed.store, "--sample", "p0000").stdout)


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
        require_plain(run("shm-data", "inspect", store, *options).stdout)


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
    require_plain(done.stderr)


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


# -------------------------------------------------------------------- stores of others

IDS = ("../../x", "/etc/x", "a/b", "..", "nul\0", "NUL", "x" * 240, FORGED, 5, None)

RECORDS: dict[str, Callable[[Record], object]] = {
    "no size": lambda record: record | {"size": None},
    "a size beyond the canvas": lambda record: record | {"size": [10**9, 10**9]},
    "a negative size": lambda record: record | {"size": [-5, 3]},
    "a size of letters": lambda record: record | {"size": ["a", "b"]},
    "no id": lambda record: {name: each for name, each in record.items() if name != "id"},
    "a group that is none": lambda record: record | {"group": [1]},
    "a split that is none": lambda record: record | {"split": {}},
    "qualities that are none": lambda record: record | {"quality": [ESCAPE]},
    "no object": lambda _: b"5",
    "brackets": lambda _: b"[" * 4000,
    "no text": lambda _: b"\xff",
    "a long number": lambda _: b"1" * RECORD_BYTES,
}


def edited(
    people: Path, target: Path, change: Callable[[Record], object], **attributes: object
) -> Path:
    """Copy a store, with other records under checksums that are right."""
    shutil.copytree(people, target)
    store = open_store(target, writable=True)
    for shard in range(store.shards):
        rows = []
        for record in store.records_of(shard):
            new = change(record)
            if isinstance(new, bytes):
                rows.append(np.frombuffer(new.ljust(RECORD_BYTES, b"\0"), np.uint8))
            else:
                assert isinstance(new, dict)
                rows.append(encode_record(new))
        store._put("record", shard, store._arrays["record"].encode(rows))
    store.attributes |= attributes
    store.attributes["seal"] = seal(store.attributes)
    store._group.attrs["shm"] = store.attributes
    return target


@pytest.mark.parametrize("given", IDS, ids=lambda given: ascii(given)[:20])
def test_an_id_that_is_no_name_is_never_exported(
    given: object, people: Path, tmp_path: Path
) -> None:
    store = edited(people, tmp_path / "store.zarr", lambda record: record | {"id": given})
    with pytest.raises(ShmError, match="record is damaged"):
        export_store(store, tmp_path / "a" / "b")
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("change", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_of_another_form_is_damage(
    change: Callable[[Record], object], people: Path, tmp_path: Path
) -> None:
    store = edited(people, tmp_path / "store.zarr", change)
    with pytest.raises(DamageError, match="record is damaged"):
        inspect_store(store)
    with pytest.raises(DamageError, match="record is damaged"):
        export_store(store, tmp_path / "out")
    (damage,) = verify_store(store).damages
    assert damage.array == "record"


def test_a_store_that_attacks_is_a_line_of_each_command(people: Path, tmp_path: Path) -> None:
    path = edited(people, tmp_path / "path.zarr", lambda record: record | {"id": f"../../{FORGED}"})
    told = run("shm-data", "export", path, tmp_path / "out", code=1).stderr
    assert "record is damaged" in told
    require_plain(told)
    damaged = edited(people, tmp_path / "damaged.zarr", RECORDS["brackets"])
    for words in (("inspect", damaged), ("verify", damaged), ("export", damaged, tmp_path / "no")):
        assert "damaged" in run("shm-data", *words, code=1).stderr


def test_nothing_that_a_store_says_reaches_the_terminal(people: Path, tmp_path: Path) -> None:
    said = {"source": FORGED, "group": FORGED, "steps": {FORGED: FORGED}}
    store = edited(
        people,
        tmp_path / "store.zarr",
        lambda record: {**record, **said, "quality": {**record["quality"], FORGED: 0.5}},
        config={FORGED: FORGED},
        software={FORGED: FORGED},
        corpus={"name": FORGED, "layout": FORGED},
        left_alone=[FORGED],
    )
    sample = ("--sample", open_store(people).record(0)["id"])
    for options in ((), ("--json",), ("--datasheet",), sample):
        require_plain(run("shm-data", "inspect", store, *options).stdout)
    done = run("shm-data", "verify", store, code=1)  # the group is in two splits
    require_plain(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "attributes", [{"config": 5}, {"left_alone": {}}, {"corpus": 5}, {"software": None}], ids=str
)
def test_a_store_that_says_something_else_of_itself_is_refused(
    attributes: dict[str, Any], people: Path, tmp_path: Path
) -> None:
    store = edited(people, tmp_path / "store.zarr", lambda record: record, **attributes)
    with pytest.raises(StoreError, match=f"its {next(iter(attributes))} is not what shm writes"):
        datasheet(store)


@pytest.mark.parametrize(
    "metadata", ["[" * 100_000, f'{{"{ESCAPE}', ""], ids=lambda t: ascii(t[:9])
)
def test_metadata_that_is_none_is_refused_in_a_line(
    metadata: str, people: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(people, tmp_path / "store.zarr"))
    (store / "zarr.json").write_text(metadata)
    with pytest.raises(StoreError, match=r"zarr\.json is damaged"):
        inspect_store(store)


def test_composites_of_a_person_with_a_path_for_an_id_are_not_exported(tmp_path: Path) -> None:
    store = tmp_path / "train.zarr"
    write_store(store, 3, form="lazy")
    edited(store / "foregrounds", tmp_path / "new", lambda record: record | {"id": "../../../x"})
    shutil.rmtree(store / "foregrounds")
    (tmp_path / "new").rename(store / "foregrounds")
    done = run("shm-data", "export", store, tmp_path / "a" / "b", code=1)
    assert "record is damaged" in done.stderr


# -------------------------------------------------------------------- predictions and checkpoints


def test_predict_takes_what_is_in_the_folder_and_follows_no_link_in_a_circle(
    root: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    names = ["-rf.png", f"deep/{ESCAPE}.png", "new\nline.png"]
    for name in names:
        (photos / name).write_bytes(png())
    for place in ("one", "two", "deep/three"):
        (photos / place).symlink_to(photos)
    (photos / "out.png").symlink_to(root / "outside" / "secret.png")
    (photos / "away").symlink_to(root / "outside")
    os.mkfifo(photos / "pipe.png")
    (photos / "bomb.png").write_bytes(bomb(60_000, 60_000))
    (photos / f"cut{ESCAPE}.png").write_bytes(png()[:300])
    words = ("shm", "predict", "untrained:light")
    done = run(*words, photos, f"{photos}/**/*rf.png", "-o", tmp_path / "out", "--json", code=1)
    said = json.loads(done.stdout)
    assert sorted(said["written"]) == sorted(str(tmp_path / "out" / name) for name in names)
    failed = {Path(each["source"]).name: each["reason"] for each in said["failed"]}
    assert failed.keys() == {"away", "out.png", "pipe.png", "bomb.png", f"cut{ESCAPE}.png"}
    require_plain(done.stdout + done.stderr)
    pipe = photos / "pipe.png"
    told = run(*words, photos / "-rf.png", "-o", tmp_path, "--background", pipe, code=1).stderr
    assert "pipe.png: not a regular file" in told


POINTERS = {
    "../../x.safetensors": "a file outside its folder",
    "/etc/passwd": "a file outside its folder",
    "..": "a file outside its folder",
    "x/y": "a file outside its folder",
    "": "a file outside its folder",
    "C:\\x": "no such checkpoint",
    "nul\0": "a file outside its folder",
    "\ud800": "a file outside its folder",
    FORGED.replace("/", ""): "a file outside its folder",
    5: "damaged",
}


@pytest.mark.parametrize("named", POINTERS, ids=lambda named: ascii(named)[:20])
def test_a_checkpoint_that_names_a_file_outside_is_refused(named: object, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "best")
    pointer = json.loads((tmp_path / "best.json").read_text())
    (tmp_path / "best.json").write_text(json.dumps(pointer | {"weights": named}))
    with pytest.raises(CheckpointError, match=POINTERS[named]):
        load_model(tmp_path)
