"""Samples made from recipes: people placed on backgrounds, and all that is done to them."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cachetools import LRUCache, cached

from shm.datasets.composites.recipe import NOBODY, Recipe
from shm.datasets.image import read_photo
from shm.datasets.jpeg import through_jpeg
from shm.datasets.store import Arrays, Store
from shm.pipeline.composite import (
    Subject,
    Weighted,
    blend,
    blend_linear,
    cut_background,
    join,
    weigh,
)
from shm.pipeline.enlarge import Enlarge, enlarge
from shm.pipeline.placement import KEEP, place
from shm.pipeline.realism import add_noise, blur, match_colours
from shm.pipeline.seed import generator
from shm.pipeline.values import RgbImage

FIELDS = ("image", "alpha", "trimap", "foreground", "background")
"""The arrays of a sample."""

RECORDS_KEPT = 4096
"""Records of people, and of backgrounds, that are kept: 2 kB each."""

PEOPLE_KEPT = 2
PHOTO_BYTES_KEPT = 256 * 2**20
"""How many people, and how much of the backgrounds, are kept decoded."""


class Renderer:
    """Makes samples from recipes, and keeps the last people and photos for the next one.

    Parameters
    ----------
    foregrounds, backgrounds : Store
        Of the kinds of these names.
    seed : int
        Of the noise.
    linear : bool
        Whether colours are mixed in linear light.
    by : callable
        Enlarges pictures: `enlarge`, or what computes the same faster.
    """

    def __init__(
        self,
        foregrounds: Store,
        backgrounds: Store,
        *,
        seed: int,
        linear: bool,
        by: Enlarge = enlarge,
    ) -> None:
        self._foregrounds, self._backgrounds = foregrounds, backgrounds
        self._seed, self._linear, self._by = seed, linear, by
        self.person = lru_cache(RECORDS_KEPT)(foregrounds.record)
        self.scene = lru_cache(RECORDS_KEPT)(backgrounds.record)
        self._subject = lru_cache(PEOPLE_KEPT)(self._read_subject)
        self._weighted = lru_cache(PEOPLE_KEPT)(self._weigh)
        photos: LRUCache[Any, RgbImage] = LRUCache(
            PHOTO_BYTES_KEPT, getsizeof=lambda photo: photo.nbytes
        )
        self._photo = cached(photos)(self._read_photo)

    def id_of(self, recipe: Recipe) -> str:
        """Return the id of the composite."""
        return composite_id(self.person(recipe.foreground)["id"], recipe.number)

    def make(self, recipe: Recipe, names: Sequence[str]) -> Arrays:
        """Make the arrays of these names, of `FIELDS`.

        Returns
        -------
        dict of uint8 arrays
            (h, w) for alpha and trimap, (h, w, 3) for the others.

        Raises
        ------
        DamageError
            What it is made of is damaged or missing.
        """
        if not names:
            return {}
        subject = self._placed(recipe)
        arrays: Arrays = {"alpha": subject.alpha, "trimap": subject.trimap}
        if {"image", "background"} & set(names) or recipe.match:
            size = subject.alpha.shape[0], subject.alpha.shape[1]
            scene = self._photo(recipe.background)
            cut = cut_background(scene, recipe.crop, size, by=self._by)
            arrays["background"] = blur(cut, recipe.blur)
        arrays["foreground"] = subject.foreground
        if recipe.match:
            arrays["foreground"] = match_colours(
                subject.foreground, subject.alpha, arrays["background"], recipe.match
            )
        if "image" in names:
            image = self._mixed(recipe, arrays)
            if recipe.noise:
                random = generator(self._seed, "noise", self.id_of(recipe))
                image = add_noise(image, recipe.noise, random)
            arrays["image"] = through_jpeg(image, recipe.jpeg) if recipe.jpeg else image
        return {name: arrays[name] for name in FIELDS if name in names}

    def _mixed(self, recipe: Recipe, arrays: Arrays) -> RgbImage:
        """Return αF + (1 − α)B."""
        if self._linear:
            return blend_linear(arrays["foreground"], arrays["alpha"], arrays["background"])
        if recipe.placement == KEEP and recipe.second == NOBODY and not recipe.match:
            return self._weighted(recipe.foreground).over(arrays["background"])
        return blend(arrays["foreground"], arrays["alpha"], arrays["background"])

    def _weigh(self, slot: int) -> Weighted:
        subject = self._subject(slot)
        return weigh(subject.foreground, subject.alpha)

    def _placed(self, recipe: Recipe) -> Subject:
        """Return the person as they stand in the composite, with the one behind, if any."""
        first = self._subject(recipe.foreground)
        size = first.alpha.shape[0], first.alpha.shape[1]
        subject = place(first, recipe.placement, size, by=self._by)
        if recipe.second == NOBODY:
            return subject
        second = place(self._subject(recipe.second), recipe.second_placement, size, by=self._by)
        return join(subject, second)

    def _read_subject(self, slot: int) -> Subject:
        return Subject(**self._foregrounds.read(slot, self.person(slot)))

    def _read_photo(self, slot: int) -> RgbImage:
        record = self.scene(slot)
        content = self._backgrounds.read_file(slot, record["bytes"])
        height, width = record["size"]
        return read_photo(Path(record["source"]), max_pixels=height * width, content=content)


def composite_id(person: str, number: int) -> str:
    """Return the id of a composite: its person's, and a number."""
    return f"{person}-{number:03d}"
