"""What is known of a composite: whose it is, what is behind them, how it was made."""

from collections.abc import Callable
from typing import Any

from shm.datasets.composites.recipe import NOBODY, Recipe
from shm.datasets.composites.render import composite_id
from shm.datasets.record import Record

Lookup = Callable[[int], Record]
"""Gives the record of a slot."""


def describe(recipe: Recipe, person_of: Lookup, scene_of: Lookup) -> Record:
    """Return the record of a composite, which no store keeps: its recipe leads to all of it.

    Raises
    ------
    DamageError
        The recipe names a slot that is empty or damaged.
    """
    person, scene = person_of(recipe.foreground), scene_of(recipe.background)
    record: Record = {
        "id": composite_id(person["id"], recipe.number),
        "source": person["source"],
        "group": person["group"],
        "split": person["split"],
        "size": person["size"],
        "foreground": {"slot": recipe.foreground, **_origin(person)},
        "background": {"slot": recipe.background, "split": scene["split"], **_origin(scene)},
        "recipe": recipe.flat(),
        "quality": person.get("quality", {}),
    }
    if recipe.second != NOBODY:
        record["second"] = {"slot": recipe.second, **_origin(person_of(recipe.second))}
    return record


def _origin(record: Record) -> dict[str, Any]:
    names = ("id", "source", "sha256", "licence")
    return {name: record[name] for name in names if name in record}
