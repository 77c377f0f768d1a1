"""Published ways to make a set of composites, so that results can be compared with the papers'.

``composition-1k`` is Deep Image Matting's (Xu et al., CVPR 2017, arXiv 1703.03872): 431 foregrounds
on 100 backgrounds of COCO each to train on, 50 on 20 of Pascal VOC each to test on, in the order of
the lists of names that come with the foregrounds. ``shm`` is Semantic Human Matting's (Chen et al.,
ACM MM 2018, arXiv 1809.01354): 100 composites of each person of DIM's set, one of each photo, every
background once and free of people.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shm.datasets.backgrounds.background import Background
from shm.datasets.composites.name_lists import Listed, match_backgrounds, match_people
from shm.datasets.composites.planning import PlanError
from shm.datasets.composites.recipe import Recipe
from shm.datasets.record import Record
from shm.pipeline.composite import BackgroundCrop, cover_size

Protocol = Literal["composition-1k", "shm"]

PER_DIM_PERSON, PER_PHOTO = 100, 1
"""Composites of SHM's training set: of foregrounds with colours of their own, and of photos."""

AS_PUBLISHED = {"annotation": "alpha", "refine": "none", "foreground": "given"}
"""Steps of a foreground whose matte and colours are those of its files."""


@dataclass(frozen=True, kw_only=True)
class Pasting:
    """A foreground's slot, and those of the backgrounds that it is pasted on, in their order."""

    foreground: int
    backgrounds: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What the lists mean: the backgrounds, each once in their slots' order, and who is on them.

    `splits` are those of the backgrounds, by id.
    """

    backgrounds: tuple[Background, ...]
    splits: Mapping[str, str]
    pastings: tuple[Pasting, ...]


def match_lists(
    lists: Sequence[Listed],
    people: Mapping[int, Record],
    rejected: Sequence[Record],
    found: Sequence[Background],
) -> Matched:
    """Find the foregrounds among the people and the backgrounds among the photos.

    Raises
    ------
    PlanError
        As `match_people` and `match_backgrounds`.
    """
    slots = iter(match_people(lists, people, rejected))
    by_name, splits = match_backgrounds(lists, found)
    backgrounds = {each.id: each for each in by_name.values()}
    places = {name: place for place, name in enumerate(backgrounds)}
    pastings = tuple(
        Pasting(
            foreground=next(slots), backgrounds=tuple(places[by_name[name].id] for name in names)
        )
        for listed in lists
        for _, names in listed.pairs
    )
    return Matched(backgrounds=tuple(backgrounds.values()), splits=splits, pastings=pastings)


def require_as_published(pastings: Sequence[Pasting], people: Mapping[int, Record]) -> None:
    """Raise `PlanError` unless each foreground has the pixels of its files."""
    persons = [people[pasting.foreground] for pasting in pastings]
    smaller = [person for person in persons if person["size"] != person.get("photo_size")]
    if smaller:
        first = smaller[0]
        longest = max(max(person.get("photo_size") or person["size"]) for person in persons)
        raise PlanError(
            f"{first['source']} and {len(smaller) - 1} more were made smaller than published: "
            f"prepare the people with --size {longest}"
        )
    for person in persons:
        other = [name for name, step in AS_PUBLISHED.items() if person["steps"].get(name) != step]
        if other:
            raise PlanError(
                f"{person['source']}: its {other[0]} is {person['steps'].get(other[0])}, where "
                "matte and colours must be those published: prepare it with --layout adobe, "
                "without --annotation and --refine"
            )


def plan_lists(
    pastings: Sequence[Pasting], people: Mapping[int, Record], scenes: Mapping[int, Record]
) -> Iterator[Recipe]:
    """Yield composition-1k's recipes in the order of the lists.

    The background is enlarged only if it is smaller, by r = max(w / w_b, h / h_b), to
    ⌊w_b · r + 1⌋ × ⌊h_b · r + 1⌋, and its top left h × w are taken.
    """
    for pasting in pastings:
        height, width = people[pasting.foreground]["size"]
        for number, slot in enumerate(pasting.backgrounds):
            room_height, room_width = scenes[slot]["size"]
            crop = BackgroundCrop(scaled=cover_size((room_height, room_width), (height, width)))
            yield Recipe(foreground=pasting.foreground, number=number, background=slot, crop=crop)


def shm_counts(people: Mapping[int, Record]) -> dict[int, int]:
    """Return how many composites SHM makes of each person: those of DIM come with their colours."""
    given = {slot: person["steps"]["foreground"] == "given" for slot, person in people.items()}
    return {slot: PER_DIM_PERSON if own else PER_PHOTO for slot, own in given.items()}
