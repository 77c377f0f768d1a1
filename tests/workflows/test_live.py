"""What is kept of a camera, picture by picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shm.datasets.camera import Camera, CameraError
from shm.datasets.video import describe_video, read_frames
from shm.prediction import PhotoConfig
from shm.workflows.predict import PredictRun
from shm.workflows.predict.camera.live import Live
from shm.workflows.predict.results import Backdrop, Kind, Wanted
from tests.shm.prediction.networks import Echo, photo

SMALL = PhotoConfig(max_side=64)


class Scene:
    """A camera that shows what a test puts before it, and what is told meanwhile."""

    def __init__(self, target: Path, *kinds: Kind, backdrops: tuple[Backdrop, ...] = ()) -> None:
        self.camera, self.notes = Camera(), list[str]()
        wanted = Wanted(kinds=("photo", *kinds), backdrops=backdrops)
        run = PredictRun(wanted=wanted, photo=SMALL)
        self.live = Live(Echo(), self.camera, SMALL, run, target, self.notes.append)

    def show(self, height: int = 48, width: int = 64) -> dict[str, object]:
        self.camera.put(photo(height, width))
        shown = self.live.step()
        assert shown is not None
        assert shown.pixels.shape == (height, width, 3)
        return shown.state


def frames(path: Path) -> list[np.ndarray]:
    return [each.pixels for each in read_frames(describe_video(path, max_pixels=10**6))]


def test_a_still_is_the_next_picture_and_its_matte(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "alpha")
    scene.show()
    scene.live.keep_still()
    scene.show(50, 60)
    scene.show()
    scene.live.keep_still()
    scene.show()
    written = [file.relative_to(tmp_path).as_posix() for file in scene.live.written]
    assert written == [
        f"{kind}/still-000{number}.png" for number in (1, 2) for kind in ("photo", "alpha")
    ]
    assert np.array_equal(np.asarray(Image.open(tmp_path / written[0])), photo(50, 60))
    assert np.array_equal(np.asarray(Image.open(tmp_path / written[1])), photo(50, 60)[..., 0])


def test_a_still_that_can_not_be_written_is_told_and_the_preview_goes_on(tmp_path: Path) -> None:
    (tmp_path / "alpha").touch()  # where a folder should be
    scene = Scene(tmp_path, "alpha")
    scene.show()
    scene.live.keep_still()
    assert "kept until then: photo/still-0001.png" in str(scene.show()["message"])
    scene.live.record(True)
    state = scene.show()
    assert "alpha" in str(state["message"])
    assert state["recording"] is None
    scene.show()
    assert [file.name for file in scene.live.written] == ["still-0001.png"]


def test_a_recording_ends_when_pictures_change_their_size_and_says_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "alpha")
    scene.show()
    scene.live.record(True)
    for _ in range(3):
        scene.show()
    state = scene.show(64, 48)
    assert state["message"] == (
        "the camera's pictures have another size now; kept until then: "
        "photo/recording-0001.mp4, alpha/recording-0001.mp4"
    )
    assert state["recording"] is None
    assert len(frames(tmp_path / "alpha" / "recording-0001.mp4")) == 3
    assert scene.show(64, 48)["recording"] is None


def test_a_recording_has_the_background_that_is_looked_at(tmp_path: Path) -> None:
    red = Backdrop(source=(255, 0, 0))
    Image.new("RGB", (80, 80), (0, 0, 255)).save(tmp_path / "sea.png")
    sea = Backdrop(source=tmp_path / "sea.png")
    assert red.name == "ff0000"
    scene = Scene(tmp_path / "out", "composite", backdrops=(red, sea))
    scene.live.look_at("on sea")
    scene.live.look_at("no such view")
    assert scene.live.view == "on sea"
    scene.show()
    scene.live.record(True)
    scene.show()
    scene.live.record(False)
    scene.show()
    (composite,) = frames(tmp_path / "out" / "composite" / "recording-0001.mp4")
    transparent = photo(48, 64)[..., 0] < 40
    assert composite[transparent, 2].mean() > composite[transparent, 0].mean() + 60


def test_a_recording_can_be_ended_while_the_camera_is_silent(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "alpha")
    scene.show()
    scene.live.record()
    scene.show()
    scene.live.record()
    assert scene.live.step() is None
    assert len(scene.live.written) == 2
    scene.live.close()
    assert len(scene.notes) == 1


def test_what_was_asked_for_in_vain_is_told_at_the_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "alpha")
    scene.show()
    scene.live.keep_still()
    scene.camera.end("unplugged")
    with pytest.raises(CameraError, match="unplugged"):
        scene.live.step()
    scene.live.close()
    assert scene.notes == ["  no still was kept: no picture came after it was asked for"]
    assert not scene.live.written


def test_what_is_asked_for_while_no_picture_comes_is_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "alpha")
    scene.live.keep_still()
    scene.live.record()
    assert scene.notes == 2 * ["  the camera gives no picture: nothing to keep"]
    state = scene.show()  # of somebody else, later
    assert state["recording"] is None
    assert not scene.live.written
