"""Cameras: the newest picture, and a line where there is none."""

import time
from pathlib import Path

import numpy as np
import pytest

from shm.datasets.camera import BrowserCamera, Camera, CameraError, DeviceCamera
from shm.datasets.files import write_jpeg
from shm.datasets.image import ImageError
from tests.datasets.cameras import network_camera, person

PLENTY = 10**6


def test_a_picture_that_nobody_took_is_dropped() -> None:
    camera = Camera()
    assert camera.newest(0.01) is None
    for value in range(3):
        camera.put(np.full((40, 40, 3), value, np.uint8))
    shot = camera.newest(0.01)
    assert shot is not None
    assert shot.pixels[0, 0, 0] == 2
    assert camera.newest(0.01) is None


def test_the_last_picture_is_given_before_the_end_is_told() -> None:
    with Camera() as camera:
        camera.put(np.zeros((40, 40, 3), np.uint8))
        camera.end("unplugged")
        assert camera.newest(0.01) is not None
        with pytest.raises(CameraError, match="unplugged"):
            camera.newest(0.01)


def test_a_camera_on_the_network_gives_its_newest_picture() -> None:
    picture = person()
    with network_camera(picture) as (address, over), DeviceCamera(address, PLENTY) as camera:
        first = camera.newest(5)
        time.sleep(0.3)  # in which more come than one
        second = camera.newest(5)
        assert first is not None
        assert second is not None
        assert second.seconds > first.seconds
        own = first.pixels[:, :, 0].astype(int) - picture[:, :, 0]
        assert np.ptp(np.median(own, axis=1)) < 10  # the same picture, brighter, in RGB
        assert second.pixels.mean() > first.pixels.mean() + 1  # they grow brighter
        over.set()
        with pytest.raises(CameraError, match="gives no more pictures"):
            last = [camera.newest(5) for _ in range(100)]  # noqa: F841


def test_a_camera_that_is_not_there_is_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clip.mp4").touch()
    for name, told in (
        ("63", "63: no such camera, "),
        ("/dev/none", "/dev/none: no such camera, "),
        ("http://127.0.0.1:9/", "no camera answers there"),
        (str(tmp_path / "clip.mp4"), "is a file, and no camera: give it among the INPUTS"),
    ):
        with pytest.raises(CameraError, match=told):
            DeviceCamera(name, PLENTY)
    assert capfd.readouterr().err == ""  # nor a word of OpenCV's or FFmpeg's
    with (
        network_camera(person()) as (address, _),
        pytest.raises(CameraError, match="--max-megapixels"),
    ):
        DeviceCamera(address, 1000)


def test_pictures_of_a_browser_are_read_as_photos(tmp_path: Path) -> None:
    camera = BrowserCamera(PLENTY)
    write_jpeg(tmp_path / "a.jpg", person())
    camera.receive((tmp_path / "a.jpg").read_bytes())
    shot = camera.newest(0.01)
    assert shot is not None
    assert shot.pixels.shape == person().shape
    with pytest.raises(ImageError):
        camera.receive(b"no picture")
    with pytest.raises(ImageError):
        BrowserCamera(100).receive((tmp_path / "a.jpg").read_bytes())
