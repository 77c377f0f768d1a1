"""Video files: their frames, upright, with their times."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shm.pipeline.errors import ShmError
from shm.pipeline.values import RgbImage, Size

if TYPE_CHECKING:
    from av.container import InputContainer

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".ts", ".wmv"}
)
"""Suffixes of files that are taken for videos, in lower case."""


class VideoError(ShmError, OSError):
    """A video can't be read, or ends early."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A frame, upright, and when it is shown.

    Parameters
    ----------
    pixels : uint8 (H, W, 3)
        RGB.
    pts : int
        In units of the video's `time_base`.
    """

    pixels: RgbImage
    pts: int


@dataclass(frozen=True, kw_only=True)
class Video:
    """What a video's header says.

    Parameters
    ----------
    path : Path
    size : (height, width)
        Of its upright frames.
    rate : Fraction
        Frames a second, on average.
    time_base : Fraction
        Seconds.
    frames : int
        How many there should be; 0 where the header doesn't tell.
    seconds : float
        How long it should be; 0 where the header doesn't tell.
    """

    path: Path
    size: Size
    rate: Fraction
    time_base: Fraction
    frames: int
    seconds: float


def describe_video(path: Path, *, max_pixels: int) -> Video:
    """Read a video's header and first frame.

    Raises
    ------
    VideoError
        It is missing, no video, damaged, or its frames are too large.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        height, width = int(stream.codec_context.height), int(stream.codec_context.width)
        if height * width > max_pixels:
            raise VideoError(
                f"{path}: frames of {width}×{height} pixels, more than the {max_pixels / 1e6:g} "
                "megapixels allowed (--max-megapixels)"
            )
        for frame in _decoded(container, path):
            if round(frame.rotation / 90) % 2:
                height, width = width, height
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            seconds = _seconds(stream)
            return Video(
                path=path,
                size=(height, width),
                rate=Fraction(rate),
                time_base=Fraction(stream.time_base or 1 / rate),
                frames=int(stream.frames or round((seconds or 0) * rate)),
                seconds=seconds,
            )
    raise VideoError(f"{path}: no frame of it can be decoded")


def _seconds(stream: Any) -> float:  # noqa: ANN401 - the kinds of streams differ in their types
    """Return how long the pictures last: a container's own length may be its sound's."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    parts = str(stream.metadata.get("DURATION", "")).split(":")  # as Matroska has it
    try:
        hours, minutes, seconds = map(float, parts)
    except ValueError:
        return 0.0
    return 3600 * hours + 60 * minutes + seconds


def read_frames(video: Video) -> Iterator[Frame]:
    """Yield a video's frames in the order in which they are shown.

    Raises
    ------
    VideoError
        It ends earlier than its header says, or is damaged; the frames before that were yielded.
    """
    count, first, last = 0, 0.0, 0.0
    with _opened(video.path) as container:
        for frame in _decoded(container, video.path):
            pts = (
                frame.pts if frame.pts is not None else round(count / video.rate / video.time_base)
            )
            pixels = frame.to_ndarray(format="rgb24")
            turns = round(frame.rotation / 90) % 4
            upright = np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
            last = float(pts * video.time_base)
            first = first if count else last
            count += 1
            yield Frame(pixels=upright, pts=int(pts))
        stated = int(container.streams.video[0].frames)
    if count < 0.95 * stated:  # some may lie before the first that is shown
        raise VideoError(f"{video.path}: damaged, {count} of its {stated} frames can be read")
    # Headers round, and count what was cut off by an edit list: half a second is no damage.
    missing = video.seconds - (last - first) - 1 / float(video.rate)
    if video.seconds and missing > max(0.5, 2 / float(video.rate)):
        raise VideoError(
            f"{video.path}: ends early, after {count} frames: {missing:.1f} of its "
            f"{video.seconds:.1f} seconds are missing"
        )


@contextmanager
def _opened(path: Path) -> "Iterator[InputContainer]":
    import av

    if not path.exists():
        raise VideoError(f"{path}: there is no such file")
    try:
        container = av.open(str(path.absolute()))  # else `concat:a` would be a protocol
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{path}: not a video that can be read ({_reason(error)})") from error
    with container:
        if not container.streams.video:
            raise VideoError(f"{path}: there is no picture in it")
        container.streams.video[0].thread_type = "AUTO"
        yield container


def _decoded(container: "InputContainer", path: Path) -> Iterator[Any]:
    import av

    try:
        yield from container.decode(video=0)
    except av.FFmpegError as error:
        raise VideoError(f"{path}: damaged ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).split("[")[0].strip() or "unreadable"
