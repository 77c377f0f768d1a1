"""Results that are videos: one file for each kind, frame by frame."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from shm.datasets.video import Video
from shm.datasets.video_writer import Kind as PixelKind
from shm.datasets.video_writer import VideoWriter
from shm.pipeline.values import RgbImage
from shm.prediction import Matting
from shm.workflows.predict.results import Kind, Wanted

_HEARD = ("cutout", "composite")
"""Kinds that have the original's sound."""


class VideoResults:
    """Writes what is wanted of each frame.

    Parameters
    ----------
    files : sequence of Path
        As `Wanted.files` has them: there is one background at most.
    wanted : Wanted
    like : Video
        Whose size, times and sound they have.
    sound : bool
        Whether the original's sound goes along with pictures.
    growing : bool
        Whether files hold what was written at any moment; see `VideoWriter`.

    Raises
    ------
    shm.datasets.video_writer.VideoWriteError
        A container can't hold that; from `write` and `close`, too, where the disk refuses.
    """

    def __init__(
        self,
        files: Sequence[Path],
        wanted: Wanted,
        like: Video,
        *,
        sound: bool = True,
        growing: bool = False,
    ) -> None:
        self._wanted = wanted
        self._writers = []
        with ExitStack() as stack:
            for file, kind in zip(files, wanted.kinds, strict=True):
                file.parent.mkdir(parents=True, exist_ok=True)
                pixels, heard = pixel_kind(kind, wanted.depth), sound and kind in _HEARD
                writer = VideoWriter(file, like, pixels, sound=heard, growing=growing)
                self._writers.append(stack.enter_context(writer))
            self._open = stack.pop_all()

    def write(self, image: RgbImage, matte: Matting, pts: int) -> None:
        """Write a frame and its matte, at a time in units of the video's `time_base`."""
        pictures = self._wanted.pictures(image, matte)
        for writer, (_, picture) in zip(self._writers, pictures, strict=True):
            writer.write(picture, pts)

    def close(self) -> None:
        """Finish the files."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)


def pixel_kind(kind: Kind, depth: int) -> PixelKind:
    """Return what a result's pixels hold, as `VideoWriter` calls it."""
    if kind == "cutout":
        return "rgba"
    if kind in ("photo", "composite"):
        return "rgb"
    return "grey16" if depth == 16 and kind != "trimap" else "grey"
