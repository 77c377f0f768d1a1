"""Cameras: the newest picture of one; nothing waits in a queue."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from shm.datasets.image import read_photo
from shm.datasets.storage.location import public_url
from shm.pipeline.errors import ShmError
from shm.pipeline.values import RgbImage

if TYPE_CHECKING:
    import cv2

_PATIENCE = 10_000
"""Milliseconds that a camera on the network may be silent."""


class CameraError(ShmError, OSError):
    """There is no such camera, or it gives no more pictures."""


class Shot(NamedTuple):
    """A camera's picture, uint8 (H, W, 3) RGB, and when it came: seconds of a steady clock."""

    pixels: RgbImage
    seconds: float


class Camera:
    """Holds the newest picture; one that nobody took before the next one came is dropped."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: Shot | None = None
        self._ended: str | None = None

    def put(self, pixels: RgbImage) -> None:
        """Take a picture in, in place of the one before."""
        with self._changed:
            self._newest = Shot(pixels, time.monotonic())
            self._changed.notify_all()

    def end(self, reason: str) -> None:
        """Say that no more pictures will come."""
        with self._changed:
            self._ended = self._ended or reason
            self._changed.notify_all()

    def newest(self, seconds: float) -> Shot | None:
        """Take the newest picture; wait for one that long. None where none came.

        Raises
        ------
        CameraError
            No more will come, and the last one was taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._ended, seconds)
            shot, self._newest = self._newest, None
            if shot is None and self._ended is not None:
                raise CameraError(self._ended)
            return shot

    def close(self) -> None:
        """Let go of what it holds."""
        self.end("the camera was closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BrowserCamera(Camera):
    """A camera whose pictures come from elsewhere, as files.

    Parameters
    ----------
    max_pixels : int
        Above which they are refused.
    """

    def __init__(self, max_pixels: int) -> None:
        super().__init__()
        self._max_pixels = max_pixels

    def receive(self, content: bytes) -> None:
        """Take in a picture, as JPEG or another format of photos.

        Raises
        ------
        ImageError
            It can't be read.
        """
        self.put(read_photo(Path("browser"), max_pixels=self._max_pixels, content=content))


class DeviceCamera(Camera):
    """A camera of this machine, or one on the network, read as quickly as it gives pictures.

    Parameters
    ----------
    name : str
        Its number, its device file, or its address (``rtsp://…``, ``http://…``).
    max_pixels : int
        Above which its pictures are refused.

    Raises
    ------
    CameraError
        There is none, or it gives no picture.
    """

    def __init__(self, name: str, max_pixels: int) -> None:
        super().__init__()
        self._name, self._max_pixels = public_url(name), max_pixels
        self._stop = threading.Event()
        self._capture = _opened(name)
        if not self._read():
            self._capture.release()
            raise CameraError(self._ended or f"{self._name}: this camera gives no picture")
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set() and self._read():
            pass
        self._capture.release()
        self.end(f"{self._name}: the camera gives no more pictures")

    def _read(self) -> bool:
        import cv2

        try:
            there, pixels = self._capture.read()
            if there:
                pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        except (cv2.error, MemoryError) as error:
            told = " ".join(str(error).split()) or "out of memory"
            self.end(f"{self._name}: its pictures can't be read ({told[:200]})")
            return False
        if not there:
            return False
        if pixels.shape[0] * pixels.shape[1] > self._max_pixels:
            self.end(
                f"{self._name}: pictures of {pixels.shape[1]}×{pixels.shape[0]} pixels, more than "
                f"the {self._max_pixels / 1e6:g} megapixels allowed (--max-megapixels)"
            )
            return False
        self.put(np.asarray(pixels, np.uint8))
        return True

    def close(self) -> None:
        """Stop reading, and let others have the camera."""
        self._stop.set()
        self._thread.join(_PATIENCE / 1000)
        super().close()


def _opened(name: str) -> "cv2.VideoCapture":
    import cv2

    if Path(name).is_file() or name.startswith("file:"):
        raise CameraError(f"{name} is a file, and no camera: give it among the INPUTS")
    with _quiet():
        if "://" in name:
            waits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _PATIENCE]
            waits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _PATIENCE]
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, waits)
        else:
            capture = cv2.VideoCapture(int(name) if name.isdecimal() else name)
    if not capture.isOpened():
        capture.release()
        raise CameraError(f"{public_url(name)}: {_missing(name)}")
    return capture


def _missing(name: str) -> str:
    """Return why there may be no such camera, and what there is."""
    if "://" in name:
        return "no camera answers there: see whether a browser shows it"
    devices = sorted(map(str, Path("/dev").glob("video*")))
    if str(name) in devices or f"/dev/video{name}" in devices:
        return "this camera can't be opened: another program may have it"
    here = f"there are {', '.join(devices)}" if devices else "none was found on this machine"
    return f"no such camera, {here}: --camera browser takes the one of the browser"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV and FFmpeg from telling what they tried."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
