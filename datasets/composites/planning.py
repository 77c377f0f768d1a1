"""Which composites are made: who is pasted on what, where, and what is done to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shm.datasets.composites.pairing import pair_backgrounds
from shm.datasets.composites.recipe import NOBODY, Recipe
from shm.datasets.composites.render import composite_id
from shm.datasets.record import Record
from shm.pipeline.composite import choose_crop
from shm.pipeline.errors import ShmError
from shm.pipeline.placement import KEEP, Extent, Move, choose_placement, placed_column
from shm.pipeline.ranges import Range
from shm.pipeline.seed import generator
from shm.pipeline.values import Size

TWO = 2
"""The most people that a composite may show."""


class PlanError(ShmError, ValueError):
    """No composite can be made as was asked."""


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """What a composite is made like.

    Attributes
    ----------
    per_foreground : int or None
        Composites of each person; None where a protocol says how many.
    people_per_composite : int
        1, or 2 for another person of the same split behind the first.
    placement : tuple of 'move', 'scale', 'flip'
        What may differ from how a person stood in the photo.
    match_colours, blur, noise : (low, high)
        Strength of 0..1, sigma in pixels of the background's blur, sigma in levels of the noise.
    jpeg : (low, high)
        Quality of 1..100; 0 leaves JPEG out.
    linear : bool
        Whether colours are mixed in linear light instead of the image's own gamma.
    """

    per_foreground: int | None = 10
    people_per_composite: int = 1
    placement: tuple[Move, ...] = ()
    match_colours: Range = (0.0, 0.0)
    blur: Range = (0.0, 0.0)
    noise: Range = (0.0, 0.0)
    jpeg: Range = (0.0, 0.0)
    linear: bool = False

    def __post_init__(self) -> None:
        if self.per_foreground is not None and not 1 <= self.per_foreground <= 10_000:
            raise PlanError(f"{self.per_foreground} a foreground: between 1 and 10000, please")
        if not 1 <= self.people_per_composite <= TWO:
            raise PlanError(f"{self.people_per_composite} people a composite: 1 or 2, please")
        for name, most in (("match_colours", 1), ("blur", 20), ("noise", 50), ("jpeg", 100)):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= most:
                raise PlanError(f"{name} from {low:g} to {high:g}: between 0 and {most}, please")
        low, high = self.jpeg
        if high > 0 and (low < 1 or low % 1 or high % 1):
            raise PlanError(f"jpeg from {low:g} to {high:g}: whole numbers of 1 to 100, please")

    def counts(self, people: Iterable[int]) -> dict[int, int]:
        """Return how many composites are made of each person, where no protocol says so."""
        return dict.fromkeys(people, self.per_foreground or 0)


def plan_recipes(
    people: Mapping[int, Record],
    scenes: Mapping[int, Record],
    config: RecipeConfig,
    seed: int,
    *,
    counts: Mapping[int, int],
    unique: bool = False,
    extent: Callable[[int], Extent] | None = None,
) -> Iterator[Recipe]:
    """Yield the recipes in the order of their slots: by person, then by number.

    Each depends on the seed and on its own id, and on which backgrounds there are.

    Parameters
    ----------
    people, scenes : mapping of slot to record
        Of accepted people and backgrounds, each with ``split`` and ``size``.
    counts : mapping of slot to int
        How many composites of each person.
    unique : bool
        Whether no background may be used twice.
    extent : callable, optional
        Gives a person's extent; needed where `config.placement` moves people, or two share a
        composite.

    Raises
    ------
    PlanError
        A split has people but no background, or only one person where two are to be pasted.
    """
    rooms = by_split(scenes)
    company = by_split(people)
    require_company(people, config)
    if extent is None and (config.placement or config.people_per_composite == TWO):
        raise PlanError("to place people, their extents are needed")
    pairs = {}
    for split, inside in company.items():
        wanted = [counts[slot] for slot in inside]
        room = len(rooms.get(split, ()))
        if room == 0:
            raise PlanError(f"no background is left for the people of the split {split}: give more")
        if unique and sum(wanted) > room:
            raise PlanError(
                f"{sum(wanted)} composites of the split {split} need a background each, there are "
                f"{room}: give more"
            )
        pairs[split] = pair_backgrounds(wanted, room, seed, split)
    for slot, person in people.items():
        split = person["split"]
        for number, index in enumerate(next(pairs[split])):
            scene = rooms[split][index]
            random = generator(seed, "composite", composite_id(person["id"], number))
            frame: Size = (person["size"][0], person["size"][1])
            room = scenes[scene]["size"]
            crop = choose_crop((room[0], room[1]), frame, random)
            recipe = Recipe(foreground=slot, number=number, background=scene, crop=crop)
            if config.people_per_composite == TWO:
                second = _other(slot, company[split], people, random)
                recipe = replace(recipe, second=second)
            yield _varied(recipe, frame, config, random, extent)


def require_company(people: Mapping[int, Record], config: RecipeConfig) -> None:
    """Raise `PlanError` where a split has fewer people than a composite is to show."""
    for split, inside in by_split(people).items():
        if len({people[slot]["group"] for slot in inside}) < config.people_per_composite:
            raise PlanError(
                f"two people a composite, but only one in the split {split}: prepare more"
            )


def by_split(records: Mapping[int, Record]) -> dict[str, list[int]]:
    """Return the slots of each split, in their order."""
    splits: dict[str, list[int]] = {}
    for slot, record in records.items():
        splits.setdefault(record["split"], []).append(slot)
    return splits


def _other(
    slot: int, company: Sequence[int], people: Mapping[int, Record], random: np.random.Generator
) -> int:
    """Return somebody of another group; the caller knows that there is one."""
    while True:
        other = company[int(random.integers(len(company)))]
        if people[other]["group"] != people[slot]["group"]:
            return other


def _varied(
    recipe: Recipe,
    frame: Size,
    config: RecipeConfig,
    random: np.random.Generator,
    extent: Callable[[int], Extent] | None,
) -> Recipe:
    """Return the recipe with all that is drawn besides who is in it and the background's crop."""
    placement = behind = KEEP
    if config.placement and extent is not None:
        placement = choose_placement(extent(recipe.foreground), frame, config.placement, random)
    if recipe.second != NOBODY and extent is not None:
        column = placed_column(extent(recipe.foreground), placement)
        moves = {"move", *config.placement}  # the first would hide whoever stays
        second = extent(recipe.second)
        behind = choose_placement(second, frame, moves, random, beside=column)
    low, high = config.jpeg
    return replace(
        recipe,
        placement=placement,
        second_placement=behind,
        match=_drawn(config.match_colours, random),
        blur=_drawn(config.blur, random),
        noise=_drawn(config.noise, random),
        jpeg=int(random.integers(int(low), int(high) + 1)),
    )


def _drawn(bounds: Range, random: np.random.Generator) -> float:
    return float(np.float32(random.uniform(*bounds)))
