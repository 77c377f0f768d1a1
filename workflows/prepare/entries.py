"""Which inputs become which slots, before anything is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypedDict

from shm.datasets.corpus import Corpus, Pair, Reject
from shm.datasets.files import file_sha256
from shm.datasets.image import MAX_PIXELS
from shm.datasets.marks import Mark, Marks, Verdict
from shm.datasets.splits import SplitConfig, assign_splits
from shm.pipeline.errors import ShmError
from shm.pipeline.prepare import PrepareConfig
from shm.workflows.progress import watched

Annotation = Literal["auto", "alpha", "mask", "trimap"]


class Hashes(TypedDict):
    """What the record of a photo knows its files by."""

    sha256: str
    annotations_sha256: dict[str, str]


class CorpusEmptyError(ShmError, ValueError):
    """Nothing in the corpus can be prepared."""


@dataclass(frozen=True, kw_only=True)
class PrepareRun:
    """Everything that decides what the store will hold."""

    sample: PrepareConfig = field(default_factory=PrepareConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    annotation: Annotation = "auto"
    layout: str = "auto"
    max_pixels: int = MAX_PIXELS
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One input, which gets one slot: a pair to prepare, or a reject.

    Attributes
    ----------
    mark : str, optional
        What somebody who looked at the photo said: ``keep`` or ``reject``.
    """

    pair: Pair | None = None
    split: str = ""
    reject: Reject | None = None
    mark: Verdict | None = None


def list_entries(corpus: Corpus, run: PrepareRun) -> list[Entry]:
    """List the inputs in the order of their slots: pairs by id, then rejects by source."""
    pairs = [_with_annotation(pair, run.annotation) for pair in corpus.pairs]
    entries = [
        Entry(reject=found) if isinstance(found, Reject) else Entry(pair=found[0], split=found[1])
        for found in split_pairs(pairs, run.split, run.seed)
    ]
    entries = [_with_something_to_start_from(entry, run.annotation) for entry in entries]
    entries += [Entry(reject=reject) for reject in corpus.rejects]
    if not entries:
        raise CorpusEmptyError(f"{corpus.root}: no photo with a mask, a matte or a trimap in it")
    return entries


def annotation_files(pair: Pair) -> dict[str, str]:
    """Return the files of a pair besides its photo, by what they are."""
    files = {
        "mask": pair.mask,
        "alpha": pair.alpha,
        "trimap": pair.trimap,
        "foreground": pair.foreground,
    }
    return {role: name for role, name in files.items() if name is not None}


def hashes_of(root: Path, pair: Pair) -> Hashes:
    """Return the SHA-256 of a pair's files, as its record has them; raises OSError."""
    return {
        "sha256": file_sha256(root / pair.image),
        "annotations_sha256": {
            role: file_sha256(root / name) for role, name in annotation_files(pair).items()
        },
    }


def with_marks(
    entries: Sequence[Entry], marks: Marks, corpus: Corpus, note: Callable[[str], None]
) -> list[Entry]:
    """Give the inputs their marks; a mark that fits no photo as it is now is told, and ignored."""
    waiting = dict(marks)
    marked = []
    for entry in watched("look up marks", "photo", entries):
        source = entry.pair.image if entry.pair else entry.reject.source if entry.reject else ""
        mark = waiting.pop(source, None)
        if mark is None:
            marked.append(entry)
        elif why := _why_void(entry, mark, corpus):
            note(f"{source}: {why}: the mark does not count")
            marked.append(entry)
        else:
            marked.append(replace(entry, mark=mark.verdict))
    for source in waiting:
        note(f"{source}: marked, but no photo of the corpus: the mark does not count")
    return marked


def _why_void(entry: Entry, mark: Mark, corpus: Corpus) -> str:
    """Return why a mark on a photo of the corpus does not count; "" where it does."""
    if entry.pair is None:
        reason = entry.reject.reason if entry.reject else "it is no input"
        return f"marked, but rejected before it is looked at ({reason})"
    try:
        now = hashes_of(corpus.root, entry.pair)
    except OSError:
        return "changed since it was marked"
    if now["sha256"] != mark.sha256:
        return "changed since it was marked"
    before, after = mark.annotations, now["annotations_sha256"]
    if before is None:
        return ""
    others = [role for role in sorted({*before, *after}) if before.get(role) != after.get(role)]
    return f"its {' and '.join(others)} changed since it was marked" if others else ""


def split_pairs(
    pairs: Sequence[Pair], shares: SplitConfig, seed: int
) -> list[tuple[Pair, str] | Reject]:
    """Give each pair its group's split: the one that the corpus names for it, else a drawn one.

    A pair whose corpus names another split than the first of its group is rejected: nobody may be
    in two.
    """
    named: dict[str, str] = {}
    for pair in pairs:
        if pair.split is not None:
            named.setdefault(pair.group, pair.split)
    drawn = assign_splits({pair.group for pair in pairs} - named.keys(), shares, seed, "people")
    splits = drawn | named
    return [
        (pair, splits[pair.group])
        if pair.split in (None, splits[pair.group])
        else Reject(
            pair.image,
            f"its group {pair.group!r} is in the split {splits[pair.group]} already: name one",
        )
        for pair in pairs
    ]


def _with_annotation(pair: Pair, annotation: Annotation) -> Pair:
    """Keep the annotation that was asked for; ``auto`` keeps all, and a matte then counts most."""
    if annotation == "auto":
        return pair
    dropped: dict[str, Any] = {
        role: None for role in ("mask", "alpha", "trimap") if role != annotation
    }
    return replace(pair, **dropped)


def _with_something_to_start_from(entry: Entry, annotation: Annotation) -> Entry:
    """Turn a pair that does not have the annotation that was asked for into a reject."""
    pair = entry.pair
    if pair is None or annotation == "auto" or pair.mask or pair.alpha or pair.trimap:
        return entry
    reason = f"it has no {annotation}, only another annotation: leave --annotation out to take that"
    return Entry(reject=Reject(pair.image, reason))
