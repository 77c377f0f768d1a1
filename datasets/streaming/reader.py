"""Reads the crops of a batch, several at a time, in whichever process."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple

from torch.utils.data import Dataset

from shm.datasets.composites.render import FIELDS
from shm.datasets.damage import DamageError
from shm.datasets.group import Access
from shm.datasets.opening import Sample, Samples, open_sample, open_samples
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.storage.location import Location
from shm.datasets.streaming.crop import CropConfig, draw_crop
from shm.datasets.streaming.lending import Lender
from shm.datasets.streaming.packing import CutSample, PackedBatch, pack, unshared
from shm.pipeline.composite import mirrored
from shm.pipeline.errors import ShmError
from shm.pipeline.seed import generator

OnDamage = Literal["stop", "skip"]


class Draw(NamedTuple):
    """A sample that was drawn: which of the stores, in which epoch, its slot."""

    store: int
    epoch: int
    slot: int


class BatchDraws(NamedTuple):
    """What a batch is made of.

    Its draws, and some that take the place of what can't be read. Where it is to be handed over in
    memory that is lent, its number, and batches whose memory has come back.
    """

    draws: tuple[Draw, ...]
    spares: tuple[Draw, ...] = ()
    number: int | None = None
    given_back: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """What is read of each sample, and how.

    Parameters
    ----------
    crop : CropConfig
    seed : object
        Crops depend on it, the epoch and the sample's id alone.
    names : tuple of str
        Some of `FIELDS`.
    composite_here : bool
        Make images, enlarge backgrounds and mirror crops as they are read; else that is left to
        the device, where the composite is a plain one.
    on_damage : str
        ``"stop"``, or ``"skip"`` to read another sample instead.
    threads : int
        Samples that a process reads at a time. Where bytes are at hand one is quickest: decoders
        hold no lock, but what is between them does. Where they are far, threads wait together.
    cache : CacheConfig, optional
        Where the bytes of stores that lie elsewhere are kept.
    """

    crop: CropConfig
    seed: object
    names: tuple[str, ...] = FIELDS
    composite_here: bool = True
    on_damage: OnDamage = "stop"
    threads: int = 1
    cache: CacheConfig | None = None


class BatchReader(Dataset[PackedBatch | Exception]):
    """Batches of crops; what goes wrong with one is returned, to be raised where it is told.

    An exception raised in a loader's process would arrive with that process's traceback as its
    message.
    """

    def __init__(self, stores: Sequence[Location], config: ReaderConfig) -> None:
        self.stores, self.config = tuple(stores), config
        self._open: list[Samples] = []  # each process opens its own
        self._threads: ThreadPoolExecutor | None = None
        self._lender = Lender()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": [], "_threads": None, "_lender": Lender()}

    def __getitem__(self, batch: BatchDraws) -> PackedBatch | Exception:
        try:
            return self._read(batch)
        except (ShmError, OSError) as error:
            return error

    def _read(self, batch: BatchDraws) -> PackedBatch:
        if not self._open:
            access = Access(cache=self.config.cache)
            self._open = [open_samples(path, access=access) for path in self.stores]
        found = list(self._each(batch.draws))
        skipped = [each for each in found if isinstance(each, DamageError)]
        if skipped and self.config.on_damage == "stop":
            raise DamageError(f"{skipped[0]} (or go on without: --on-damage skip)")
        spares = iter(batch.spares)
        samples = [self._or_spare(each, spares, skipped) for each in found]
        self._lender.take_back(batch.given_back)
        number = batch.number
        memory = unshared if number is None else partial(self._lender.lend, number)
        return pack(samples, skipped=list(map(str, skipped)), pid=os.getpid(), memory=memory)

    def _each(self, draws: Sequence[Draw]) -> Iterator[CutSample | DamageError]:
        if self.config.threads == 1:
            return map(self._attempt, draws)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.config.threads)
        return self._threads.map(self._attempt, draws)

    def _or_spare(
        self, found: CutSample | DamageError, spares: Iterator[Draw], skipped: list[DamageError]
    ) -> CutSample:
        while isinstance(found, DamageError):
            spare = next(spares, None)
            if spare is None:
                raise found
            found = self._attempt(spare)
            if isinstance(found, DamageError):
                skipped.append(found)
        return found

    def _attempt(self, draw: Draw) -> CutSample | DamageError:
        try:
            return self.read(draw)
        except DamageError as error:
            return error

    def read(self, draw: Draw) -> CutSample:
        """Read one crop.

        Raises
        ------
        DamageError
            Something that it is made of is missing or damaged.
        """
        sample = open_sample(self._open[draw.store], draw.slot)
        try:
            return self._cut(sample, draw.epoch)
        except DamageError as error:
            raise DamageError(f"{sample.id} can't be read: {error}") from error

    def _cut(self, sample: Sample, epoch: int) -> CutSample:
        config = self.config
        random = generator(config.seed, "crop", epoch, sample.id)
        crop = draw_crop(config.crop, sample.size, lambda: sample.draw_unknown(random), random)
        names = set(config.names) & set(sample.fields)
        if config.crop.band is not None:
            names -= {"trimap"}  # drawn from alpha, on the device
            names |= {"alpha"}
        uncut = None
        if not config.composite_here and names & {"image", "background"}:
            uncut = sample.uncut(crop.window)
        if uncut is not None:
            names = names - {"image", "background"} | {"alpha", "foreground"}
        arrays = sample.read(sorted(names), crop.window)
        if config.composite_here and crop.flip:
            arrays = {name: mirrored(array) for name, array in arrays.items()}
            crop = replace(crop, flip=False)
        return CutSample(id=sample.id, crop=crop, arrays=arrays, uncut=uncut)
