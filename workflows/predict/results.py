"""What is made of a matte: pictures, and the files that they go to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.datasets.image import IMAGE_SUFFIXES, MAX_PIXELS, ImageError, image_size, read_photo
from shm.datasets.raw import naming
from shm.pipeline.composite import blend, centre_crop, cut_background
from shm.pipeline.values import RgbImage, Size
from shm.prediction import Matting
from shm.workflows.predict.finished import state_of
from shm.workflows.predict.sources import PredictError

Kind: TypeAlias = Literal["photo", "alpha", "raw-alpha", "trimap", "cutout", "composite"]

KINDS: tuple[Kind, ...] = ("alpha", "raw-alpha", "trimap", "cutout", "composite")
"""What can be asked for."""

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """A new background: a photo, which is read when it is needed, or a colour.

    Parameters
    ----------
    source : Path or (red, green, blue)
    max_pixels : int
        Above which a photo is refused.
    """

    source: Path | tuple[int, int, int]
    max_pixels: int = MAX_PIXELS

    @property
    def name(self) -> str:
        """What composites on it are called where there are several."""
        return self.source.stem if isinstance(self.source, Path) else bytes(self.source).hex()

    @property
    def told(self) -> str:
        """What it is, as the option has it."""
        if isinstance(self.source, Path):
            return str(self.source)
        return f"#{bytes(self.source).hex()}"

    @property
    def state(self) -> list[int] | None:
        """Size and time of change of its file: another picture makes other results."""
        return state_of(self.source) if isinstance(self.source, Path) else None

    def of_size(self, size: Size) -> RgbImage:
        """Return its middle as uint8 (H, W, 3) of a size, enlarged where it is smaller."""
        return _cut(self, size)


@lru_cache(maxsize=2)
def _cut(backdrop: Backdrop, size: Size) -> RgbImage:
    pixels = _read(backdrop)
    crop = centre_crop((pixels.shape[0], pixels.shape[1]), size)
    return cut_background(pixels, crop, size)


@lru_cache(maxsize=2)
def _read(backdrop: Backdrop) -> RgbImage:
    """Return it as uint8 (H, W, 3); a colour as one pixel."""
    if not isinstance(backdrop.source, Path):
        return np.array([[backdrop.source]], np.uint8)
    with naming(str(backdrop.source)):
        return read_photo(backdrop.source, max_pixels=backdrop.max_pixels)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is made of each photo.

    Parameters
    ----------
    kinds : strings
        ``"photo"`` (the picture itself, which a camera doesn't keep), ``"alpha"``, ``"raw-alpha"``
        (M-Net's, before it is fused with the trimap), ``"trimap"`` (T-Net's), ``"cutout"``
        (RGBA, with the old background's colour taken out) and ``"composite"``.
    depth : int
        Bits of an alpha, 8 or 16.
    backdrops : tuple of Backdrop
        For composites.
    """

    kinds: tuple[Kind, ...] = ("alpha",)
    depth: Literal[8, 16] = 8
    backdrops: tuple[Backdrop, ...] = ()

    def files(
        self, target: Path, name: PurePath, suffix_of: Callable[[Kind], str] = lambda _: ".png"
    ) -> Iterator[Path]:
        """Yield the files that a source's results go to, in the order of `pictures`."""
        for kind in self.kinds:
            folder = target / kind if len(self.kinds) > 1 else target
            base = folder / name
            several = kind == "composite" and len(self.backdrops) > 1
            for each in self.backdrops if several else (None,):
                place = base if each is None else base / each.name
                yield place.with_name(place.name + suffix_of(kind))

    def pictures(self, image: RgbImage, matte: Matting) -> Iterator[tuple[Kind, Pixels]]:
        """Yield (kind, picture) of everything that is wanted, as `files` has it."""
        alpha = quantised(matte.alpha, 8).astype(np.uint8)
        foreground: RgbImage | None = None
        if {"cutout", "composite"} & set(self.kinds):
            from shm.pipeline.foreground import estimate_foreground

            foreground = estimate_foreground(image, alpha)
        for kind in self.kinds:
            if kind == "photo":
                yield kind, image
            elif kind == "alpha":
                yield kind, quantised(matte.alpha, self.depth)
            elif kind == "raw-alpha":
                yield kind, quantised(matte.raw_alpha, self.depth)
            elif kind == "trimap":
                yield kind, matte.trimap
            elif kind == "cutout":
                assert foreground is not None  # noqa: S101
                yield kind, np.dstack([foreground, alpha])
            else:
                assert foreground is not None  # noqa: S101
                size = (alpha.shape[0], alpha.shape[1])
                for each in self.backdrops:
                    yield kind, blend(foreground, alpha, each.of_size(size))


def quantised(alpha: NDArray[np.float32], depth: int) -> Pixels:
    """Return an alpha in [0, 1] as integers of 8 or 16 bits."""
    levels: NDArray[np.float32] = np.rint(alpha * np.float32(2**depth - 1))
    return levels.astype(np.uint8) if depth == 8 else levels.astype(np.uint16)


def checkerboard(size: Size, side: int = 12) -> RgbImage:
    """Return the squares on which cut-outs are seen, uint8 (H, W, 3)."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    light = (rows // side + columns // side) % 2 == 0
    return np.where(light[..., None], np.uint8(225), np.uint8(180)).repeat(3, axis=2)


def find_backdrops(backgrounds: Sequence[str], max_pixels: int) -> tuple[Backdrop, ...]:
    """Find new backgrounds: colours ``#rrggbb``, photos, and folders whose every photo is one.

    Raises
    ------
    PredictError
        One is none of these, can't be read, or is called as another one.
    """
    found = [each for given in backgrounds for each in _backdrops_of(given, max_pixels)]
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PredictError(f"two backgrounds are called {twice!r}: rename one of them")
    return tuple(found)


def _backdrops_of(background: str, max_pixels: int) -> list[Backdrop]:
    if background.startswith("#"):
        try:
            red, green, blue = bytes.fromhex(background.removeprefix("#"))
        except ValueError:
            raise PredictError(f"{background!r} is no colour: write #rrggbb") from None
        return [Backdrop(source=(red, green, blue))]
    path = Path(background)
    files: Sequence[Path] = (path,)
    if path.is_dir():
        files = sorted(
            file
            for file in path.iterdir()
            if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
        )
        if not files:
            raise PredictError(f"{path}: no photo in it to take as a background")
    elif not path.exists():
        raise PredictError(f"{path}: no such photo or folder; a colour is written #rrggbb")
    for file in files:
        try:
            image_size(file, max_pixels=max_pixels)
        except ImageError as error:
            raise PredictError(f"{file}: {error}") from error
    return [Backdrop(source=file, max_pixels=max_pixels) for file in files]
