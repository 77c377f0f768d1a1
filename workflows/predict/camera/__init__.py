"""A camera, matted as it is seen: a preview, stills and recordings."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shm.datasets.camera import BrowserCamera, Camera, CameraError, DeviceCamera
from shm.datasets.files import require_place
from shm.prediction import PhotoError
from shm.workflows.nets import load_network
from shm.workflows.predict.camera.live import Live
from shm.workflows.predict.camera.page import Page
from shm.workflows.predict.camera.window import has_windows, show_window
from shm.workflows.predict.failures import reason_of
from shm.workflows.predict.sources import PredictError

if TYPE_CHECKING:
    from shm.workflows.predict import PredictRun

BROWSER = "browser"
"""Stands for the camera of the browser that shows the page."""


@dataclass(frozen=True, kw_only=True)
class CameraConfig:
    """Which camera, and where it is seen.

    Parameters
    ----------
    camera : str
        As `DeviceCamera` has it, or ``"browser"``.
    preview : str
        ``"window"``, ``"page"``, or ``"auto"``: a window where OpenCV has one.
    port : int
        Of the page; 0 is any that is free.
    """

    camera: str
    preview: Literal["auto", "window", "page"] = "auto"
    port: int = 8400


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The files of stills and recordings, and why the camera ended, where nobody stopped it."""

    written: tuple[Path, ...]
    ended: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {"written": [str(path) for path in self.written], "ended": self.ended}


def predict_camera(
    model: str, target: Path, config: CameraConfig, run: "PredictRun", note: Callable[[str], None]
) -> Kept:
    """Show a camera's mattes until somebody stops it.

    Parameters
    ----------
    model : str
        A checkpoint, or what `shm export` made of it.
    target : Path
        Folder of stills and recordings, which is made for the first of them.
    config : CameraConfig
    run : PredictRun
        Its trimaps and batch have no meaning here.
    note : callable
        Told where the preview is, of each file kept, and of what failed.

    Raises
    ------
    shm.datasets.camera.CameraError
        There is no such camera.
    PredictError
        There is no window, the page's port is taken, or a video can't hold a kind of result.
    """
    in_window = config.preview == "window"
    if in_window and config.camera == BROWSER:
        raise PredictError("the browser's camera is seen in the browser: leave out --preview")
    if config.preview == "auto" and config.camera != BROWSER:
        in_window = has_windows()
    if in_window and not has_windows():
        raise PredictError("this OpenCV has no windows, or there is no screen: --preview page")
    # A matte without the picture that it is of is of no use to anybody.
    wanted = replace(run.wanted, kinds=("photo", *run.wanted.kinds))
    run = replace(run, wanted=wanted)
    run.video.require_containers(wanted.kinds, wanted.depth)
    require_place(target / "photo" / "still.png")
    loaded = load_network(model, run.nets)
    if loaded.network.needs_trimap:
        raise PhotoError(f"{model} has no T-Net, and a camera no trimaps: give one with a T-Net")
    with _camera_of(config.camera, run.max_pixels) as camera:
        note(f"{model}: {loaded.told}")
        live = Live(loaded.network, camera, loaded.photo_config(run.photo), run, target, note)
        ended = None
        try:
            if in_window:
                show_window(live)
            else:
                Page(live, camera, config.port, note).serve()
        except CameraError as error:
            ended = str(error)
        except RuntimeError as error:  # what a device says
            raise PredictError(reason_of(error)) from error
        finally:
            live.close()
    return Kept(written=tuple(live.written), ended=ended)


def _camera_of(name: str, max_pixels: int) -> Camera:
    return BrowserCamera(max_pixels) if name == BROWSER else DeviceCamera(name, max_pixels)
