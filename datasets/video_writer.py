"""Video files: frames out, at the times of another video's."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.datasets.video import Video
from shm.pipeline.errors import ShmError

if TYPE_CHECKING:
    from av.container import InputContainer

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

Kind: TypeAlias = Literal["grey", "grey16", "rgb", "rgba"]
"""What a pixel holds."""


@dataclass(frozen=True, kw_only=True)
class _Codec:
    """How frames of a kind are written in a container."""

    name: str
    pixel_format: str
    options: dict[str, str]


_H264 = {"crf": "12", "preset": "medium"}

_VP9 = {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}

CODECS: dict[tuple[Kind, str], _Codec] = {
    ("grey", "mp4"): _Codec(name="libx264", pixel_format="yuvj420p", options=_H264),
    ("grey", "mov"): _Codec(name="libx264", pixel_format="yuvj420p", options=_H264),
    ("grey", "mkv"): _Codec(name="ffv1", pixel_format="gray", options={"level": "3"}),
    ("grey16", "mkv"): _Codec(name="ffv1", pixel_format="gray16le", options={"level": "3"}),
    ("rgb", "mp4"): _Codec(name="libx264", pixel_format="yuv420p", options=_H264),
    ("rgb", "mov"): _Codec(name="libx264", pixel_format="yuv420p", options=_H264),
    ("rgb", "mkv"): _Codec(name="ffv1", pixel_format="bgr0", options={"level": "3"}),
    ("grey", "webm"): _Codec(name="libvpx-vp9", pixel_format="yuv420p", options=_VP9),
    ("rgb", "webm"): _Codec(name="libvpx-vp9", pixel_format="yuv420p", options=_VP9),
    ("rgba", "mov"): _Codec(name="prores_ks", pixel_format="yuva444p10le", options={}),
    ("rgba", "webm"): _Codec(
        name="libvpx-vp9",
        pixel_format="yuva420p",
        options=_VP9,
    ),
    ("rgba", "mkv"): _Codec(name="ffv1", pixel_format="bgra", options={"level": "3"}),
}
"""By what a pixel holds, and the container. FFV1 loses nothing."""

_MUXERS = {"mp4": "mp4", "mkv": "matroska", "mov": "mov", "webm": "webm"}

_BT709, _LIMITED = 1, 1
"""FFmpeg's numbers of ITU-R BT.709 and of a range from 16 to 235. Players guess where files don't
say: BT.601 for small frames, BT.709 for large ones."""

_GROWING = {
    "mp4": {"movflags": "hybrid_fragmented", "frag_duration": "1000000", "flush_packets": "1"},
    "mkv": {"cluster_time_limit": "1000", "flush_packets": "1"},
}
_GROWING |= {"mov": _GROWING["mp4"], "webm": _GROWING["mkv"]}
"""Options by which only the last second can't be read before the end; MP4 and QuickTime become
ordinary files then."""

_AT_ONCE = {"libx264": {"tune": "zerolatency"}, "libvpx-vp9": {"lag-in-frames": "0"}}
"""Options by which encoders hold no frames back."""

_FORMATS: dict[Kind, str] = {"grey": "gray", "grey16": "gray16le", "rgb": "rgb24", "rgba": "rgba"}


class VideoWriteError(ShmError, OSError):
    """A video can't be written: the form can't hold it, or the disk refuses."""


class VideoWriter:
    """Writes frames at the times of another video's; with its sound, where that is wanted.

    Parameters
    ----------
    path : Path
        Its suffix names the container.
    like : Video
        Whose size, times and, with `sound`, sound it has.
    kind : str
        What a pixel holds: ``"grey"``, ``"grey16"``, ``"rgb"`` or ``"rgba"``.
    sound : bool
    growing : bool
        Whether what was written can be played before `close`, and after a kill; MP4 and QuickTime
        else keep their table of contents for the end.

    Raises
    ------
    VideoWriteError
        The container has no way to hold that, or its sound; from `write` and `close`, too, where
        the disk refuses.
    """

    def __init__(
        self, path: Path, like: Video, kind: Kind, *, sound: bool = False, growing: bool = False
    ) -> None:
        import av

        suffix = path.suffix.removeprefix(".")
        codec = CODECS.get((kind, suffix))
        if codec is None:
            able = ", ".join(each for what, each in CODECS if what == kind)
            raise VideoWriteError(f"{path}: .{suffix} can't hold {kind} frames: choose of {able}")
        self.path, self._like, self._kind = path, like, kind
        with self._told():
            options = _GROWING[suffix] if growing else {}
            self._container = av.open(
                str(path.absolute()), "w", format=_MUXERS[suffix], options=options
            )
        at_once = _AT_ONCE.get(codec.name, {}) if growing else {}
        # Which kind of stream it is PyAV's types can't tell from the codec's name.
        stream: Any = self._container.add_stream(
            codec.name, rate=like.rate, options=codec.options | at_once
        )
        stream.height, stream.width = like.size
        even = like.size[0] % 2 == like.size[1] % 2 == 0
        # Halved colour needs even sides; where they are odd, it stays whole. VP9 pads by itself.
        odd = not even and codec.name == "libx264"
        stream.pix_fmt = codec.pixel_format.replace("420", "444") if odd else codec.pixel_format
        stream.time_base = stream.codec_context.time_base = like.time_base
        self._in_colour = kind in ("rgb", "rgba") and "yuv" in stream.pix_fmt
        if self._in_colour:
            told = stream.codec_context
            told.colorspace = told.color_primaries = told.color_trc = _BT709
            told.color_range = _LIMITED
        self._stream = stream
        self._source: InputContainer | None = None
        if sound:
            try:
                with self._told():
                    self._copy_sound_of(like.path)
            except VideoWriteError:
                self._abandon()
                raise

    def _copy_sound_of(self, path: Path) -> None:
        import av

        source = av.open(str(path.absolute()))
        self._source = source
        if not source.streams.audio:
            source.close()
            self._source = None
            return
        audio = source.streams.audio[0]
        self._audio = self._container.add_stream_from_template(audio)
        self._sound = (packet for packet in source.demux(audio) if packet.dts is not None)
        self._next: Any = None

    def write(self, pixels: Pixels, pts: int) -> None:
        """Write a frame: (H, W), (H, W, 3) or (H, W, 4), as the kind says."""
        import av

        whole: Any = np.ascontiguousarray(pixels)
        frame = av.VideoFrame.from_ndarray(whole, format=_FORMATS[self._kind])
        if self._in_colour:
            frame = frame.reformat(
                format=self._stream.pix_fmt, dst_colorspace=_BT709, dst_color_range=_LIMITED
            )
        frame.pts, frame.time_base = pts, self._like.time_base
        with self._told():
            self._container.mux(self._stream.encode(frame))
            self._mux_sound(until=float(pts * self._like.time_base))

    def _mux_sound(self, until: float) -> None:
        """Write the sound up to a second: players read both from one place of the file."""
        while self._source is not None:
            if self._next is None:
                self._next = next(self._sound, None)
            if self._next is None or float(self._next.dts * self._next.time_base) > until:
                return
            self._next.stream = self._audio
            self._container.mux(self._next)
            self._next = None

    def close(self) -> None:
        """Write what is held back, and the rest of the sound."""
        with self._told():
            self._container.mux(self._stream.encode(None))
            self._mux_sound(until=math.inf)
            if self._source is not None:
                self._source.close()
            self._container.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in our words what FFmpeg could not write."""
        import av

        try:
            yield
        except (av.FFmpegError, ValueError) as error:  # ValueError: a sound that it can't hold
            reason = getattr(error, "strerror", None) or str(error)
            raise VideoWriteError(f"{self.path}: can't be written ({reason})") from error

    def _abandon(self) -> None:
        with suppress(VideoWriteError), self._told():
            self._container.close()
        if self._source is not None:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._abandon()
