"""Who or what is in two splits: a test set that was trained on tests nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from shm.datasets.composites.store import CompositeStore
from shm.datasets.record import Record

NAMED = 5
"""Samples that one line names."""


def leaks_among(people: Iterable[Record]) -> Iterator[str]:
    """Yield a line for each group, and each photo, that is in more than one split."""
    people = list(people)
    yield from _in_two_splits(people, "group", "the group")
    yield from _in_two_splits(people, "pixels", "the photo")


def leaks_of_composites(store: CompositeStore) -> Iterator[str]:
    """Yield a line for each person, background and picture that is in more than one split.

    A composite is in the split of its person; its background and the second person must be, too.
    """
    people, scenes = store.people(), store.scenes()
    yield from leaks_among(people.values())
    foreground = store.column("foreground")
    splits = _splits(people)
    for column, others, what in (
        ("background", scenes, "backgrounds"),
        ("second", people, "people"),
    ):
        other = store.column(column)
        # All at once, and only then one by one: composites may be millions, and leaks are few.
        apart = np.flatnonzero((other >= 0) & (splits[foreground] != _splits(others)[other]))
        pairs = np.unique(np.stack([foreground[apart], other[apart]], axis=1), axis=0)
        strangers: dict[int, list[Record]] = {}
        for slot, second in pairs.tolist():
            strangers.setdefault(slot, []).append(others[second])
        for slot, records in strangers.items():
            yield (
                f"the person {people[slot]['id']} is in {people[slot]['split']}, but pasted with "
                f"{len(records)} {what} of another split: {_listed(records)}"
            )
    used = [scenes[slot] for slot in np.unique(store.column("background")).tolist()]
    yield from _in_two_splits(used, "pixels", "the picture")
    photos = {person["pixels"]: person for person in people.values() if "pixels" in person}
    for scene in used:
        person = photos.get(scene["pixels"])
        if person is not None:
            yield f"the background {scene['id']} is the photo of the person {_listed([person])}"


def _splits(records: Mapping[int, Record]) -> NDArray[np.object_]:
    """Return the split of each slot."""
    splits = np.full(max(records) + 1, None, object)
    for slot, record in records.items():
        splits[slot] = record["split"]
    return splits


def _in_two_splits(records: Sequence[Record], key: str, what: str) -> Iterator[str]:
    members: dict[str, list[Record]] = {}
    for record in records:
        if key in record:
            members.setdefault(record[key], []).append(record)
    for name, same in members.items():
        if len({record["split"] for record in same}) > 1:
            yield f"{what} {name[:64]} is in two splits: {_listed(same)}"


def _listed(records: Sequence[Record]) -> str:
    names = [f"{record['id']} ({record['split']})" for record in records]
    return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
