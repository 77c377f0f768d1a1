"""Composition-1k's lists of names, and the files that they mean.

Each set has a list of foregrounds and one of backgrounds: the first hundred names of the second
belong to the first name of the first, and so on (Xu et al., CVPR 2017, arXiv 1703.03872).
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shm.datasets.backgrounds.background import Background
from shm.datasets.composites.planning import PlanError
from shm.datasets.duplicates import equal_files
from shm.datasets.files import file_sha256
from shm.datasets.record import Record
from shm.datasets.tree import leads_out, printable, stem_of

LISTS = {
    "train": ("training_fg_names.txt", "training_bg_names.txt", 100),
    "test": ("test_fg_names.txt", "test_bg_names.txt", 20),
}
"""By split: names of foregrounds, names of backgrounds, backgrounds a foreground."""

NAMED = 3
"""Names that one line tells."""

_COCO_2014 = re.compile(r"COCO_(?:train|val)2014_(\d{12}\.jpg)")
"""Names of 2014, whose number is the name of 2017."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The names that a split's lists hold: each foreground's, with those of its backgrounds."""

    split: str
    pairs: tuple[tuple[str, tuple[str, ...]], ...]


def read_lists(folder: Path) -> tuple[Listed, ...]:
    """Read the lists that stand somewhere below a folder: of training, of testing, or of both.

    Blank lines, a byte order mark and the line ends of any system do not matter. Names of
    backgrounds beyond those of the last foreground are not used.

    Raises
    ------
    PlanError
        There is none, two of one name differ, one is there without its partner, has too few names,
        a foreground twice, or a path where a name should stand.
    """
    if not folder.is_dir():
        raise PlanError(f"{folder}: there is no such folder of lists")
    found = []
    for split, (people, scenes, each) in LISTS.items():
        own, partner = _find(folder, people), _find(folder, scenes)
        if own is None and partner is None:
            continue
        if own is None or partner is None:
            missing, there = (people, partner) if own is None else (scenes, own)
            raise PlanError(f"{folder}: {missing} is missing, and {there} is nothing without it")
        foregrounds, backgrounds = _names(own), _names(partner)
        if not foregrounds:
            raise PlanError(f"{own}: no name in it")
        twice = [name for name, count in Counter(foregrounds).items() if count > 1]
        if twice:
            raise PlanError(f"{own}: {_some(twice)} twice in it: name each foreground once")
        if len(backgrounds) < each * len(foregrounds):
            raise PlanError(
                f"{partner}: {len(backgrounds)} names, but the {len(foregrounds)} foregrounds of "
                f"{own.name} need {each} each, {each * len(foregrounds)}"
            )
        pairs = tuple(
            (name, tuple(backgrounds[index * each : (index + 1) * each]))
            for index, name in enumerate(foregrounds)
        )
        found.append(Listed(split=split, pairs=pairs))
    if not found:
        names = ", ".join(name for people, scenes, _ in LISTS.values() for name in (people, scenes))
        raise PlanError(f"{folder}: none of the protocol's lists is below it ({names})")
    return tuple(found)


def match_people(
    lists: Sequence[Listed], people: Mapping[int, Record], rejected: Iterable[Record] = ()
) -> list[int]:
    """Return the slot of each foreground in the order of the lists.

    Parameters
    ----------
    people : mapping of slot to record
        The accepted people, with their ``source`` and ``split``.
    rejected : iterable of records
        Of those that were not, to say why a name is missing.

    Raises
    ------
    PlanError
        A name is nobody's file, the file of two, or in another split than the store has it in.
    """
    by_name, by_stem = defaultdict(list), defaultdict(list)
    for slot, person in people.items():
        by_name[_composed(_base(person["source"]))].append(slot)
        by_stem[stem_of(person["source"])].append(slot)
    slots: dict[int, None] = {}  # in the order of the lists
    missing = []
    for listed in lists:
        for name, _ in listed.pairs:
            # `prepare` knows photos by their stems: a list may say .jpg of what is a .png now.
            named = by_name.get(_composed(name)) or by_stem.get(stem_of(name), [])
            fitting = [slot for slot in named if people[slot]["split"] == listed.split]
            if not named:
                missing.append(name)
            elif not fitting:
                raise PlanError(
                    f"{name} is listed for {listed.split}, but the store has it in "
                    f"{people[named[0]]['split']}: prepare it with --layout adobe"
                )
            elif len(fitting) > 1 or fitting[0] in slots:
                files = " and ".join(people[slot]["source"] for slot in fitting)
                raise PlanError(f"{name}: {files} may be meant; rename all but one, then prepare")
            else:
                slots[fitting[0]] = None
    if missing:
        reasons = {stem_of(record["source"]): record["rejected"] for record in rejected}
        why = [f"{name} ({reasons.get(stem_of(name), 'no such file')})" for name in missing]
        raise PlanError(f"the store lacks {len(missing)} of the lists' foregrounds: {_some(why)}")
    return list(slots)


def match_backgrounds(
    lists: Sequence[Listed], found: Sequence[Background]
) -> tuple[dict[str, Background], dict[str, str]]:
    """Return the backgrounds that the lists name, by name, and the splits of these by id.

    A name of COCO 2014 also means the file that has its number for a name, as in COCO 2017, but
    first of all a file of that very name.

    Raises
    ------
    PlanError
        A name is no file, that of two files that differ, or in the lists of two splits.
    """
    by_name: dict[str, list[Background]] = defaultdict(list)
    for each in found:
        by_name[each.path.name].append(each)
    chosen: dict[str, Background] = {}
    splits: dict[str, str] = {}
    missing = []
    for listed in lists:
        for name in dict.fromkeys(name for _, names in listed.pairs for name in names):
            meant = by_name.get(name) or by_name.get(file_of_2017(name)) or []
            fit = [background for background in meant if background.unfit is None]
            if not fit:
                missing.append(f"{name} ({meant[0].unfit})" if meant else name)
                continue
            chosen[name] = background = _the_same(name, fit)
            if splits.setdefault(background.id, listed.split) != listed.split:
                raise PlanError(f"{name}: the lists have it in train and in test")
    if missing:
        raise PlanError(
            f"no folder has {len(missing)} of the lists' backgrounds: {_some(missing)}; give VOC "
            "2012 and COCO with --backgrounds"
        )
    _refuse_leaks(list({each.id: each for each in chosen.values()}.values()), splits)
    return chosen, splits


def file_of_2017(name: str) -> str:
    """Return the name in COCO 2017 of a photo of COCO 2014; any other name as it is."""
    match = _COCO_2014.fullmatch(name)
    return match[1] if match else name


def _the_same(name: str, copies: Sequence[Background]) -> Background:
    """Return the first of some files of one name, which must all be the same."""
    if len(copies) > 1 and len({file_sha256(copy.path) for copy in copies}) > 1:
        files = " and ".join(copy.source for copy in copies[:NAMED])
        raise PlanError(
            f"{name}: {files} differ, and either may be meant; give --backgrounds folders with one "
            "of them"
        )
    return copies[0]


def _refuse_leaks(chosen: Sequence[Background], splits: Mapping[str, str]) -> None:
    """Raise `PlanError` where one file, by two names, is in two splits."""
    for group in equal_files([each.path for each in chosen]):
        if len({splits[chosen[index].id] for index in group}) > 1:
            files = " and ".join(chosen[index].source for index in group[:NAMED])
            raise PlanError(f"{files} are one file, and the lists have it in train and in test")


def _find(folder: Path, name: str) -> Path | None:
    paths = [path for path in folder.rglob("*.txt") if path.name.lower() == name]
    paths = sorted(path for path in paths if path.is_file())
    away = next((path for path in paths if leads_out(folder, path)), None)
    if away is not None:
        raise PlanError(f"{away}: a link that leads out of {folder}: copy the file instead")
    if len({path.read_bytes() for path in paths}) > 1:
        raise PlanError(f"{paths[0]} and {paths[1]} differ: keep one of them below {folder}")
    return paths[0] if paths else None


def _names(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    names = []
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.strip()
        if name and (_base(name) != name or name == ".."):
            raise PlanError(
                f"line {number} of {path}: {printable(name)!r} is a path where a file's name "
                "should stand"
            )
        names += [name] if name else []
    return names


def _base(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).name


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
