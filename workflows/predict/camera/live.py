"""What a camera sees now, matted: what is shown of it, and what is kept."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shm.datasets.camera import Camera, Shot
from shm.datasets.files import write_png
from shm.pipeline.composite import blend, centre_crop, cut_background
from shm.pipeline.errors import ShmError
from shm.pipeline.size import size_within
from shm.pipeline.values import Alpha, RgbImage, Size
from shm.prediction import Matting, Network, PhotoConfig, Room, predict_photos
from shm.prediction.smoothing import Smoother
from shm.workflows.predict.camera.recording import Recording
from shm.workflows.predict.results import Backdrop, Wanted, checkerboard, quantised

if TYPE_CHECKING:
    from shm.workflows.predict import PredictRun

_SHOWN_SIDE = 1280
"""Longer side in pixels of what is shown; what is kept has the camera's own."""

_COLOURS_SIDE = 320
"""Longer side in pixels at which the colours of a preview's soft edges are estimated."""

_WAIT = 0.25
"""Seconds for which a step waits for a picture."""

_INERTIA = 0.8
"""Share of the earlier pictures in the rate that is told."""

CAMERA, ALPHA, TRIMAP, CUTOUT = "camera", "alpha", "trimap", "cut-out"
"""What can be seen, besides composites on each background."""


class Shown(NamedTuple):
    """What is to be seen, uint8 (H, W, 3), and what there is to say about it."""

    pixels: RgbImage
    state: dict[str, Any]


class Live:
    """Mattes the newest picture of a camera, again and again.

    `step` does the work and is called by one thread; wishes may come from others.

    Parameters
    ----------
    network : Network
    camera : Camera
    config : PhotoConfig
    run : PredictRun
    target : Path
        Folder of what is kept.
    note : callable
    """

    def __init__(
        self,
        network: Network,
        camera: Camera,
        config: PhotoConfig,
        run: "PredictRun",
        target: Path,
        note: Callable[[str], None],
    ) -> None:
        self._network, self._camera, self._config = network, camera, config
        self._run, self._target, self._note = run, target, note
        # A matte without the picture that it is of is of no use to anybody.
        self._wanted = replace(run.wanted, kinds=("photo", *run.wanted.kinds))
        self._room = Room()
        self._smoother = Smoother(run.video.smooth)
        self._backdrops = {f"on {each.name}": each for each in run.wanted.backdrops}
        self.views = (*self._backdrops, CUTOUT, ALPHA, TRIMAP, CAMERA)
        self.view = self.views[0]
        self.written: list[Path] = []
        self._lock = threading.Lock()
        self._stills, self._toggled = 0, False
        self._recording: Recording | None = None
        self._message = ""
        self._rate, self._last = 0.0, 0.0

    # ------------------------------------------------------------------ wishes

    def look_at(self, view: str) -> None:
        """Show something else, one of `views`."""
        if view in self.views:
            self.view = view

    def look_further(self) -> None:
        """Show the next of `views`."""
        self.view = self.views[(self.views.index(self.view) + 1) % len(self.views)]

    def keep_still(self) -> None:
        """Keep the next picture."""
        with self._lock:
            self._stills += 1

    def toggle_recording(self) -> None:
        """Begin to record with the next picture, or stop."""
        with self._lock:
            self._toggled = not self._toggled

    # ------------------------------------------------------------------ work

    def step(self) -> Shown | None:
        """Matte the camera's newest picture; None where none came for a while.

        Raises
        ------
        CameraError
            The camera gives no more.
        """
        shot = self._camera.newest(_WAIT)
        if shot is None:
            return None
        (matte,) = predict_photos(
            self._network, [shot.pixels], self._config, room=self._room, note=self._note
        )
        matte = matte._replace(alpha=self._smoother(shot.pixels, matte.alpha))
        self._keep(shot, matte)
        pixels = self._seen(shot.pixels, matte)
        now = time.monotonic()
        if self._last:
            rate = 1 / max(now - self._last, 1e-6)
            self._rate = _INERTIA * (self._rate or rate) + (1 - _INERTIA) * rate
        self._last = now
        return Shown(pixels, self._state(shot))

    def _state(self, shot: Shot) -> dict[str, Any]:
        recording = self._recording
        return {
            "views": self.views,
            "view": self.view,
            "size": [shot.pixels.shape[1], shot.pixels.shape[0]],
            "rate": round(self._rate, 1),
            "behind": round(time.monotonic() - shot.seconds, 3),
            "recording": None if recording is None else round(recording.seconds, 1),
            "message": self._message,
        }

    def _seen(self, image: RgbImage, matte: Matting) -> RgbImage:
        size = size_within((image.shape[0], image.shape[1]), _SHOWN_SIDE)
        view, photo = self.view, _resized(image, size)
        if view == CAMERA:
            return photo
        if view == TRIMAP:
            return _grey(_resized(matte.trimap, size))
        alpha = _resized(quantised(matte.alpha, 8).astype(np.uint8), size)
        if view == ALPHA:
            return _grey(alpha)
        return blend(_colours(photo, alpha), alpha, self._behind(self._backdrops.get(view), size))

    def _behind(self, backdrop: Backdrop | None, size: tuple[int, int]) -> RgbImage:
        if backdrop is None:
            return checkerboard(size)
        pixels = backdrop.pixels()
        crop = centre_crop((pixels.shape[0], pixels.shape[1]), size)
        return cut_background(pixels, crop, size)

    # ------------------------------------------------------------------ what is kept

    def _keep(self, shot: Shot, matte: Matting) -> None:
        with self._lock:
            stills, toggled = self._stills, self._toggled
            self._stills, self._toggled = 0, False
        if stills:
            self._told(partial(self._write_still, shot, matte))
        if self._recording is not None and (toggled or not self._recording.fits(shot)):
            self._stop_recording()
        elif toggled:
            self._told(partial(self._begin_recording, shot))
        if self._recording is not None:
            try:
                self._recording.add(shot, matte)
            except (ShmError, OSError, MemoryError) as error:
                self._stop_recording(_reason(error))

    def _write_still(self, shot: Shot, matte: Matting) -> None:
        files = self._free("still", self._wanted)
        for file, (_, pixels) in zip(files, self._wanted.pictures(shot.pixels, matte), strict=True):
            write_png(file, pixels)
        self._kept(files)

    def _begin_recording(self, shot: Shot) -> None:
        # A film has one background.
        wanted = replace(self._wanted, backdrops=self._wanted.backdrops[:1])
        suffix_of = partial(self._run.video.suffix_of, depth=wanted.depth)
        files = self._free("recording", wanted, suffix_of)
        self._recording = Recording(files, wanted, shot)

    def _stop_recording(self, why: str = "") -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        try:
            recording.close()
        except (ShmError, OSError, MemoryError) as error:
            why = why or _reason(error)
        self._kept(recording.files, why)

    def _kept(self, files: tuple[Path, ...], why: str = "") -> None:
        self.written += files
        names = ", ".join(str(file.relative_to(self._target)) for file in files)
        self._say(f"{why}; kept until then: {names}" if why else f"kept {names}")

    def _free(self, name: str, wanted: Wanted, *suffix_of: Any) -> tuple[Path, ...]:  # noqa: ANN401
        """Return the files of the first number that is free."""
        number = 1
        while True:
            files = tuple(wanted.files(self._target, PurePath(f"{name}-{number:04}"), *suffix_of))
            if not any(file.exists() for file in files):
                return files
            number += 1

    def _told(self, work: Callable[[], None]) -> None:
        """Do something that may fail without an end of everything."""
        try:
            work()
        except (ShmError, OSError, MemoryError) as error:
            self._say(_reason(error))

    def _say(self, text: str) -> None:
        self._message = text
        self._note(f"  {text}")

    def close(self) -> None:
        """Finish a recording that goes on."""
        self._stop_recording()


def _colours(photo: RgbImage, alpha: Alpha) -> RgbImage:
    """Return the subject's colours, those of soft edges estimated small: it is a preview."""
    from shm.pipeline.foreground import estimate_foreground

    size = (alpha.shape[0], alpha.shape[1])
    small = size_within(size, _COLOURS_SIDE)
    found = estimate_foreground(_resized(photo, small), _resized(alpha, small))
    return np.where(alpha[..., None] == 255, photo, _resized(found, size))


def _grey(plane: NDArray[np.uint8]) -> RgbImage:
    return np.repeat(plane[..., None], 3, axis=2)


def _resized(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    import cv2

    if pixels.shape[:2] == size:
        return pixels
    smaller = size[0] < pixels.shape[0]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=how), np.uint8)


def _reason(error: BaseException) -> str:
    return str(error) or "out of memory"
