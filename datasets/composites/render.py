"""Samples made from recipes: people placed on backgrounds, and all that is done to them."""

import threading
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from cachetools import LRUCache, cached

from shm.datasets.composites.recipe import NOBODY, Recipe
from shm.datasets.damage import DamageError, repair_of
from shm.datasets.image import MAX_PIXELS, ImageError, read_photo
from shm.datasets.jpeg import through_jpeg
from shm.datasets.record import Record
from shm.datasets.storage.location import Location
from shm.datasets.store import Arrays, Store
from shm.pipeline.composite import (
    Subject,
    Uncut,
    Weighted,
    blend,
    blend_linear,
    cut_background,
    join,
    uncut_background,
    weigh,
)
from shm.pipeline.enlarge import Enlarge, Window, enlarge
from shm.pipeline.placement import KEEP, Placement, place
from shm.pipeline.realism import add_noise, blur, blur_reach, match_colours
from shm.pipeline.seed import generator
from shm.pipeline.values import RgbImage, Size

FIELDS = ("image", "alpha", "trimap", "foreground", "background")
"""The arrays of a sample."""

RECORDS_KEPT = 4096
"""Records of people, and of backgrounds, that are kept: 2 kB each."""

PEOPLE_KEPT = 2
"""How many people are kept decoded."""


class Renderer:
    """Makes samples from recipes, and keeps the last people and photos for the next one.

    May be called by several threads.

    Parameters
    ----------
    path : Path or URL
        The store of composites, to name to who has to mend it.
    foregrounds, backgrounds : Store
        Of the kinds of these names.
    seed : int
        Of the noise.
    linear : bool
        Whether colours are mixed in linear light.
    by : callable
        Enlarges pictures: `enlarge`, or what computes the same faster.
    photo_bytes : int
        How much of the backgrounds is kept decoded.
    """

    def __init__(
        self,
        path: Location,
        foregrounds: Store,
        backgrounds: Store,
        *,
        seed: int,
        linear: bool,
        by: Enlarge = enlarge,
        photo_bytes: int = 0,
    ) -> None:
        self._path, self._foregrounds, self._backgrounds = path, foregrounds, backgrounds
        self._seed, self._linear, self._by = seed, linear, by
        self.person = lru_cache(RECORDS_KEPT)(partial(self._accepted, foregrounds))
        self.scene = lru_cache(RECORDS_KEPT)(partial(self._accepted, backgrounds))
        self._subject = lru_cache(PEOPLE_KEPT)(self._read_subject)
        self._weighted = lru_cache(PEOPLE_KEPT)(self._weigh)
        photos: LRUCache[Any, RgbImage] = LRUCache(
            photo_bytes, getsizeof=lambda photo: photo.nbytes
        )
        self._photo = cached(photos, lock=threading.Lock())(self._read_photo)

    def id_of(self, recipe: Recipe) -> str:
        """Return the id of the composite."""
        return composite_id(self.person(recipe.foreground)["id"], recipe.number)

    def size_of(self, recipe: Recipe) -> Size:
        """Return the (height, width) of the composite."""
        height, width = self.person(recipe.foreground)["size"]
        return height, width

    def make(self, recipe: Recipe, names: Sequence[str], window: Window | None = None) -> Arrays:
        """Make the arrays of these names, of `FIELDS`, whole or in a window.

        Returns
        -------
        dict of uint8 arrays
            (h, w) for alpha and trimap, (h, w, 3) for the others.

        Raises
        ------
        DamageError
            What it is made of, or how, is damaged or missing.
        """
        if not names:
            return {}
        size = self.size_of(recipe)
        self._require_inside(recipe, size)
        whole = slice(0, size[0]), slice(0, size[1])
        # Colours are matched, and JPEG is decoded, over the whole image.
        everything = recipe.match or (recipe.jpeg and "image" in names)
        part = whole if everything or window is None else window
        arrays = self._make(recipe, names, size, part)
        cut = window if everything and window is not None else (slice(None), slice(None))
        return {name: arrays[name][cut] for name in FIELDS if name in names}

    def _accepted(self, part: Store, slot: int) -> Record:
        """Return the record of a person or a background that was not rejected."""
        record = part.record(slot)
        if "rejected" in record:
            raise self._damage(f"a recipe names slot {slot} of {part.path.name}, which is empty")
        return record

    def _require_inside(self, recipe: Recipe, size: Size) -> None:
        """Raise `DamageError` where a composite reaches over the sides of its background."""
        crop = recipe.crop
        ends = crop.top + size[0], crop.left + size[1]
        if ends[0] > crop.scaled[0] or ends[1] > crop.scaled[1]:
            raise self._damage(f"the recipe of {self.id_of(recipe)} leaves its background")

    def _make(self, recipe: Recipe, names: Sequence[str], size: Size, part: Window) -> Arrays:
        mixed = "image" in names
        needed = {name for name in names if name in ("alpha", "trimap", "foreground")}
        needed |= {"alpha", "foreground"} if mixed or recipe.match else set()
        arrays = self._person(recipe, sorted(needed), size, part)
        if mixed or recipe.match or "background" in names:
            arrays["background"] = self._background(recipe, size, part)
        if recipe.match and "foreground" in arrays:
            arrays["foreground"] = match_colours(
                arrays["foreground"], arrays["alpha"], arrays["background"], recipe.match
            )
        if mixed:
            image = self._mixed(recipe, arrays, size)
            if recipe.noise:
                random = generator(self._seed, "noise", self.id_of(recipe))
                corner = part[0].start, part[1].start
                image = add_noise(image, recipe.noise, random, corner=corner, width=size[1])
            arrays["image"] = through_jpeg(image, recipe.jpeg) if recipe.jpeg else image
        return arrays

    def uncut(self, recipe: Recipe, window: Window) -> Uncut | None:
        """Return what a window of the background is interpolated from.

        None where there is more to the image than αF + (1 − α)B with the background as it is: then
        it has to be made here.
        """
        self._require_inside(recipe, self.size_of(recipe))
        plain = not (recipe.match or recipe.blur or recipe.noise or recipe.jpeg or self._linear)
        return self._uncut(recipe, self.size_of(recipe), window) if plain else None

    def _uncut(self, recipe: Recipe, size: Size, window: Window) -> Uncut:
        height, width = self.scene(recipe.background)["size"]
        return uncut_background(
            lambda part: self._read_photo(recipe.background, part),
            (height, width),
            recipe.crop,
            size,
            window,
        )

    def _mixed(self, recipe: Recipe, arrays: Arrays, size: Size) -> RgbImage:
        """Return αF + (1 − α)B."""
        if self._linear:
            return blend_linear(arrays["foreground"], arrays["alpha"], arrays["background"])
        kept = recipe.placement == KEEP and recipe.second == NOBODY and not recipe.match
        if kept and arrays["alpha"].shape == size:
            return self._weighted(recipe.foreground).over(arrays["background"])
        return blend(arrays["foreground"], arrays["alpha"], arrays["background"])

    def _background(self, recipe: Recipe, size: Size, part: Window) -> RgbImage:
        """Return a part of the background; blurred, it is made with a margin around it."""
        reach = blur_reach(recipe.blur)
        around = tuple(
            slice(max(0, side.start - reach), min(length, side.stop + reach))
            for side, length in zip(part, size, strict=True)
        )
        if around == (slice(0, size[0]), slice(0, size[1])):
            cut = cut_background(self._photo(recipe.background), recipe.crop, size, by=self._by)
        else:
            cut = self._uncut(recipe, size, (around[0], around[1])).cut()
        inside = tuple(
            slice(side.start - wide.start, side.stop - wide.start)
            for side, wide in zip(part, around, strict=True)
        )
        return blur(cut, recipe.blur)[inside] if reach else cut

    def _weigh(self, slot: int) -> Weighted:
        subject = self._subject(slot)
        return weigh(subject.foreground, subject.alpha)

    def _person(self, recipe: Recipe, names: Sequence[str], size: Size, part: Window) -> Arrays:
        """Return a part of the person as they stand in the composite, with the one behind."""
        slot, alone = recipe.foreground, recipe.second == NOBODY
        if not names:
            return {}
        if alone and recipe.placement == KEEP and part != (slice(0, size[0]), slice(0, size[1])):
            return self._foregrounds.read(slot, self.person(slot), names, part)
        subject = self._placed(slot, recipe.placement, size, part)
        if not alone:
            second = self._placed(recipe.second, recipe.second_placement, size, part)
            subject = join(subject, second)
        return {name: getattr(subject, name) for name in names}

    def _placed(self, slot: int, placement: Placement, size: Size, part: Window) -> Subject:
        return place(self._subject(slot), placement, size, window=part, by=self._by)

    def _read_subject(self, slot: int) -> Subject:
        names = ("foreground", "alpha", "trimap")
        return Subject(**self._foregrounds.read(slot, self.person(slot), names))

    def _read_photo(self, slot: int, part: Window | None = None) -> RgbImage:
        record = self.scene(slot)
        height, width = record["size"]
        if record["encoding"] == "pixels":
            rows, columns = part or (slice(0, height), slice(0, width))
            span = slice(3 * width * rows.start, 3 * width * rows.stop)
            return self._backgrounds.read_bytes(slot, span).reshape(-1, width, 3)[:, columns]
        content = self._backgrounds.read_bytes(slot, slice(0, record["bytes"])).tobytes()
        # The record's size is no more to be believed than the file, which may be a bomb.
        source, limit = Path(record["source"]), min(height * width, MAX_PIXELS)
        try:
            photo = read_photo(source, max_pixels=limit, content=content, part=part)
        except ImageError as error:
            raise self._damage(f"background {record['id']} can't be read ({error})") from error
        rows, columns = part or (slice(0, height), slice(0, width))
        if photo.shape[:2] != (rows.stop - rows.start, columns.stop - columns.start):
            raise self._damage(f"background {record['id']} is not of the size that is told of it")
        return photo

    def _damage(self, what: str) -> DamageError:
        return DamageError(f"{self._path}: {what}; {repair_of(self._path)}")


def composite_id(person: str, number: int) -> str:
    """Return the id of a composite: its person's, and a number."""
    return f"{person}-{number:03d}"
