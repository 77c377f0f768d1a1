"""shm predict: photos, folders, patterns, streams and videos, as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.datasets.stores import all_files
from tests.datasets.test_video import steps, write
from tests.workflows.corpora import command, run

NETS = ("shm", "predict", "untrained:light")
RECORD = ".shm-predict.jsonl"


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos, one of them in a folder below."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(noise(50, 71)).save(folder / "a.jpg")
    Image.fromarray(noise(50, 40)).save(folder / "deep" / "b.png")
    return folder


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def results(folder: Path) -> dict[str, bytes]:
    """Return what was made there, without the record of it."""
    return {
        name: content for name, content in all_files(folder).items() if not name.endswith(RECORD)
    }


# -------------------------------------------------------------------- inputs and names


def test_one_kind_lies_in_the_folder_by_the_inputs_names(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(*NETS, photos, "-o", out)
    assert set(all_files(out)) == {"a.png", "deep/b.png", RECORD}
    assert pixels(out / "a.png").shape == (50, 71)


def test_patterns_and_files_are_inputs_and_results_are_none(photos: Path) -> None:
    run(*NETS, f"{photos}/**/*.png", photos / "a.jpg", "-o", photos / "out")
    assert set(all_files(photos / "out")) == {"a.png", "deep/b.png", RECORD}
    found = json.loads(run(*NETS, photos, "-o", photos / "out", "--json").stdout)
    assert len(found["finished"]) == 2  # what lies in the results' folder is no input
    assert not found["written"]


def test_standard_input_and_output(photos: Path, tmp_path: Path) -> None:
    run(*NETS, photos / "a.jpg", "-o", tmp_path, "--cutout")
    with (photos / "a.jpg").open("rb") as file:
        words = command(*NETS, "-", "-o", "-", "--cutout")
        done = subprocess.run(words, stdin=file, capture_output=True, check=True)
    assert done.stdout == (tmp_path / "a.png").read_bytes()
    told = run(*NETS, photos, "-o", "-", code=1).stderr
    assert "standard output takes one result of one photo" in told


def test_what_is_missing_or_would_overwrite_is_named_and_the_others_go_on(
    photos: Path, tmp_path: Path
) -> None:
    Image.fromarray(noise(40, 40)).save(photos / "a.png")
    inputs = (photos, tmp_path / "none.jpg", f"{tmp_path}/*.tif")
    found = run(*NETS, *inputs, "-o", tmp_path / "out", "--json", code=1)
    reasons = {each["source"]: each["reason"] for each in json.loads(found.stdout)["failed"]}
    assert "would have the same results as" in reasons[str(photos / "a.png")]
    assert reasons[str(tmp_path / "none.jpg")] == "no such file or folder"
    assert "pattern" in reasons[f"{tmp_path}/*.tif"]
    assert (tmp_path / "out" / "deep" / "b.png").exists()


# -------------------------------------------------------------------- carrying on


def test_finished_results_are_kept_and_a_changed_photo_is_done_again(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(*NETS, photos, "-o", out)
    before = results(out)
    (out / "a.png").unlink()
    assert "1 were finished" in run(*NETS, photos, "-o", out).stderr
    assert results(out) == before
    Image.fromarray(noise(50, 40, seed=1)).save(photos / "deep" / "b.png")
    os.utime(photos / "deep" / "b.png", (0, 0))  # older than its result, and another all the same
    assert "1 were finished" in run(*NETS, photos, "-o", out).stderr
    assert results(out)["deep/b.png"] != before["deep/b.png"]
    assert "2 files written" in run(*NETS, photos, "-o", out, "--overwrite").stderr


def test_a_line_that_a_kill_cut_short_counts_for_nothing(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(*NETS, photos, "-o", out)
    before, record = results(out), out / RECORD
    record.write_bytes(record.read_bytes()[:-20])
    assert "1 were finished" in run(*NETS, photos, "-o", out).stderr
    assert results(out) == before
    record.write_bytes(b"{")
    assert "add --overwrite" in run(*NETS, photos, "-o", out, code=1).stderr


def test_a_damaged_line_counts_for_nothing(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(*NETS, photos, "-o", out)
    record = out / RECORD
    record.write_bytes(record.read_bytes() + b"\xff\xfe\n[1]\n" + 2000 * b"[" + b"\n")
    assert "2 were finished" in run(*NETS, photos, "-o", out).stderr
    record.write_bytes(b"\xff\xfe\n")
    assert "add --overwrite" in run(*NETS, photos, "-o", out, code=1).stderr


def test_not_ours_file_is_not_replaced(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_text("mine")
    told = run(*NETS, photos, "-o", out, code=1).stderr
    assert f"{out / 'a.png'} is there, and not of an earlier run" in told
    assert (out / "a.png").read_text() == "mine"
    assert (out / "deep" / "b.png").exists()
    run(*NETS, photos, "-o", out, "--overwrite")
    assert pixels(out / "a.png").shape == (50, 71)
    lines = (out / RECORD).read_text().splitlines(keepends=True)
    (out / RECORD).write_text("".join(line for line in lines if "made from" not in line))
    # ... as a kill leaves it between a result and its line
    assert "2 files written, 0 failed" in run(*NETS, photos, "-o", out).stderr
    other = ("--max-side", 32)
    run(*NETS, photos / "a.jpg", "-o", out, "--overwrite", *other)
    assert "1 file written, 0 failed, 1 were" in run(*NETS, photos, "-o", out, *other).stderr


def test_no_result_lies_where_an_input_does(photos: Path) -> None:
    before = all_files(photos)
    assert "give another --out" in run(*NETS, photos, "-o", photos, code=1).stderr
    told = run(*NETS, photos / "deep", "-o", photos, code=1).stderr
    assert f"all of it lies in {photos}, where results go: give another --out" in told
    told = run(*NETS, photos / "deep" / "b.png", "-o", photos / "deep", code=1).stderr
    assert f"its result would replace {photos / 'deep' / 'b.png'}" in told
    assert results(photos) == before
    for _ in range(2):  # the second time there are results that fit the pattern
        run(*NETS, f"{photos}/**/*.png", "-o", photos / "out")
    assert set(all_files(photos / "out")) == {"deep/b.png", RECORD}


def test_results_of_other_settings_are_not_mixed(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(*NETS, photos, "-o", out, "--max-side", 64)
    for options, changed in (
        (("--max-side", 32), "--max-side 64, now 32"),
        (
            ("--max-side", 64, "--cutout"),
            "made with results alpha, now cutout: add",
        ),
        (("--max-side", 64, "--mode", "tiles"), "--mode whole, now tiles"),
    ):
        told = run(*NETS, photos, "-o", out, *options, code=1).stderr
        assert changed in told
        assert "add --overwrite" in told
    run(*NETS, photos, "-o", out, "--max-side", 32, "--overwrite")
    run(*NETS, photos, "-o", out, "--max-side", 32)


# -------------------------------------------------------------------- what is made


def test_alphas_have_the_bits_that_are_asked_for(photos: Path, tmp_path: Path) -> None:
    for depth in ("8", "16"):
        run(*NETS, photos / "a.jpg", "-o", tmp_path / depth, "--depth", depth)
    eight, sixteen = pixels(tmp_path / "8" / "a.png"), pixels(tmp_path / "16" / "a.png")
    assert [eight.dtype.name, sixteen.dtype.name] == ["uint8", "uint16"]
    np.testing.assert_allclose(eight / 255, sixteen / 65535, atol=0.6 / 255)
    assert len(np.unique(sixteen)) > len(np.unique(eight))


def test_a_photo_is_put_on_each_picture_of_a_folder(photos: Path, tmp_path: Path) -> None:
    places = tmp_path / "places"
    places.mkdir()
    for index, name in enumerate(("beach", "forest")):
        Image.fromarray(noise(90, 90, seed=index)).save(places / f"{name}.png")
    run(*NETS, photos, "-o", tmp_path / "out", "--background", places)
    expected = {f"{name}/{place}.png" for name in ("a", "deep/b") for place in ("beach", "forest")}
    assert set(all_files(tmp_path / "out")) == expected | {RECORD}
    both = ("--background", places / "beach.png", "--background", "#00ff00")
    run(*NETS, photos / "a.jpg", "-o", tmp_path / "both", *both)
    assert set(all_files(tmp_path / "both")) == {"a/beach.png", "a/00ff00.png", RECORD}
    told = run(*NETS, photos, "-o", tmp_path / "no", "--background", "green", code=1).stderr
    assert "a colour is written #rrggbb" in told
    Image.fromarray(noise(90, 90)).save(places / "beach.jpg")
    told = run(*NETS, photos, "-o", tmp_path / "two", "--background", places, code=1).stderr
    assert "two backgrounds are called 'beach'" in told


def test_orientation_is_applied_and_the_colour_profile_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(noise(40, 60)).save(tmp_path / "t.jpg", icc_profile=profile, exif=exif)
    Image.fromarray(noise(40, 60)).convert("CMYK").save(tmp_path / "c.jpg", icc_profile=b"no" * 99)
    run(*NETS, tmp_path / "t.jpg", tmp_path / "c.jpg", "-o", tmp_path / "out", "--cutout")
    with Image.open(tmp_path / "out" / "t.png") as cutout:
        assert cutout.size == (40, 60)
        assert cutout.info["icc_profile"] == profile
        assert not cutout.getexif().get(0x0112)
    with Image.open(tmp_path / "out" / "c.png") as cutout:
        assert "icc_profile" not in cutout.info  # it is of CMYK, these are RGB


def test_given_trimaps_decide_what_they_are_certain_of(photos: Path, tmp_path: Path) -> None:
    trimaps = tmp_path / "trimaps"
    (trimaps / "deep").mkdir(parents=True)
    for name, width in (("a", 71), ("deep/b", 40)):
        trimap = np.zeros((50, width), np.uint8)
        trimap[:, 15:25], trimap[:, 25:] = 128, 255
        Image.fromarray(trimap).save(trimaps / f"{name}.png")
    run(*NETS, photos, "-o", tmp_path / "out", "--trimaps", trimaps)
    for name in ("a", "deep/b"):
        alpha = pixels(tmp_path / "out" / f"{name}.png")
        assert not alpha[:, :15].any()
        assert (alpha[:, 25:] == 255).all()
    (trimaps / "a.png").unlink()
    told = run(*NETS, photos, "-o", tmp_path / "two", "--trimaps", trimaps, code=1).stderr
    assert "a.jpg: there is no trimap of that name in --trimaps" in told
    assert "1 file written, 1 failed" in told


def test_a_batch_gives_the_same_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(noise(64, 64, seed=index)).save(folder / f"{index}.png")
    for batch in (1, 2):
        run(*NETS, folder, "-o", tmp_path / str(batch), "--batch", batch)
    for index in range(3):
        one, two = (pixels(tmp_path / batch / f"{index}.png").astype(int) for batch in "12")
        assert np.abs(one - two).max() <= 1


# -------------------------------------------------------------------- bad input


def test_each_kind_of_bad_photo_is_a_line_and_the_others_go_on(
    photos: Path, tmp_path: Path
) -> None:
    whole = (photos / "a.jpg").read_bytes()
    contents = {"empty.jpg": b"", "text.png": b"no picture", "cut.jpg": whole[: len(whole) // 2]}
    for name, content in contents.items():
        (photos / name).write_bytes(content)
    Image.fromarray(noise(1, 1)).save(photos / "tiny.png")
    Image.fromarray(np.zeros((16, 20_000, 3), np.uint8)).save(photos / "wide.png")
    frames = [Image.fromarray(noise(40, 40, seed=index)) for index in range(3)]
    frames[0].save(photos / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(noise(40, 60)).convert("CMYK").save(photos / "cmyk.jpg")
    (photos / "none.mp4").write_bytes(b"no video")
    (photos / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    options = ("--max-megapixels", 1, "--max-side", 320, "--json")
    done = run(*NETS, photos, tmp_path / "pipe.jpg", "-o", tmp_path / "out", *options, code=1)
    found = json.loads(done.stdout)
    reasons = {Path(each["source"]).name: each["reason"] for each in found["failed"]}
    refused = {"tiny.png", "moving.gif", "none.mp4", "loop.jpg", "pipe.jpg"}
    assert set(reasons) == {*contents, *refused}
    assert "regular file" in reasons["pipe.jpg"]
    assert reasons["empty.jpg"] == "the file is empty"
    assert "truncated" in reasons["cut.jpg"]
    assert "1×1 pixels" in reasons["tiny.png"]
    assert "3 frames" in reasons["moving.gif"]
    assert all("\n" not in reason for reason in reasons.values())
    for name in ("a", "deep/b", "wide", "cmyk"):
        assert (tmp_path / "out" / f"{name}.png").exists()
    assert pixels(tmp_path / "out" / "wide.png").shape == (16, 20_000)


def test_a_folder_that_can_not_be_written_is_a_line(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = run(*NETS, photos, "-o", tmp_path / "file" / "out", code=1).stderr
    assert "file/out: can't be written to (Not a directory): name another place" in told
    told = run(*NETS, photos, "-o", tmp_path / "out", "--background", "#12", code=1).stderr
    assert "'#12' is no colour: write #rrggbb" in told


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB."""
    place = tmp_path / "full"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(place)]
    if (
        sys.platform != "linux"
        or subprocess.run(words, capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine does not let us mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_ends_it_in_a_line_and_leaves_nothing_half_written(
    full: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(noise(300, 300)).save(folder / "large.png")
    Image.fromarray(noise(40, 40)).save(folder / "small.png")
    done = run(*NETS, folder, "-o", full / "out", "--cutout", code=1)
    told = done.stderr.splitlines()[-1]
    assert told.startswith("Error: [Errno 28] No space left on device: ")
    assert "large.png" in told
    assert told.endswith("free some space, then run the same command to carry on")
    assert set(all_files(full / "out")) == {RECORD}


# -------------------------------------------------------------------- videos


def test_a_video_keeps_its_length_and_times(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", steps(10), sound=True)
    options = ("--alpha", "--cutout", "--background", "#0000ff", "--batch", 4, "--smooth", 0.5)
    done = run(*NETS, clip, "-o", tmp_path / "out", *options)
    assert "10 frames at" in done.stderr
    assert set(all_files(tmp_path / "out")) == {
        *("alpha/clip.mp4", "cutout/clip.mov", "composite/clip.mp4", RECORD)
    }
    with av.open(str(clip)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    for name, sounds in (("alpha/clip.mp4", 0), ("cutout/clip.mov", 1), ("composite/clip.mp4", 1)):
        with av.open(str(tmp_path / "out" / name)) as container:
            assert len(container.streams.audio) == sounds
            found = [frame.time for frame in container.decode(video=0)]
        assert found == pytest.approx(times, abs=2e-3)
    assert "1 were finished" in run(*NETS, clip, "-o", tmp_path / "out", *options).stderr


def test_a_video_that_ends_early_keeps_its_frames_and_is_a_failure(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(40)]
    clip = write(tmp_path / "cut.mkv", frames)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 3])
    done = run(*NETS, clip, "-o", tmp_path / "out", code=1)
    assert "its results have the frames before that" in done.stderr
    assert "1 failed" in done.stderr
    with av.open(str(tmp_path / "out" / "cut.mp4")) as container:
        assert 5 < sum(1 for _ in container.decode(video=0)) < 40
    assert "1 failed" in run(*NETS, clip, "-o", tmp_path / "out", code=1).stderr  # nor finished


def test_names_of_videos_may_be_long_and_strange(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    names = [251 * "l" + ".mp4", "a\x1b[31m\nb.mp4", "concat:a|b.mp4"]
    whole = write(tmp_path / "clip.mp4", steps(2))
    for name in names:
        (folder / name).write_bytes(whole.read_bytes())
    done = run(*NETS, folder, "-o", tmp_path / "out")
    assert set(all_files(tmp_path / "out")) == {*names, RECORD}
    assert "a\\x1b[31m\\nb.mp4: 2 frames at" in done.stderr
    assert "\x1b[31m" not in done.stderr
    Image.fromarray(noise(40, 40)).save(tmp_path / "trimap.png")
    told = run(
        *NETS, whole, "--trimaps", tmp_path / "trimap.png", "-o", tmp_path / "two", code=1
    ).stderr
    assert "a video has no trimaps" in told


def test_a_sound_that_the_container_can_not_hold_is_a_line(photos: Path, tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", steps(3), sound=True)
    options = ("--cutout", "--video", "webm")
    done = run(*NETS, clip, photos / "a.jpg", "-o", tmp_path / "out", *options, code=1)
    assert ".webm: can't be written" in done.stderr
    assert set(all_files(tmp_path / "out")) == {"a.png", RECORD}
