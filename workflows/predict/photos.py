"""Photos, one batch after the other."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from shm.datasets.files import png_bytes, write_png
from shm.datasets.image import ImageError, read_photo
from shm.datasets.layouts.roles import Key, role_of
from shm.datasets.named import pictures_by_name, read_trimap
from shm.datasets.profile import rgb_profile
from shm.pipeline.errors import ShmError
from shm.pipeline.values import RgbImage, Trimap
from shm.prediction import Network, PhotoConfig, Room, predict_photos
from shm.workflows.predict.failures import Fail, reason_of
from shm.workflows.predict.results import Wanted
from shm.workflows.predict.sources import PredictError, Source

if TYPE_CHECKING:
    from shm.workflows.predict import PredictRun

Given: TypeAlias = Mapping[Key, Path] | Path | None
"""Trimaps by the photos' names, or one for all."""

_COLOURED = ("cutout", "composite")


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A photo that was read, and where its results go."""

    source: Source
    files: Sequence[Path]
    image: RgbImage
    trimap: Trimap | None
    profile: bytes | None

    @classmethod
    def read(
        cls, source: Source, files: Sequence[Path], given: Given, max_pixels: int, fail: Fail
    ) -> "Photo | None":
        """Read a photo; None, and `fail` is told, where it can't be."""
        try:
            content = _standard_input() if source.is_standard_input else None
            image = read_photo(source.path, max_pixels=max_pixels, content=content)
            profile = rgb_profile(source.path, max_pixels=max_pixels, content=content)
            trimap = _trimap_of(source, given, (image.shape[0], image.shape[1]), max_pixels)
        except (ImageError, PredictError, OSError, MemoryError) as error:
            fail(str(source.path), reason_of(error))
            return None
        return cls(source=source, files=files, image=image, trimap=trimap, profile=profile)

    def fits(self, other: "Photo") -> bool:
        """Return whether both can be of one batch."""
        return self.image.shape == other.image.shape


def predict_batch(
    network: Network,
    photos: Sequence[Photo],
    config: PhotoConfig,
    wanted: Wanted,
    *,
    batch: int,
    room: Room,
    fail: Fail,
    note: Callable[[str], None],
) -> Iterator[tuple[Photo, list[Path]]]:
    """Predict photos of one size and write their results; yield each with the files written."""
    images = [photo.image for photo in photos]
    trimaps = [photo.trimap for photo in photos if photo.trimap is not None]
    try:
        mattes = predict_photos(
            network, images, config, trimaps=trimaps or None, batch=batch, room=room, note=note
        )
    except (ShmError, MemoryError, RuntimeError) as error:  # RuntimeError: what a device says
        for photo in photos:
            fail(str(photo.source.path), reason_of(error))
        return
    for photo, matte in zip(photos, mattes, strict=True):
        written: list[Path] = []
        try:
            results = wanted.pictures(photo.image, matte)
            for file, (kind, pixels) in zip(photo.files, results, strict=True):
                profile = photo.profile if kind in _COLOURED else None
                write_png(file, pixels, profile=profile)
                written.append(file)
        except (ShmError, OSError, MemoryError) as error:
            fail(str(photo.source.path), reason_of(error))
        yield photo, written


def to_stdout(
    network: Network,
    sources: Sequence[Source],
    config: PhotoConfig,
    run: "PredictRun",
    note: Callable[[str], None],
) -> None:
    """Write the one result of one photo to standard output, as a PNG.

    Raises
    ------
    PredictError
        There are several, or it can't be predicted.
    """
    if sys.stdout is None:
        raise PredictError("standard output is closed: give a folder, --out")
    files = [file for each in sources for file in run.wanted.files(Path(), each.name)]
    if len(files) != 1 or sources[0].is_video:
        raise PredictError("standard output takes one result of one photo: give a folder, --out")

    def fail(source: str, reason: str) -> None:
        raise PredictError(f"{source}: {reason}")

    given = read_given(run.trimaps, sources)
    photo = Photo.read(sources[0], files, given, run.max_pixels, fail)
    assert photo is not None  # noqa: S101 - or it would have failed
    trimaps = None if photo.trimap is None else [photo.trimap]
    (matte,) = predict_photos(network, [photo.image], config, trimaps=trimaps, note=note)
    ((kind, pixels),) = run.wanted.pictures(photo.image, matte)
    profile = photo.profile if kind in _COLOURED else None
    sys.stdout.buffer.write(png_bytes(pixels, profile=profile))
    sys.stdout.buffer.flush()


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise PredictError("standard input is closed: give a file")
    return sys.stdin.buffer.read()


def read_given(trimaps: Path | None, sources: Sequence[Source]) -> Given:
    """Find the trimaps that take T-Net's place: a folder of them by name, or one for one photo.

    Raises
    ------
    PredictError
        There is one file for several photos, or none.
    """
    if trimaps is None or trimaps.is_dir():
        return None if trimaps is None else pictures_by_name(trimaps)
    if not trimaps.is_file():
        raise PredictError(f"{trimaps}: no such trimap, and no folder of trimaps")
    if len(sources) > 1:
        raise PredictError(
            f"{trimaps} is one trimap for {len(sources)} photos: give a folder of them"
        )
    return trimaps


def trimap_file(source: Source, given: Given) -> Path | None:
    """Return the file of a photo's trimap, where there is one."""
    if given is None or isinstance(given, Path):
        return given
    return given.get(role_of(source.name.as_posix() + ".png").keys[-1])


def _trimap_of(
    source: Source, given: Given, size: tuple[int, int], max_pixels: int
) -> Trimap | None:
    if given is None:
        return None
    file = trimap_file(source, given)
    if file is None:
        raise PredictError("there is no trimap of that name in --trimaps")
    return read_trimap(file, size, max_pixels)
