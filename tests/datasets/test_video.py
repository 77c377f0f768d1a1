"""Videos, read and written by FFmpeg's own code."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shm.datasets.video import Frame, VideoError, describe_video, read_frames
from shm.datasets.video_writer import CODECS, VideoWriteError, VideoWriter

RATE = Fraction(24000, 1001)
MANY = 10**6


def write(
    path: Path, frames: list[np.ndarray], *, turned: int = 0, sound: bool = False, gap: int = 1
) -> Path:
    """Write RGB frames without loss, `gap` ticks apart."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            "ffv1" if path.suffix == ".mkv" else "libx264", rate=RATE
        )
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0" if path.suffix == ".mkv" else "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        audio: Any = container.add_stream("aac", rate=48000) if sound else None
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index * gap
            frame.time_base = 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            for start in range(0, round(48000 * len(frames) * gap / RATE), 1024):
                silence = np.zeros((1, 1024), np.float32)
                samples = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
                samples.sample_rate, samples.pts = 48000, start
                container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


def steps(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Return frames of one brightness each, brighter in the upper left."""
    frames = [np.full((*size, 3), 20 + 10 * index, np.uint8) for index in range(count)]
    for frame in frames:
        frame[: size[0] // 3, : size[1] // 4] += 60
    return frames


def test_frames_come_in_order_with_their_times(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", steps(7))
    video = describe_video(path, max_pixels=MANY)
    assert video.size == (48, 64)
    assert video.rate == pytest.approx(RATE, rel=1e-3)
    frames = list(read_frames(video))
    for index, (frame, expected) in enumerate(zip(frames, steps(7), strict=True)):
        assert np.array_equal(frame.pixels, expected)
        assert float(frame.pts * video.time_base) == pytest.approx(index / RATE, abs=1e-3)


def test_a_turned_video_is_read_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", steps(3), turned=90)
    video = describe_video(path, max_pixels=MANY)
    assert video.size == (64, 48)
    pixels = next(read_frames(video)).pixels
    assert pixels.shape == (64, 48, 3)
    bright = np.argwhere(pixels[..., 0] > 50)
    assert bright[:, 0].min() > 30  # turned by a quarter, counter-clockwise


@pytest.mark.parametrize(("kind", "container"), CODECS)
def test_what_is_written_has_the_times_of_what_was_read(
    kind: Any, container: str, tmp_path: Path
) -> None:
    video = describe_video(write(tmp_path / "in.mkv", steps(9), gap=2), max_pixels=MANY)
    shape = {"rgb": (48, 64, 3), "rgba": (48, 64, 4)}.get(kind, (48, 64))
    dtype = np.uint16 if kind == "grey16" else np.uint8
    path = tmp_path / f"out.{container}"
    with VideoWriter(path, video, kind) as writer:
        for frame in read_frames(video):
            value = int(frame.pixels[40, 60, 0]) * (257 if kind == "grey16" else 1)
            made: Any = np.full(shape, value, dtype)
            writer.write(made, frame.pts)
    again = describe_video(path, max_pixels=MANY)
    ours, theirs = list(read_frames(video)), list(read_frames(again))
    assert len(ours) == len(theirs) == 9
    for one, other in zip(ours, theirs, strict=True):
        seconds = float(one.pts * video.time_base), float(other.pts * again.time_base)
        assert seconds[0] == pytest.approx(seconds[1], abs=2e-3)
        if kind != "rgba":  # decoded as RGB it is laid on nothing in particular
            assert other.pixels[40, 60, 0] == pytest.approx(one.pixels[40, 60, 0], abs=3)


def test_sound_lies_beside_the_pictures_that_it_belongs_to(tmp_path: Path) -> None:
    frames = steps(10) * 8
    video = describe_video(write(tmp_path / "in.mp4", frames, sound=True), max_pixels=MANY)
    path = tmp_path / "out.mp4"
    with VideoWriter(path, video, "rgb", sound=True) as writer:
        for frame in read_frames(video):
            writer.write(frame.pixels, frame.pts)
    with av.open(str(tmp_path / "in.mp4")) as before, av.open(str(path)) as after:
        sounds = [[packet.dts for packet in each.demux(audio=0)] for each in (before, after)]
    assert sounds[0] == sounds[1]
    with av.open(str(path)) as container:
        times: dict[str, float] = {"video": 0, "audio": 0}
        for packet in container.demux():
            if packet.dts is not None:
                times[packet.stream.type] = float(packet.dts * packet.time_base)
                assert abs(times["video"] - times["audio"]) < 2


@pytest.mark.parametrize(("kind", "container"), [("rgb", "mp4"), ("rgba", "mov"), ("rgb", "mkv")])
def test_colours_are_those_that_players_show(kind: Any, container: str, tmp_path: Path) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 120, 40]], np.uint8)
    picture = np.repeat(np.repeat(colours[None], 64, axis=0), 16, axis=1)
    video = describe_video(write(tmp_path / "in.mkv", [picture] * 2), max_pixels=MANY)
    path = tmp_path / f"out.{container}"
    with VideoWriter(path, video, kind) as writer:
        for frame in read_frames(video):
            opaque = np.full(picture.shape[:2], 255, np.uint8)
            made = np.dstack([frame.pixels, opaque]) if kind == "rgba" else frame.pixels
            writer.write(made, frame.pts)
    found = next(read_frames(describe_video(path, max_pixels=MANY))).pixels
    np.testing.assert_allclose(found[32, 8::16].astype(int), colours.astype(int), atol=3)
    if container == "mkv":
        return
    with av.open(str(path)) as opened:
        first: Any = next(opened.decode(video=0))
        assert (first.colorspace, first.color_range) == (1, 1)  # BT.709, not left to be guessed
        luma = first.reformat(format="yuv444p16le").to_ndarray()[32, 8, 0] / 256
    assert luma == pytest.approx(16 + 219 * 0.2126, abs=2)  # as BT.709 has red


def test_odd_sides_are_kept(tmp_path: Path) -> None:
    odd = describe_video(write(tmp_path / "odd.mkv", steps(2, (47, 63))), max_pixels=MANY)
    with VideoWriter(tmp_path / "odd.mp4", odd, "grey") as writer:
        for frame in read_frames(odd):
            writer.write(frame.pixels[..., 0], frame.pts)
    assert describe_video(tmp_path / "odd.mp4", max_pixels=MANY).size == (47, 63)


def test_a_video_that_ends_early_is_told_after_the_frames_there_are(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(60)]
    path = write(tmp_path / "a.mkv", frames)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    video = describe_video(path, max_pixels=MANY)
    found: list[Frame] = []
    with pytest.raises(VideoError, match=r"a\.mkv: (ends early, after|damaged)"):
        found.extend(read_frames(video))
    assert 20 < len(found) < 60


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\0" * 5000])
def test_what_is_no_video_is_a_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"a\.mp4: not a video"):
        describe_video(path, max_pixels=MANY)
    with pytest.raises(VideoError, match="there is no such file"):
        describe_video(tmp_path / "none.mp4", max_pixels=MANY)


def test_frames_that_are_too_large_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", steps(2))
    with pytest.raises(VideoError, match=r"64×48 pixels, more than the 0\.001 megapixels"):
        describe_video(path, max_pixels=1000)


def test_a_container_that_can_not_hold_it_is_named(tmp_path: Path) -> None:
    video = describe_video(write(tmp_path / "a.mkv", steps(2)), max_pixels=MANY)
    with pytest.raises(
        VideoWriteError, match=r"\.mp4 can't hold rgba frames: choose of mov, webm, mkv"
    ):
        VideoWriter(tmp_path / "out.mp4", video, "rgba")
