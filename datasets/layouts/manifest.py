"""A list of pairs: ``manifest.csv`` with a header, or ``manifest.jsonl`` with an object a line."""

import csv
import difflib
import json
from collections.abc import Iterator
from pathlib import Path

from shm.datasets.ids import is_file_name
from shm.datasets.pairs import Found, Pair, Reject
from shm.datasets.splits import SPLITS
from shm.datasets.tree import Tree, printable, safe_path
from shm.pipeline.errors import ShmError

NAMES = ("manifest.csv", "manifest.jsonl")
FILES = ("image", "mask", "alpha", "trimap", "foreground")
COLUMNS = (*FILES, "id", "group", "split")

EXPECTS = f"manifest.csv or manifest.jsonl with the columns {', '.join(COLUMNS)}"

_UNSAFE = set('<>:"/\\|?*')


class ManifestError(ShmError, ValueError):
    """A manifest as a whole can't be used: its form, its header or an unknown column."""


class _RowError(Exception):
    """One row can't be used; the message is the reason."""


def find(tree: Tree) -> Found | None:
    """Make a pair of each row; paths are relative to the manifest's folder.

    Raises
    ------
    ManifestError
        The manifest is neither form, or has a column of another name.
    """
    there = [name for name in tree.others if name.casefold() in NAMES]
    if len(there) > 1 and tree.manifest is None:
        raise ManifestError(f"{tree.root}: {' and '.join(there)} are both manifests: name one")
    name = tree.manifest or next(iter(there), None)
    if name is None:
        return None
    pairs: list[Pair] = []
    rejects = []
    ids: set[str] = set()
    images: set[str] = set()
    for line, row in _rows(tree.root / name):
        try:
            pair = _pair(tree.root, row)
            _check_new(pair, images, ids)
        except _RowError as error:
            source = printable(str(row.get("image") or name)) if isinstance(row, dict) else name
            rejects.append(Reject(source[:300], f"line {line} of {name}: {error}"))
            continue
        images.add(pair.image)
        ids |= {pair.id.casefold()} if pair.id else set()
        pairs.append(pair)
    if not pairs and not rejects:
        raise ManifestError(
            f"{tree.root / name}: it lists nothing: write a row for each photo, with its image and "
            "its mask or alpha, or take the file away"
        )
    known = {file for pair in pairs for file in pair.files} | {reject.source for reject in rejects}
    left_alone = tuple(path for path in tree.images if path not in known)
    return Found(pairs=tuple(pairs), rejects=tuple(rejects), left_alone=left_alone, lists=(name,))


def _pair(root: Path, row: object) -> Pair:
    if not isinstance(row, dict):
        raise _RowError("not a JSON object" if row is None else f"not a JSON object: {row!r:.40}")
    values = {key: value for key, value in row.items() if value not in (None, "")}
    strange = next((key for key, value in values.items() if not isinstance(value, str)), None)
    if strange is not None:
        raise _RowError(f"{strange} is {values[strange]!r:.40}, not a text")
    if "image" not in values:
        raise _RowError("no image is named")
    if not any(key in values for key in ("mask", "alpha", "trimap")):
        raise _RowError("it names no mask, alpha or trimap")
    for key in FILES:
        if key in values:
            values[key] = _file(root, values[key])
    if values.get("split", "train") not in SPLITS:
        raise _RowError(f"the split is {values['split']!r:.40}: choose one of {', '.join(SPLITS)}")
    name = values.get("id", "")
    if name and (set(name) & _UNSAFE or not name.isprintable() or not is_file_name(name)):
        raise _RowError(f"the id {name!r:.80} is not safe as a file name")
    return Pair(**values)


def _check_new(pair: Pair, images: set[str], ids: set[str]) -> None:
    if pair.image in images:
        raise _RowError("the photo stands in an earlier line, too")
    if pair.id.casefold() in ids:
        raise _RowError(f"the id {pair.id!r} stands in an earlier line, too")


def _file(root: Path, named: str) -> str:
    if not _may_name_a_file(named):
        raise _RowError(f"{printable(named):.200} can't be a file's name")
    path = safe_path(root, named)
    if path is None:
        outside = f"{printable(named):.200} lies outside the corpus"
        raise _RowError(f"{outside}: name files below its folder")
    try:
        there = (root / path).is_file()
    except OSError:  # a name longer than file systems have them
        there = False
    if not there:
        raise _RowError(f"there is no file {printable(path):.200}")
    return path


def _may_name_a_file(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _rows(path: Path) -> Iterator[tuple[int, object]]:
    """Yield (line number, row); the columns of each row are known ones."""
    rows = _json_rows(path) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(path)
    try:
        yield from rows
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not UTF-8 text ({error.reason})") from error
    except csv.Error as error:
        raise ManifestError(f"{path}: not a CSV file: {error}") from error


def _csv_rows(path: Path) -> Iterator[tuple[int, object]]:
    if path.suffix.lower() not in (".csv", ".tsv"):
        raise ManifestError(f"{path}: a manifest is a .csv or .jsonl file")
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=header.count)  # spreadsheets of some countries write ;
        rows = csv.DictReader(file, delimiter=delimiter, strict=True)
        _check_columns(path, [name.strip() for name in rows.fieldnames or []])
        rows.fieldnames = [name.strip() for name in rows.fieldnames or []]
        for row in rows:
            extra = row.pop(None, None)
            if extra:
                yield rows.line_num, {**row, "more than the columns": extra}
            else:
                yield rows.line_num, {key: (value or "").strip() for key, value in row.items()}


def _json_rows(path: Path) -> Iterator[tuple[int, object]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if isinstance(row, dict):
                _check_columns(path, ["image", *row])
            yield number, row


def _check_columns(path: Path, names: list[str]) -> None:
    if "image" not in names:
        has = ", ".join(names) or "none"
        raise ManifestError(f"{path}: no column is called 'image'; its columns: {has:.300}")
    for name in names:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(COLUMNS)}"
            raise ManifestError(f"{path}: unknown column {name!r:.80}; {hint}")
