"""Manifests, and folders whose files are called as an attacker likes."""

import os
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from shm.datasets.composites.name_lists import LISTS, match_people, read_lists
from shm.datasets.corpus import Corpus, open_corpus
from shm.datasets.layouts import LAYOUTS, manifest
from shm.datasets.tree import Tree, list_tree
from tests.datasets.raw_corpora import cutout, mask, matte, photo, write
from tests.faults.fuzz.mutation import behind, bend_json, bend_lines, bend_text
from tests.faults.fuzz.scratch import scratch
from tests.faults.fuzz.target import Target

MANIFEST_FILES = ("images/a.png", "images/b.png", "masks/a.png", "masks/b.png", "matte.png")

FILES = 24
"""How many files of a corpus are made at most."""

CONTROLS = ("Cc", "Cs", "Zl", "Zp")
"""Categories of letters that no terminal shows as they are."""

LINK = b" -> "
"""Between the name of a link and what it leads to."""


def read_manifest(name: str) -> Callable[[bytes], None]:
    """Return what finds the pairs of a manifest of some form."""

    def read(data: bytes) -> None:
        root = _manifest_folder()
        (root / name).write_bytes(data)
        tree = Tree(root=root, images=MANIFEST_FILES, others=(name,), manifest=name)
        found = manifest.find(tree)
        assert found is not None
        for pair in found.pairs:
            assert set(pair.files) <= set(MANIFEST_FILES)
        told = [text for reject in found.rejects for text in (reject.source, reject.reason)]
        assert all(len(text) < 1000 for text in told)

    return read


@cache
def _manifest_folder() -> Path:
    root = scratch("manifest").resolve()
    return write(root, {name: mask(number) for number, name in enumerate(MANIFEST_FILES)})


def csv_seeds() -> Sequence[bytes]:
    """Return manifests as spreadsheets write them."""
    rows = b"images/a.png,masks/a.png,x,p1,train\nimages/b.png,masks/b.png,,,\n"
    quoted = b'image;alpha;foreground\n"images/a.png";matte.png;"images/b.png"\n'
    tabs = b"\xef\xbb\xbfimage\ttrimap\r\nimages/a.png\tmasks/a.png\r\n"
    return (b"image,mask,id,group,split\n" + rows, quoted, tabs)


def jsonl_seeds() -> Sequence[bytes]:
    """Return manifests of an object a line."""
    text = (
        b'{"image": "images/a.png", "mask": "masks/a.png", "id": "x", "group": "p1", '
        b'"split": "test"}\n\n{"image": "images/b.png", "alpha": "matte.png"}\n'
    )
    return (text,)


def find_corpus(data: bytes) -> None:
    """Make files of the names that stand on the lines, and open the corpus.

    The first byte chooses the layout.
    """
    root = scratch("corpus").resolve() / "corpus"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for number, line in enumerate(data[1:].split(b"\n")[:FILES]):
        _make(root, line, number)
    layouts = ("auto", *LAYOUTS)
    corpus = open_corpus(root, layouts[data[0] % len(layouts)] if data else "auto")
    assert _accounted(corpus)
    ids = [pair.id.casefold() for pair in corpus.pairs]
    assert len(set(ids)) == len(ids)
    assert all(name == PurePosixPath(name).name for name in ids)
    assert all(unicodedata.category(letter) not in CONTROLS for letter in "".join(ids))
    for pair in corpus.pairs:
        assert all((root / file).resolve().is_relative_to(root) for file in pair.files)


def _accounted(corpus: Corpus) -> bool:
    """Return whether every image of the folder is in a pair, a reject, or left alone."""
    named = {file for pair in corpus.pairs for file in pair.files}
    named |= {reject.source for reject in corpus.rejects} | set(corpus.left_alone)
    groups = tuple(line.split(" (")[0].split("*")[0] for line in corpus.left_alone if " (" in line)
    images = list_tree(corpus.root).images
    return all(image in named or image.startswith(groups) for image in images)


def _make(root: Path, line: bytes, number: int) -> None:
    """Make the file, or the link, that a line names, where the system lets us."""
    name, _, leads_to = line.partition(LINK)
    path = os.path.join(os.fsencode(root), name)  # noqa: PTH118 - names that are no text
    if not name or name.startswith(b"/") or {b"..", b"."} & set(name.split(b"/")):
        return
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        if leads_to:
            Path(os.fsdecode(path)).symlink_to(os.fsdecode(leads_to))
        elif not name.endswith(b"/"):
            content = _contents()[sum(name) % len(_contents())]
            Path(os.fsdecode(path)).write_bytes(content)
    except (OSError, ValueError):  # too long, a NUL, a file where a folder should be
        del number


@cache
def _contents() -> list[bytes]:
    """Return what the files of a corpus hold: pictures, and what is none."""
    pictures = {"1": photo(1), "2": photo(2), "3": mask(), "4": matte(), "5": cutout(5)}
    root = write(scratch("contents"), {f"{name}.png": each for name, each in pictures.items()})
    return [path.read_bytes() for path in sorted(root.glob("*.png"))] + [b"", b"a.png\nb.png\n"]


def corpus_seeds() -> Sequence[bytes]:
    """Return the names of small corpora, one of each layout."""
    return (
        b"\0images/a.png\nmasks/a.png\nimages/b.png\nmattes/b.png\nlink.png -> images/a.png",
        b"\0a.jpg\na_mask.png\nb.jpg\nb.png\nout.png -> /etc/passwd\nround -> round",
        b"\0clip_img/1/clip_0/a.jpg\nmatting/1/matting_0/a.png",
        b"\0train/blurred_image/a.jpg\ntrain/mask/a.png\nvalidation/P3M-500-P/mask/b.png",
        b"\0Training_set/Other/fg/a.jpg\nTraining_set/Other/alpha/a.jpg\nTest_set/Other/fg/b.png",
        b"\5cut/a.png\ncut/b.webp\n\xff\xfe.png\nA.png\na.png\nCON.png",
    )


def read_name_lists(data: bytes) -> None:
    """Read a protocol's two lists, with a zero byte between them, and match the people."""
    folder = scratch("lists")
    people, _, scenes = data.partition(b"\0")
    for name, content in zip(LISTS["test"][:2], (people, scenes), strict=True):
        (folder / name).write_bytes(content)
    (listed,) = read_lists(folder)
    names = [name for name, _ in listed.pairs]
    assert len(set(names)) == len(names)
    records: dict[int, dict[str, Any]] = {
        slot: {"source": f"Test_set/fg/{name}", "split": "test"} for slot, name in enumerate(names)
    }
    slots = match_people([listed], records)
    assert sorted(slots) == list(range(len(names)))


def list_seeds() -> Sequence[bytes]:
    """Return lists of one and of two foregrounds."""
    scenes = b"".join(b"2008_%06d.jpg\n" % number for number in range(40))
    return (b"a.png\0" + scenes, b"\xef\xbb\xbfa.png\r\n\r\nb.jpg\r\n\0" + scenes)


TARGETS = {
    "manifest-csv": Target(
        run=read_manifest("manifest.csv"), seeds=csv_seeds, mutate=bend_text, max_length=2048
    ),
    "manifest-jsonl": Target(
        run=read_manifest("manifest.jsonl"), seeds=jsonl_seeds, mutate=bend_lines(bend_json)
    ),
    "corpus": Target(
        run=find_corpus, seeds=corpus_seeds, mutate=behind(1, bend_text), max_length=1024
    ),
    "name-lists": Target(run=read_name_lists, seeds=list_seeds, mutate=bend_text, max_length=2048),
}
