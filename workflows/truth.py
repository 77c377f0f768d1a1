"""What predictions are measured against: the samples of a store, or folders of pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shm.datasets.damage import StoreError
from shm.datasets.image import MAX_PIXELS, Annotation, ImageError, read_photo
from shm.datasets.layouts.roles import Key
from shm.datasets.named import name_of, pictures_by_name, read_alpha, read_trimap
from shm.datasets.opening import open_samples, slots_of_split
from shm.datasets.raw import naming
from shm.datasets.storage.location import Location
from shm.pipeline.errors import ShmError
from shm.pipeline.values import RgbImage, Trimap


class TruthError(ShmError, ValueError):
    """There is nothing to measure against, or it doesn't fit together."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """An image whose matte is known.

    Parameters
    ----------
    id : str
        Its name: in a folder the path below it, without the suffix.
    group : str
        Who is on it.
    key : Key, optional
        What predictions of it are found by; a store's samples have none but their ids.
    alpha : uint8 or uint16 (H, W)
    image : uint8 (H, W, 3), optional
    trimap : uint8 (H, W), optional
        0, 128, 255.
    """

    id: str
    group: str
    alpha: Annotation
    key: Key | None = None
    image: RgbImage | None = None
    trimap: Trimap | None = None


class Truths(Protocol):
    """Images whose mattes are known."""

    @property
    def name(self) -> str:
        """Say where they are from."""
        ...

    @property
    def has_trimaps(self) -> bool:
        """Whether there is an unknown region to measure."""
        ...

    def __len__(self) -> int: ...

    def label(self, index: int) -> str:
        """Say which one that is."""
        ...

    def read(self, index: int) -> Truth:
        """Read one of them; raises a `ShmError` where it can't be."""
        ...


class StoreTruths:
    """The samples of a store's split.

    Raises
    ------
    shm.datasets.damage.StoreError
        There is no such store, or the split has no samples.
    """

    def __init__(self, path: Location, split: str) -> None:
        self.name = f"{path} ({split})"
        self._store = open_samples(path)
        self._slots = slots_of_split(self._store, split).tolist()

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def has_trimaps(self) -> bool:
        """Whether there is an unknown region to measure: stores have trimaps."""
        return True

    def label(self, index: int) -> str:
        """Return the sample's id, or its slot where its record is damaged."""
        slot = self._slots[index]
        try:
            return str(self._store.record(slot)["id"])
        except StoreError:
            return f"slot {slot}"

    def read(self, index: int) -> Truth:
        """Read a sample.

        Raises
        ------
        shm.datasets.damage.DamageError
            The store is damaged.
        """
        slot = self._slots[index]
        record = self._store.record(slot)
        pixels = self._store.read(slot, record, ("image", "alpha", "trimap"))
        return Truth(
            id=record["id"],
            group=record["group"],
            alpha=pixels["alpha"],
            image=pixels["image"],
            trimap=pixels["trimap"],
        )


class FolderTruths:
    """Folders of pictures that belong together by their names.

    Parameters
    ----------
    alphas : Path
        A folder of true alphas, of 8 or 16 bits, at any depth.
    trimaps, images : Path, optional
        Folders with a picture of the same name for each.
    max_pixels : int

    Raises
    ------
    TruthError
        A folder is missing or empty, or an alpha has no trimap or no image.
    """

    def __init__(
        self,
        alphas: Path,
        *,
        trimaps: Path | None = None,
        images: Path | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.name = str(alphas)
        self._max_pixels = max_pixels
        self._alphas = pictures_by_name(alphas)
        self._trimaps = None if trimaps is None else pictures_by_name(trimaps)
        self._images = None if images is None else pictures_by_name(images)
        self._files = list(self._alphas.items())
        for what, folder, there in (
            ("trimap", trimaps, self._trimaps),
            ("image", images, self._images),
        ):
            lacking = [] if there is None else [key for key in self._alphas if key not in there]
            if lacking:
                raise TruthError(
                    f"{folder}: no {what} for {len(lacking)} of the alphas in {alphas}, first "
                    f"{name_of(lacking[0])!r}"
                )

    def __len__(self) -> int:
        return len(self._alphas)

    def label(self, index: int) -> str:
        """Return the alpha's file."""
        return str(self._files[index][1])

    @property
    def has_trimaps(self) -> bool:
        """Whether there is an unknown region to measure."""
        return self._trimaps is not None

    def read(self, index: int) -> Truth:
        """Read an alpha and what belongs to it.

        Raises
        ------
        ImageError
            One of the files can't be read, or is of another size; the message names it.
        """
        key, path = self._files[index]
        name = name_of(key)
        alpha = read_alpha(path, self._max_pixels)
        trimap = image = None
        if self._trimaps is not None:
            trimap = read_trimap(self._trimaps[key], max_pixels=self._max_pixels)
            _check_size(self._trimaps[key], trimap.shape, path, alpha.shape)
        if self._images is not None:
            file = self._images[key]
            with naming(str(file)):
                image = read_photo(file, max_pixels=self._max_pixels)
            _check_size(file, image.shape[:2], path, alpha.shape)
        return Truth(id=name, group=name, key=key, alpha=alpha, image=image, trimap=trimap)


def _check_size(path: Path, own: tuple[int, ...], alpha: Path, size: tuple[int, ...]) -> None:
    if own != size:
        raise ImageError(
            f"{path}: {own[1]}×{own[0]} pixels, its alpha {alpha.name} {size[1]}×{size[0]}", path
        )
