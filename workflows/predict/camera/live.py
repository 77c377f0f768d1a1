"""What a camera sees now, matted: what is shown of it, and what is kept."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shm.datasets.camera import Camera, Shot
from shm.datasets.files import write_png
from shm.pipeline.composite import blend
from shm.pipeline.errors import ShmError
from shm.pipeline.resize import resize, resize_labels
from shm.pipeline.size import size_within
from shm.pipeline.values import Alpha, RgbImage
from shm.prediction import Matting, Network, PhotoConfig, Room, predict_photos
from shm.prediction.smoothing import Smoother
from shm.workflows.predict.camera.recording import Recording
from shm.workflows.predict.failures import reason_of
from shm.workflows.predict.results import Wanted, checkerboard, quantised

if TYPE_CHECKING:
    from shm.workflows.predict import PredictRun

_SHOWN_SIDE = 1280
"""Longer side in pixels of what is shown; what is kept has the camera's own."""

_COLOURS_SIDE = 320
"""Longer side in pixels at which the colours of a preview's soft edges are estimated."""

_WAIT = 0.25
"""Seconds for which a step waits for a picture."""

_SILENCE = 2.0
"""Seconds without a picture, beside what one takes, after which nobody can mean the next one."""

_INERTIA = 0.8
"""Share of the earlier pictures in the rate that is told."""

_FAILURES = (ShmError, OSError, MemoryError)
"""What keeps a file from being written; the preview goes on."""

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
        self._wanted = run.wanted
        self._room = Room()
        self._smoother = Smoother(run.video.smooth)
        self._backdrops = {f"on {each.name}": each for each in run.wanted.backdrops}
        self.views = (*self._backdrops, CUTOUT, ALPHA, TRIMAP, CAMERA)
        self.view = self.views[0]
        self.written: list[Path] = []
        self._lock = threading.Lock()
        self._wants_still, self._wants_recording = False, False
        self._recording: Recording | None = None
        self._message = ""
        self._rate, self._took, self._last = 0.0, 0.0, -math.inf

    # ------------------------------------------------------------------ wishes

    def look_at(self, view: str) -> None:
        """Show something else, one of `views`."""
        if view in self.views:
            self.view = view

    def look_further(self) -> None:
        """Show the next of `views`."""
        self.view = self.views[(self.views.index(self.view) + 1) % len(self.views)]

    def keep_still(self) -> None:
        """Keep the next picture, if the camera gives any."""
        if self._is_seeing():
            with self._lock:
                self._wants_still = True

    def record(self, wanted: bool | None = None) -> None:
        """Begin to record with the next picture, or stop; None is the other of the two."""
        wanted = not self._wants_recording if wanted is None else wanted
        if not wanted or self._is_seeing():
            with self._lock:
                self._wants_recording = wanted

    def _is_seeing(self) -> bool:
        """Say so where no picture comes: who asks now does not mean one of some later time."""
        sees = time.monotonic() - self._last < _SILENCE + 2 * self._took
        if not sees:
            self._say("the camera gives no picture: nothing to keep")
        return sees

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
            if not self._wants_recording:
                self._stop_recording()
            return None
        began = time.monotonic()
        (matte,) = predict_photos(
            self._network, [shot.pixels], self._config, room=self._room, note=self._note
        )
        matte = matte._replace(alpha=self._smoother(shot.pixels, matte.alpha))
        self._keep(shot, matte)
        pixels = self._seen(shot.pixels, matte)
        now = time.monotonic()
        self._took = now - began
        if self._last > -math.inf:
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
            "took": round(self._took, 3),
            "recording": None if recording is None else round(recording.seconds, 1),
            "message": self._message,
        }

    def _seen(self, image: RgbImage, matte: Matting) -> RgbImage:
        whole = (image.shape[0], image.shape[1])
        size = size_within(whole, _SHOWN_SIDE)
        view, photo = self.view, resize(image, size)
        if view == CAMERA:
            return photo
        if view == TRIMAP:
            return _grey(resize_labels(matte.trimap, size))
        alpha = resize(quantised(matte.alpha, 8).astype(np.uint8), size)
        if view == ALPHA:
            return _grey(alpha)
        backdrop = self._backdrops.get(view)
        behind = checkerboard(size) if backdrop is None else resize(backdrop.of_size(whole), size)
        return blend(_colours(photo, alpha), alpha, behind)

    # ------------------------------------------------------------------ what is kept

    def _keep(self, shot: Shot, matte: Matting) -> None:
        with self._lock:
            wants_still, self._wants_still = self._wants_still, False
        if wants_still:
            self._write_still(shot, matte)
        if self._recording is not None and not self._recording.fits(shot):
            self._stop_recording("the camera's pictures have another size now")
        if not self._wants_recording:
            self._stop_recording()
            return
        try:
            if self._recording is None:
                self._recording = self._begun(shot)
            self._recording.add(shot, matte)
        except _FAILURES as error:
            self._stop_recording(reason_of(error))

    def _write_still(self, shot: Shot, matte: Matting) -> None:
        files, written = self._free("still", self._wanted), []
        try:
            for file, (_, pixels) in zip(
                files, self._wanted.pictures(shot.pixels, matte), strict=True
            ):
                write_png(file, pixels)
                written.append(file)
        except _FAILURES as error:
            self._kept(written, reason_of(error))
        else:
            self._kept(written)

    def _begun(self, shot: Shot) -> Recording:
        # A video has one background: the one that is looked at.
        looked_at = self._backdrops.get(self.view)
        backdrops = self._wanted.backdrops[:1] if looked_at is None else (looked_at,)
        wanted = replace(self._wanted, backdrops=backdrops)
        suffix_of = partial(self._run.video.suffix_of, depth=wanted.depth)
        return Recording(self._free("recording", wanted, suffix_of), wanted, shot)

    def _stop_recording(self, why: str = "") -> None:
        recording, self._recording = self._recording, None
        if why:
            with self._lock:
                self._wants_recording = False
        if recording is None:
            if why:
                self._say(why)
            return
        try:
            recording.close()
        except _FAILURES as error:
            why = why or reason_of(error)
        kept = [file for file in recording.files if file.exists() and file.stat().st_size]
        for file in set(recording.files) - set(kept):
            file.unlink(missing_ok=True)
        self._kept(kept, why)

    def _kept(self, files: Sequence[Path], why: str = "") -> None:
        self.written += files
        names = ", ".join(str(file.relative_to(self._target)) for file in files) or "nothing"
        self._say(f"{why}; kept until then: {names}" if why else f"kept {names}")

    def _free(self, name: str, wanted: Wanted, *suffix_of: Any) -> tuple[Path, ...]:  # noqa: ANN401
        """Return the files of the first number that is free."""
        number = 1
        while True:
            files = tuple(wanted.files(self._target, PurePath(f"{name}-{number:04}"), *suffix_of))
            if not any(file.exists() for file in files):
                return files
            number += 1

    def _say(self, text: str) -> None:
        self._message = text
        self._note(f"  {text}")

    def close(self) -> None:
        """Finish a recording that goes on, and say what was asked for in vain."""
        self._stop_recording()
        if self._wants_still:
            self._wants_still = False
            self._say("no still was kept: no picture came after it was asked for")


def _colours(photo: RgbImage, alpha: Alpha) -> RgbImage:
    """Return the subject's colours, those of soft edges estimated small: it is a preview."""
    from shm.pipeline.foreground import estimate_foreground

    size = (alpha.shape[0], alpha.shape[1])
    small = size_within(size, _COLOURS_SIDE)
    found = estimate_foreground(resize(photo, small), resize(alpha, small))
    return np.where(alpha[..., None] == 255, photo, resize(found, size))


def _grey(plane: NDArray[np.uint8]) -> RgbImage:
    return np.repeat(plane[..., None], 3, axis=2)
