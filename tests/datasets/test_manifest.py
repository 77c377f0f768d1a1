"""A manifest names the pairs of a corpus; a row that can't be used is told by its line."""

import csv
import json
from pathlib import Path

import pytest

from shm.datasets.corpus import CorpusError, Pair, open_corpus
from shm.datasets.layouts.manifest import ManifestError
from tests.datasets.raw_corpora import accounted, mask, matte, photo, write


def test_a_missing_folder_and_an_empty_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no such folder"):
        open_corpus(tmp_path / "raw")
    with pytest.raises(FileNotFoundError, match=r"expected photos with masks.*images/a\.jpg"):
        open_corpus(tmp_path)
    write(tmp_path, {"backgrounds/a.jpg": photo(0)})
    with pytest.raises(CorpusError, match=r"backgrounds/ \(1 file\) taken for no part"):
        open_corpus(tmp_path)
    write(tmp_path, {"images/a.jpg": photo(0)})
    with pytest.raises(CorpusError, match="the layout 'p3m' expects train/"):
        open_corpus(tmp_path, "p3m")
    with pytest.raises(
        CorpusError, match="no layout is called 'voc': choose one of auto, manifest"
    ):
        open_corpus(tmp_path, "voc")


ROWS = [
    {"image": "in/a.jpg", "mask": "in/a.png", "id": "first", "group": "ann", "split": "test"},
    {"image": "in/b.jpg", "alpha": "in/b.png"},
    {"image": "in/gone.jpg", "mask": "in/a.png"},
    {"image": "in/c.jpg", "mask": "../secret.png"},
    {"image": "in/c.jpg", "mask": "/etc/passwd"},
    {"image": "in/c.jpg", "mask": "in/a.png", "split": "valid"},
    {"image": "in/c.jpg"},
    {"image": "in/c.jpg", "mask": "in/a.png", "id": "../c"},
    {"image": "in/b.jpg", "alpha": "in/b.png"},
    {"image": "in/c.jpg", "mask": "in/a.png", "id": "FIRST"},
]


ROW_REASONS = [
    "there is no file in/gone.jpg",
    "../secret.png lies outside the corpus: name files below its folder",
    "/etc/passwd lies outside the corpus: name files below its folder",
    "the split is 'valid': choose one of train, validation, test",
    "it names no mask, alpha or trimap",
    "the id '../c' is not safe as a file name",
    "the photo stands in an earlier line, too",
    "the id 'FIRST' stands in an earlier line, too",
]


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.jsonl"])
@pytest.mark.parametrize("direct", [True, False])
def test_a_manifest_names_pairs_and_its_bad_rows_are_rejected(
    tmp_path: Path, name: str, direct: bool
) -> None:
    images = {f"in/{letter}.jpg": photo(n) for n, letter in enumerate("abcd")}
    root = write(tmp_path / "raw", images | {"in/a.png": mask(), "in/b.png": matte()})
    write(tmp_path, {"secret.png": mask()})
    with (root / name).open("w", encoding="utf-8", newline="") as file:
        if name.endswith("csv"):
            table = csv.DictWriter(file, ["image", "mask", "alpha", "id", "group", "split"])
            table.writeheader()
            table.writerows(ROWS)
        else:
            file.write("".join(f"{json.dumps(row)}\n" for row in ROWS))
    corpus = open_corpus(root / name if direct else root)
    assert corpus.layout == "manifest"
    assert corpus.root == root.resolve()
    first = Pair(**{"image": "in/a.jpg"} | ROWS[0])
    assert corpus.pairs == (Pair(id="b", group="b", **ROWS[1]), first)
    start = 2 if name.endswith("csv") else 1
    expected = [f"line {2 + start + n} of {name}: {text}" for n, text in enumerate(ROW_REASONS)]
    assert sorted(reject.reason for reject in corpus.rejects) == sorted(expected)
    assert corpus.left_alone == ("in/d.jpg",)
    assert accounted(corpus)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "manifest.csv",
            "image,maks\na.jpg,b.png\n",
            r"unknown column 'maks'; did you mean 'mask'\?",
        ),
        ("manifest.csv", "photo,mask\na.jpg,b.png\n", "no column is called 'image'"),
        ("manifest.jsonl", '{"image": "a", "matte": "b"}\n', "unknown column 'matte'"),
        ("manifest.csv", "", "no column is called 'image'; its columns: none"),
        ("manifest.csv", "image,mask\n", "it lists nothing: write a row for each photo"),
        ("manifest.jsonl", "\n", "it lists nothing"),
        ("manifest.csv", 'image,mask\n"a.jpg,b.png\n', "not a CSV file"),
    ],
)
def test_a_wrong_manifest_is_an_error(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ManifestError, match=message):
        open_corpus(tmp_path)


def test_lines_that_are_no_objects_are_rejected(tmp_path: Path) -> None:
    write(tmp_path, {"a.jpg": photo(0), "a.png": mask()})
    lines = ["{", "[1]", '{"image": 3, "mask": "a.png"}', '{"image": "a.jpg", "mask": "a.png"}']
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines))
    corpus = open_corpus(tmp_path)
    assert len(corpus.pairs) == 1
    assert [reject.reason.split(" of")[0] for reject in corpus.rejects] == [
        "line 3",
        "line 1",
        "line 2",
    ]


@pytest.mark.parametrize("named", ["loop/a.jpg", "\ud800.jpg", "x" * 5000 + ".jpg"])
def test_a_row_with_an_impossible_path_is_rejected(tmp_path: Path, named: str) -> None:
    write(tmp_path, {"images/a.png": photo(1), "masks/a.png": mask()})
    (tmp_path / "loop").symlink_to("loop")
    rows = [{"image": "images/a.png", "mask": "masks/a.png"}, {"image": named, "mask": "x.png"}]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    corpus = open_corpus(tmp_path)
    assert len(corpus.pairs) == 1
    assert any("line 2" in reject.reason for reject in corpus.rejects)


def test_a_manifest_counts_in_any_case_and_two_are_one_too_many(tmp_path: Path) -> None:
    write(tmp_path, {"images/a.png": photo(1), "masks/a.png": mask()})
    row = "image,mask,split\nimages/a.png,masks/a.png,test\n"
    (tmp_path / "Manifest.CSV").write_text(row)
    assert open_corpus(tmp_path).pairs[0].split == "test"
    (tmp_path / "manifest.jsonl").write_text("{}")
    with pytest.raises(ManifestError, match="both manifests"):
        open_corpus(tmp_path)
