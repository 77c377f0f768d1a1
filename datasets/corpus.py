"""Opens a raw corpus: finds its layout, names its pairs, and turns duplicates away."""

import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath

from shm.datasets.duplicates import Watch, without_duplicates
from shm.datasets.ids import file_name
from shm.datasets.image import MAX_PIXELS
from shm.datasets.layouts import LAYOUTS, roles
from shm.datasets.pairs import Corpus, CorpusError, Found, LayoutError, Pair, Reject
from shm.datasets.tree import Tree, list_tree, stem_of, suffix_of, summarise

__all__ = ["Corpus", "CorpusError", "LayoutError", "Pair", "Reject", "open_corpus"]

_CONTROLS = (*range(32), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Letters that end lines, drive terminals, or turn the direction of the text around them."""

_UNSAFE = str.maketrans(dict.fromkeys([*'<>:"/\\|?*', *map(chr, _CONTROLS)], "_"))


def open_corpus(
    root: Path, layout: str = "auto", *, max_pixels: int = MAX_PIXELS, watch: Watch = iter
) -> Corpus:
    """Find the pairs of a raw corpus.

    Photos that are the same file, or of one name and the same picture at another size, are in the
    corpus once: the one with a matte, else with a mask, else in a folder with a telling name, else
    the first by path.

    Parameters
    ----------
    root : Path
        A folder, or a manifest file.
    layout : str
        A key of `LAYOUTS`, or ``auto`` for the first that fits.
    max_pixels : int
        Height × width above which no image is looked into.
    watch : callable
        Given the photos that have to be compared, and passes them on: to show how far they are.

    Returns
    -------
    Corpus
        Every image below the folder is in one of its pairs or rejects, or left alone.

    Raises
    ------
    CorpusError
        There is no such folder or layout, or nothing in it that the layout expects.
    ManifestError
        The manifest itself is wrong, as opposed to one of its rows.
    LayoutError
        The layout says nothing of some of the images.
    """
    if layout != "auto" and layout not in LAYOUTS:
        known = ", ".join(["auto", *LAYOUTS])
        raise CorpusError(f"no layout is called {layout!r}: choose one of {known}")
    tree = list_tree(root, max_pixels=max_pixels)
    name, found = _find(tree, layout)
    if not found.pairs and not found.rejects:
        raise CorpusError(_nothing_found(root, tree, layout))
    _require_all_told(name, found, tree)
    kept, doubles = without_duplicates(tree.root, found.pairs, max_pixels=max_pixels, watch=watch)
    pairs = _named(kept)
    return Corpus(
        root=tree.root,
        layout=name,
        pairs=tuple(sorted(pairs, key=lambda pair: pair.id)),
        rejects=tuple(sorted([*found.rejects, *tree.rejects, *doubles], key=lambda r: r.source)),
        left_alone=_left_alone(tree, found, kept),
    )


def _find(tree: Tree, layout: str) -> tuple[str, Found]:
    for name, (find, _) in LAYOUTS.items():
        if layout in ("auto", name):
            found = find(tree)
            if found is not None and not (layout == "auto" and _explains_less(name, found, tree)):
                return name, found
    return layout, Found()


def _explains_less(name: str, found: Found, tree: Tree) -> bool:
    """Return whether a layout of folder names leaves pairs over that plain folders have."""
    if name not in ("aisegment", "p3m") or not found.left_alone:
        return False
    plain = LAYOUTS["folder"].find(tree)
    return plain is not None and len(plain.pairs) > len(found.pairs)


def _require_all_told(name: str, found: Found, tree: Tree) -> None:
    """Raise `LayoutError` where a layout drops images silently."""
    told = {file for pair in found.pairs for file in pair.files}
    told |= {reject.source for reject in found.rejects} | {*found.left_alone}
    forgotten = [image for image in tree.images if image not in told]
    if forgotten:
        raise LayoutError(
            f"{tree.root}: the layout {name!r} says nothing of {len(forgotten)} of "
            f"{len(tree.images)} images, the first {forgotten[0]!r}: have it put each into a pair, "
            "a reject or left_alone"
        )


def _nothing_found(root: Path, tree: Tree, layout: str) -> str:
    text = f"{root}: nothing to prepare in {len(tree.images)} images"
    apart = summarise((image for image in tree.images if roles.apart(image)), roles.apart)
    if apart:
        text += f" ({', '.join(apart)} taken for no part of the corpus)"
    if tree.rejects:
        first = tree.rejects[0]
        text += f"; {len(tree.rejects)} rejected, the first {first.source!r}: {first.reason}"
    if layout != "auto":
        return f"{text}; the layout {layout!r} expects {LAYOUTS[layout].expects}"
    return f"{text}; expected {LAYOUTS['folder'].expects} (or another layout: {', '.join(LAYOUTS)})"


def _left_alone(tree: Tree, found: Found, kept: list[Pair]) -> tuple[str, ...]:
    """Return what is in no pair and no reject; annotations of duplicates are among them."""
    in_pairs = {file for pair in found.pairs for file in pair.files}
    in_use = {file for pair in kept for file in pair.files} | {pair.image for pair in found.pairs}
    rest = [*found.left_alone, *sorted(in_pairs - in_use)]
    rest += [path for path in tree.others if path not in found.lists]
    return summarise(sorted(rest), roles.apart)


def _named(pairs: list[Pair]) -> list[Pair]:
    """Give each pair an id, and those without a group a group of their own.

    The id is the photo's stem; where several photos share one, the path without its suffix; where
    these share it too, the path with it.
    """
    ids = {pair.image: pair.id for pair in pairs}
    taken = {pair.id.casefold() for pair in pairs if pair.id}
    waiting = [pair.image for pair in pairs if not pair.id]
    for form in (stem_of, _path_without_suffix, str):
        # Without regard to case: on some systems `A.png` and `a.png` are one file.
        names = {image: _as_id(form(image)) for image in waiting}
        counts = Counter(name.casefold() for name in names.values())
        ids |= {
            image: name
            for image, name in names.items()
            if counts[name.casefold()] == 1 and name.casefold() not in taken
        }
        waiting = [image for image in waiting if not ids[image]]
        taken |= {ids[image].casefold() for image in names if ids[image]}
    for image in waiting:
        number = 2
        while f"{names[image]}~{number}".casefold() in taken:
            number += 1
        ids[image] = f"{names[image]}~{number}"
        taken.add(ids[image].casefold())
    return [
        replace(pair, id=ids[pair.image], group=pair.group or ids[pair.image]) for pair in pairs
    ]


def _as_id(name: str) -> str:
    """Return a name, or a path, as an id: composed, for some systems know no other form."""
    composed = unicodedata.normalize("NFC", name)
    return file_name(composed.replace("/", "__").translate(_UNSAFE))


def _path_without_suffix(path: str) -> str:
    pure = PurePosixPath(path)
    return pure.with_name(pure.name[: len(pure.name) - len(suffix_of(path))]).as_posix()
