"""A store of composites: people once, backgrounds once, and a recipe for each composite.

A group of stores: ``foregrounds`` (people's colours, alphas and trimaps), ``backgrounds`` (photos
as files), and, unless the store is lazy, ``images``. ``recipe`` has a row of numbers a composite.
A lazy store makes an image as it is read; the samples are the same, byte for byte.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarr.core.sync import sync

from shm.datasets.composites.recipe import COLUMNS, NOBODY, Recipe
from shm.datasets.composites.render import FIELDS, Renderer, composite_id
from shm.datasets.damage import Damage, DamageError, StoreError
from shm.datasets.record import Record
from shm.datasets.store import (
    FORMAT,
    Arrays,
    Store,
    create_store,
    damaged_metadata,
    open_group,
    open_store,
    require_complete,
    seal,
)
from shm.pipeline.enlarge import Enlarge, enlarge
from shm.pipeline.seed import digest
from shm.pipeline.values import RgbImage

Form = Literal["lazy", "materialised"]

RECIPE_ROWS, RECIPE_SHARD = 1024, 65_536
"""Recipes that are one inner chunk, and one shard."""


def create_composites(
    path: Path,
    *,
    form: Form,
    slots: int,
    people: Store,
    backgrounds: int,
    longest_file: int,
    attributes: Mapping[str, Any],
) -> "CompositeStore":
    """Write the metadata of an empty store of composites.

    Parameters
    ----------
    slots : int
        How many composites.
    people : Store
        The prepared people, whose slots are those of the foregrounds here.
    backgrounds : int
        How many.
    longest_file : int
        Bytes that a background's file may have.
    attributes : mapping
        What the store says of itself besides its layout, as JSON.
    """
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    create_store(
        path / "foregrounds",
        kind="foregrounds",
        slots=people.slots,
        canvas=people.canvas,
        shard=people.shard,
        attributes={},
    )
    create_store(
        path / "backgrounds",
        kind="backgrounds",
        slots=backgrounds,
        canvas=longest_file,
        attributes={},
    )
    if form == "materialised":
        create_store(
            path / "images", kind="images", slots=slots, canvas=people.canvas, attributes={}
        )
    group.create_array(
        "recipe",
        shape=(slots, len(COLUMNS)),
        chunks=(RECIPE_ROWS, len(COLUMNS)),
        shards=(RECIPE_SHARD, len(COLUMNS)),
        dtype="float32",
        compressors=[ZstdCodec(level=3, checksum=True)],
        fill_value=float("nan"),  # what a lost shard reads as
    )
    layout: dict[str, Any] = {"format": FORMAT, "kind": "composited", "slots": slots}
    layout |= {"canvas": people.canvas, "form": form, "columns": list(COLUMNS)}
    group.attrs["shm"] = layout | {"recipes": None, "complete": False} | dict(attributes)
    return CompositeStore(path, group)


def open_composites(
    path: Path, *, writable: bool = False, incomplete: bool = False, by: Enlarge = enlarge
) -> "CompositeStore":
    """Open a store of composites, or say in one line why it can't be.

    Parameters
    ----------
    by : callable
        Enlarges backgrounds: `enlarge`, or what computes the same faster.

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
        store = CompositeStore(path, group, by=by)
        sound = store.is_consistent()
    if not sound:
        raise StoreError(f"{path}: its metadata contradicts its arrays; make it again")
    require_complete(path, layout, incomplete=incomplete)
    return store


class CompositeStore:
    """Composites at rest, read slot by slot."""

    kind = "composited"
    fields = FIELDS

    def __init__(self, path: Path, group: zarr.Group, *, by: Enlarge = enlarge) -> None:
        self.path = path
        self._group = group
        self.attributes: dict[str, Any] = dict(group.attrs["shm"])  # type: ignore[arg-type]
        self.form: Form = self.attributes["form"]
        self.slots: int = self.attributes["slots"]
        self.canvas: int = self.attributes["canvas"]
        self.foregrounds = self._part("foregrounds")
        self.backgrounds = self._part("backgrounds")
        self.images = self._part("images") if self.form == "materialised" else None
        self._renderer = Renderer(
            self.foregrounds,
            self.backgrounds,
            seed=self.attributes["config"]["seed"],
            linear=self.attributes["config"]["recipe"]["linear"],
            by=by,
        )
        self._recipe = lru_cache(1)(self._read_recipe)  # for a sample's record, then its arrays

    def _part(self, name: str) -> Store:
        writable = not self._group.read_only
        return open_store(self.path / name, writable=writable, incomplete=True, root=self.path)

    @property
    def parts(self) -> dict[str, Store]:
        """Return the stores that it is made of, by name."""
        own = {"foregrounds": self.foregrounds, "backgrounds": self.backgrounds}
        return own if self.images is None else own | {"images": self.images}

    @cached_property
    def _recipes(self) -> "zarr.Array[Any]":
        array = self._group["recipe"]
        if not isinstance(array, zarr.Array):
            raise StoreError(f"{self.path}: its recipes are no array; make it again")
        return array

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
        shape = (self.slots, len(COLUMNS))
        return images and canvases == {self.canvas} and self._recipes.shape == shape

    # ---------------------------------------------------------------- writing

    def write_recipes(self, recipes: Iterable[Recipe]) -> None:
        """Write all recipes, shard by shard, and that they are written."""
        content = hashlib.sha256()
        waiting = iter(recipes)
        for start in range(0, self.slots, RECIPE_SHARD):
            stop = min(self.slots, start + RECIPE_SHARD)
            some = [recipe.row() for recipe in islice(waiting, stop - start)]
            rows = np.asarray(some, np.float32).reshape(stop - start, len(COLUMNS))
            self._write_rows(slice(start, stop), rows)
            content.update(rows.tobytes())
        self.mark(recipes=content.hexdigest())

    def copy_recipes(self, source: "CompositeStore") -> None:
        """Write the recipes of another store of the same people and backgrounds."""
        for start in range(0, self.slots, RECIPE_SHARD):
            part = slice(start, min(self.slots, start + RECIPE_SHARD))
            self._write_rows(part, source._rows(part))  # noqa: SLF001 - of the same class
        self.mark(recipes=source.attributes["recipes"])

    def _write_rows(self, part: slice, rows: NDArray[np.float32]) -> None:
        """Write the rows of one shard."""
        key = self._recipes.metadata.encode_chunk_key((part.start // RECIPE_SHARD, 0))
        # zarr reads a shard before it writes it: a damaged one stops it
        sync(self._group.store.delete(f"recipe/{key}"))
        self._recipes[part] = rows

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
        place = COLUMNS.index(name)
        parts = (slice(at, at + RECIPE_SHARD) for at in range(0, self.slots, RECIPE_SHARD))
        columns = [self._rows(part)[:, place].astype(np.int64) for part in parts]
        return np.concatenate(columns) if columns else np.empty(0, np.int64)

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
            rows = self._rows(slice(int(some[0]), int(some[-1]) + 1))
            for slot in some.tolist():
                yield slot, self._described(Recipe.of(rows[slot - int(some[0])]))

    def record(self, slot: int) -> Record:
        """Return what is known of a sample."""
        return self._described(self._recipe(slot))

    def find(self, name: str) -> int | None:
        """Return the slot of the sample of this id, None where there is none."""
        person, _, number = name.rpartition("-")
        slots = [slot for slot, record in self.foregrounds.samples() if record["id"] == person]
        if not slots or not number.isdecimal() or len(number) > len(str(self.slots)) + 3:
            return None
        is_it = (self.column("foreground") == slots[0]) & (self.column("number") == int(number))
        found = np.flatnonzero(is_it)
        return int(found[0]) if len(found) and composite_id(person, int(number)) == name else None

    def read(
        self, slot: int, record: Record | None = None, names: Sequence[str] | None = None
    ) -> Arrays:
        """Read a sample at its own size; returns and raises as `Renderer.make`.

        Parameters
        ----------
        slot : int
        record : dict, optional
            Not needed: the recipe says all.
        names : sequence of str, optional
            Of `fields`; all without it.
        """
        del record
        wanted = FIELDS if names is None else names
        recipe = self._recipe(slot)
        if self.images is None:
            return self._renderer.make(recipe, wanted)
        arrays = self._renderer.make(recipe, [name for name in wanted if name != "image"])
        if "image" in wanted:
            size = self._renderer.person(recipe.foreground)["size"]
            arrays |= self.images.read(slot, {"size": size}, ["image"])
        return {name: arrays[name] for name in FIELDS if name in wanted}

    def make_images(self, slots: range) -> Iterator[tuple[str, RgbImage]]:
        """Yield the id and the image of some samples, made from their recipes."""
        for row in self._rows(slice(slots.start, slots.stop)):
            recipe = Recipe.of(row)
            yield self._renderer.id_of(recipe), self._renderer.make(recipe, ["image"])["image"]

    def _read_recipe(self, slot: int) -> Recipe:
        return Recipe.of(self._rows(slice(slot, slot + 1))[0])

    def _rows(self, part: slice) -> NDArray[np.float32]:
        try:
            rows = np.asarray(self._recipes[part], np.float32)
        except (RuntimeError, ValueError, OSError) as error:
            raise self._damage("are damaged") from error
        if np.isnan(rows).any():
            raise self._damage("are missing")
        for name, store in (("foreground", self.foregrounds), ("background", self.backgrounds)):
            slots = rows[:, COLUMNS.index(name)]
            if ((slots < 0) | (slots >= store.slots)).any():
                raise self._damage("are damaged")
        return rows

    def _damage(self, what: str) -> DamageError:
        return DamageError(
            f"{self.path}: recipes {what}; run `shm-data verify --repair {self.path}`, then the "
            "command that made it"
        )

    def _described(self, recipe: Recipe) -> Record:
        """Return the record of a composite: whose it is, what is behind it, how it was made."""
        person, scene = (
            self._renderer.person(recipe.foreground),
            self._renderer.scene(recipe.background),
        )
        record: Record = {
            "id": self._renderer.id_of(recipe),
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
            behind = self._renderer.person(recipe.second)
            record["second"] = {"slot": recipe.second, **_origin(behind)}
        return record

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
        yield [] if self.attributes["recipes"] is None else list(self._damaged_recipes())

    def _damaged_recipes(self) -> Iterator[Damage]:
        content = hashlib.sha256()
        for shard, start in enumerate(range(0, self.slots, RECIPE_SHARD)):
            stop = min(self.slots, start + RECIPE_SHARD)
            try:
                content.update(self._rows(slice(start, stop)).tobytes())
            except DamageError:
                yield Damage(shard, "recipe", "is missing or damaged", ())
                return
        if content.hexdigest() != self.attributes["recipes"]:
            yield Damage(0, "recipe", "is not what was written", ())

    def identity(self) -> str:
        """Return a SHA-256 that two stores share only if their samples have the same bytes."""
        parts = (self.foregrounds.identity(), self.backgrounds.identity())
        return digest(*parts, self.attributes["recipes"], self.attributes["config"]).hex()

    def bytes_on_disk(self) -> int:
        """Return the size of every file of the store together."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


def _origin(record: Record) -> dict[str, Any]:
    names = ("id", "source", "sha256", "licence")
    return {name: record[name] for name in names if name in record}
