"""A store of composites: people once, backgrounds once, and a recipe for each composite.

A group of stores: ``foregrounds`` (people's colours, alphas and trimaps), ``backgrounds`` (photos
as files), and, unless the store is lazy, ``images``. ``recipe`` has a row of numbers a composite.
A lazy store makes an image as it is read; the samples are the same, byte for byte.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from shm.datasets.composites.describe import describe
from shm.datasets.composites.recipe import COLUMNS, NOBODY, Recipe
from shm.datasets.composites.render import FIELDS, Renderer, composite_id
from shm.datasets.composites.table import RECIPE_ROWS, RecipeTable
from shm.datasets.damage import Damage, StoreError
from shm.datasets.fields import shard_slots
from shm.datasets.group import (
    Access,
    damaged_metadata,
    open_group,
    require_complete,
    seal,
)
from shm.datasets.record import Record
from shm.datasets.storage.location import Location
from shm.datasets.store import Arrays, Store, open_store
from shm.pipeline.composite import Uncut
from shm.pipeline.enlarge import Enlarge, Window, enlarge
from shm.pipeline.placement import placed_pixel
from shm.pipeline.seed import digest
from shm.pipeline.values import Size

Form = Literal["lazy", "materialised"]

DRAWS = 8
"""How often an unknown pixel is drawn until one is inside the frame."""


def open_composites(
    path: Location,
    *,
    writable: bool = False,
    incomplete: bool = False,
    by: Enlarge = enlarge,
    photo_bytes: int = 0,
    access: Access | None = None,
) -> "CompositeStore":
    """Open a store of composites, or say in one line why it can't be.

    Parameters
    ----------
    by : callable
        Enlarges backgrounds: `enlarge`, or what computes the same faster.
    photo_bytes : int
        How much of the backgrounds is kept decoded, for who reads them in turn.
    access : Access, optional

    Raises
    ------
    StoreError
        There is none, it is of another format, or (unless `incomplete`) not finished.
    """
    group, layout = open_group(path, writable=writable)
    if layout.get("kind") != "composited":
        raise StoreError(f"{path} holds {layout.get('kind')} samples: give a store of composites")
    if layout.get("columns") != list(COLUMNS):
        raise StoreError(f"{path}: its recipes have other columns than this version of shm reads")
    with damaged_metadata(path):
        store = CompositeStore(path, group, by=by, photo_bytes=photo_bytes, access=access)
        sound = store.is_consistent()
    if not sound:
        raise StoreError(f"{path}: its metadata contradicts its arrays; make it again")
    require_complete(path, layout, incomplete=incomplete)
    return store


class CompositeStore:
    """Composites at rest, read slot by slot."""

    kind = "composited"
    fields = FIELDS

    def __init__(
        self,
        path: Location,
        group: zarr.Group,
        *,
        by: Enlarge = enlarge,
        photo_bytes: int = 0,
        access: Access | None = None,
    ) -> None:
        self.path = path
        self._group = group
        said: dict[str, Any] = dict(group.attrs["shm"])  # type: ignore[arg-type]
        self.attributes = {"recipes": None, "complete": False} | said
        self.form: Form = self.attributes["form"]
        self.slots: int = self.attributes["slots"]
        self.canvas: int = self.attributes["canvas"]
        self._access = replace(access or Access(), token=seal(self.attributes))
        self._storage = self._access.open(path)
        self.shard = shard_slots("images", self.canvas)
        """How many samples are a shard of the order in which they are streamed, in either form."""
        self.foregrounds = self._part("foregrounds")
        self.backgrounds = self._part("backgrounds")
        self.images = self._part("images") if self.form == "materialised" else None
        people, scenes = self.foregrounds.slots, self.backgrounds.slots
        self._recipes = RecipeTable(
            group,
            self._storage,
            path=path,
            slots=self.slots,
            limits={"foreground": people, "second": people, "background": scenes},
        )
        self._renderer = Renderer(
            path,
            self.foregrounds,
            self.backgrounds,
            seed=self.attributes["config"]["seed"],
            linear=self.attributes["config"]["recipe"]["linear"],
            by=by,
            photo_bytes=photo_bytes,
        )

    def _part(self, name: str) -> Store:
        writable = not self._group.read_only
        if isinstance(self.path, Path) and not (self.path / name / "zarr.json").is_file():
            raise StoreError(
                f"{self.path}: its part {name} is missing, or not whole: copy the store once more, "
                "or delete it and make it again"
            )
        return open_store(
            self.path / name,
            writable=writable,
            incomplete=True,
            root=self.path,
            access=self._access,
        )

    @property
    def parts(self) -> dict[str, Store]:
        """Return the stores that it is made of, by name."""
        own = {"foregrounds": self.foregrounds, "backgrounds": self.backgrounds}
        return own if self.images is None else own | {"images": self.images}

    def people(self) -> dict[int, Record]:
        """Read the records of all accepted people, by slot: 2 kB each."""
        return dict(self.foregrounds.samples())

    def scenes(self) -> dict[int, Record]:
        """Read the records of all accepted backgrounds, by slot: 2 kB each."""
        return dict(self.backgrounds.samples())

    def is_consistent(self) -> bool:
        """Return whether attributes and arrays say the same of slots, canvas and columns."""
        images = self.images is None or self.images.slots == self.slots
        canvases = {part.canvas for name, part in self.parts.items() if name != "backgrounds"}
        return images and canvases == {self.canvas} and self._recipes.is_consistent()

    # ---------------------------------------------------------------- writing

    def write_recipes(self, recipes: Iterable[Recipe]) -> None:
        """Write all recipes, shard by shard, and that they are written."""
        content = hashlib.sha256()
        waiting = iter(recipes)
        for part in self._recipes.parts():
            count = part.stop - part.start
            some = [recipe.row() for recipe in islice(waiting, count)]
            rows = np.asarray(some, np.float32).reshape(count, len(COLUMNS))
            self._recipes.write(part, rows)
            content.update(rows.tobytes())
        self.mark(recipes=content.hexdigest())

    def copy_recipes(self, source: "CompositeStore") -> None:
        """Write the recipes of another store of the same people and backgrounds."""
        for part in self._recipes.parts():
            self._recipes.write(part, source._recipes.rows(part))  # noqa: SLF001 - of the same class
        self.mark(recipes=source.attributes["recipes"])

    def mark(self, **attributes: object) -> None:
        """Say more of the store: whether it is ``complete``, the digest of its ``recipes``."""
        self.attributes |= attributes
        self.attributes["seal"] = seal(self.attributes)
        self._group.attrs["shm"] = self.attributes

    def is_sealed(self) -> bool:
        """Return whether the store says of itself what it said when it was finished."""
        own = bool(self.attributes.get("seal") == seal(self.attributes))
        return own and all(part.is_sealed() for part in self.parts.values())

    def forget_shard(self, array: str, shard: int) -> None:
        """Delete an array's shard, so that the command that made it makes it again."""
        self.mark(complete=False)
        part, _, name = array.partition("/")
        if part == "recipe":
            self.mark(recipes=None)
        else:
            self.parts[part].forget_shard(name, shard)

    # ---------------------------------------------------------------- reading

    def column(self, name: str) -> NDArray[np.int64]:
        """Return one whole number of each recipe."""
        (column,) = self._recipes.columns(name)
        return column

    def slots_in(self, split: str | None = None) -> NDArray[np.int64]:
        """Return the slots of all samples, or of one split's."""
        if split is None:
            return np.arange(self.slots)
        inside = [slot for slot, _ in self.foregrounds.samples(split)]
        return np.flatnonzero(np.isin(self.column("foreground"), inside))

    def samples(self, split: str | None = None) -> Iterator[tuple[int, Record]]:
        """Yield (slot, record) of every sample, or of one split's."""
        slots = self.slots_in(split)
        for start in range(0, len(slots), RECIPE_ROWS):
            some = slots[start : start + RECIPE_ROWS]
            rows = self._recipes.rows(slice(int(some[0]), int(some[-1]) + 1))
            for slot in some.tolist():
                yield slot, self._described(Recipe.of(rows[slot - int(some[0])]))

    def record(self, slot: int) -> Record:
        """Return what is known of a sample."""
        return self._described(self.recipe(slot))

    def recipe(self, slot: int) -> Recipe:
        """Return how a sample is made; raises `DamageError` where that can't be read."""
        return Recipe.of(self._recipes.rows(slice(slot, slot + 1))[0])

    def find(self, name: str) -> int | None:
        """Return the slot of the sample of this id, None where there is none."""
        person, _, number = name.rpartition("-")
        slots = [slot for slot, record in self.foregrounds.samples() if record["id"] == person]
        if not slots or not number.isdecimal() or len(number) > len(str(self.slots)) + 3:
            return None
        people, numbers = self._recipes.columns("foreground", "number")
        found = np.flatnonzero((people == slots[0]) & (numbers == int(number)))
        return int(found[0]) if len(found) and composite_id(person, int(number)) == name else None

    def id_of(self, recipe: Recipe) -> str:
        """Return the id of a sample."""
        return self._renderer.id_of(recipe)

    def size_of(self, recipe: Recipe) -> Size:
        """Return the (height, width) of a sample."""
        return self._renderer.size_of(recipe)

    def read(
        self, slot: int, record: Record | None = None, names: Sequence[str] | None = None
    ) -> Arrays:
        """Read a sample at its own size; returns and raises as `Store.read`.

        Parameters
        ----------
        slot : int
        record : dict, optional
            Not needed: the recipe says all.
        names : sequence of str, optional
            Some of `FIELDS`; all without it.
        """
        del record
        return self.make(slot, self.recipe(slot), FIELDS if names is None else names)

    def make(
        self, slot: int, recipe: Recipe, names: Sequence[str], window: Window | None = None
    ) -> Arrays:
        """Read a sample whose recipe is at hand, or a window of it, as `read`."""
        if self.images is None:
            return self._renderer.make(recipe, names, window)
        behind = "background" in names
        made = [name for name in names if name not in ("image", "background")]
        arrays = self._renderer.make(recipe, made, window)
        if behind or "image" in names:
            size = {"size": self._renderer.size_of(recipe)}
            stored = ["image", "difference"] if behind else ["image"]
            arrays |= self.images.read(slot, size, stored, window)
        if behind:
            arrays["background"] = arrays["image"] + arrays["difference"]
        return {name: arrays[name] for name in FIELDS if name in names}

    def uncut(self, recipe: Recipe, window: Window) -> Uncut | None:
        """Return what a window of the background is interpolated from, as `Renderer.uncut`.

        None where the store has its images, too.
        """
        return self._renderer.uncut(recipe, window) if self.images is None else None

    def draw_unknown(self, recipe: Recipe, random: np.random.Generator) -> tuple[int, int] | None:
        """Draw an unknown pixel of a sample, (row, column); None where none was found.

        It is one of the person's as they are stored, moved to where it is in the composite; of two
        people, of either as often as of the other. One that is outside the frame is drawn anew.
        """
        frame = self._renderer.size_of(recipe)
        people = [(recipe.foreground, recipe.placement)]
        if recipe.second != NOBODY:
            people.append((recipe.second, recipe.second_placement))
        for _ in range(DRAWS):
            person, placement = people[int(random.integers(len(people)))]
            record = self._renderer.person(person)
            pixel = self.foregrounds.draw_unknown(person, record, random)
            placed = pixel and placed_pixel(pixel, tuple(record["size"]), placement, frame)
            if placed:
                return placed
        return None

    def make_images(self, slots: range) -> Iterator[tuple[str, Arrays]]:
        """Yield the id of some samples, and what is stored of them, made from their recipes."""
        for row in self._recipes.rows(slice(slots.start, slots.stop)):
            recipe = Recipe.of(row)
            made = self._renderer.make(recipe, ["image", "background"])
            # Modulo 256, as NumPy has it; zero wherever there is nothing but background.
            difference = made["background"] - made["image"]
            stored = {"image": made["image"], "difference": difference}
            yield self._renderer.id_of(recipe), stored

    def _described(self, recipe: Recipe) -> Record:
        return describe(recipe, self._renderer.person, self._renderer.scene)

    # ---------------------------------------------------------------- checking

    @property
    def shards(self) -> int:
        """Return how many shards all parts have, the recipes counted as one."""
        shards: list[int] = [part.shards for part in self.parts.values()]
        return 1 + sum(shards)

    def damages(self) -> Iterator[list[Damage]]:
        """Check every shard that was written; yields what is wrong with each in turn."""
        for name, part in self.parts.items():
            for found in part.damages():
                yield [replace(damage, array=f"{name}/{damage.array}") for damage in found]
        written = self.attributes["recipes"]
        yield [] if written is None else list(self._recipes.damages(written))

    def identity(self) -> str:
        """Return a SHA-256 that two stores share only if their samples have the same bytes."""
        parts = (self.foregrounds.identity(), self.backgrounds.identity())
        return digest(*parts, self.attributes["recipes"], self.attributes["config"]).hex()

    def bytes_on_disk(self) -> int | None:
        """Return the size of all files of the store; None where they can't be listed."""
        return self._storage.total_bytes()
