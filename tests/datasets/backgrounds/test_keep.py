"""A background's own file is kept where it is small; else a smaller JPEG, and what that holds."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.Image import Exif

from shm.datasets.backgrounds.background import Background
from shm.datasets.backgrounds.keep import LARGEST, QUALITIES, keep, most_pixel_bytes
from shm.datasets.image import ImageError, read_photo
from shm.datasets.jpeg import encode_jpeg, through_jpeg
from shm.pipeline.resize import resize
from shm.pipeline.values import RgbImage


def photo(size: tuple[int, int] = (90, 120)) -> RgbImage:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    return resize(coarse, size)


def background(path: Path) -> Background:
    return Background(id="b", path=path, source="park/b", person=False)


def saved(path: Path, pixels: RgbImage, **options: object) -> Background:
    Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]
    return background(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
@pytest.mark.parametrize("cover", [None, 90, 800])
def test_a_small_file_is_kept_as_it_is(tmp_path: Path, suffix: str, cover: int | None) -> None:
    found = saved(tmp_path / f"b.{suffix}", photo())
    kept = keep(found, cover, largest=LARGEST)
    assert kept.content == found.path.read_bytes()
    assert kept.sha256 == hashlib.sha256(kept.content).hexdigest()
    assert (kept.encoding, kept.size) == ("file", (90, 120))
    assert np.array_equal(kept.photo, read_photo(found.path))


@pytest.mark.parametrize(("size", "expected"), [((90, 120), (60, 80)), ((240, 90), (160, 60))])
def test_a_photo_with_sides_to_spare_is_reduced_to_cover(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    found = saved(tmp_path / "b.png", photo(size))
    kept = keep(found, 60, largest=LARGEST)
    assert kept.size == expected
    assert kept.encoding == f"JPEG {QUALITIES[0]}"
    assert kept.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert np.abs(kept.photo.astype(int) - resize(photo(size), expected)).mean() < 4


def test_what_is_shown_is_what_is_kept(tmp_path: Path) -> None:
    kept = keep(saved(tmp_path / "b.png", photo()), 60, largest=LARGEST)
    with Image.open(io.BytesIO(kept.content)) as decoded:
        assert np.array_equal(np.asarray(decoded), kept.photo)


def test_a_large_file_is_encoded_ever_smaller_until_it_fits(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    found = saved(tmp_path / "b.png", noise)
    sizes = {quality: len(encode_jpeg(noise, quality)) for quality in QUALITIES}
    for quality, size in sizes.items():
        kept = keep(found, None, largest=size)
        assert kept.encoding == f"JPEG {quality}"
        assert len(kept.content) == size
        assert np.array_equal(kept.photo, through_jpeg(noise, quality))


@pytest.mark.parametrize("cover", [None, 60])
def test_two_files_of_one_picture_are_known_as_such_however_they_are_kept(
    tmp_path: Path, cover: int | None
) -> None:
    small = saved(tmp_path / "b.jpg", photo(), quality=80)
    pixels = read_photo(small.path)
    large = saved(tmp_path / "b.bmp", pixels)
    other = saved(tmp_path / "c.bmp", pixels[::-1].copy())
    kept = [keep(found, cover, largest=15_000) for found in (small, large, other)]
    assert kept[0].pixels == kept[1].pixels != kept[2].pixels
    assert kept[0].sha256 != kept[1].sha256
    if cover is None:
        assert [each.encoding == "file" for each in kept] == [True, False, False]


def test_a_file_too_large_even_as_a_small_jpeg_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    found = saved(tmp_path / "b.png", noise)
    smallest = len(encode_jpeg(noise, QUALITIES[-1]))
    with pytest.raises(ImageError, match=r"more than 0\.00\d+ MB, even as a small JPEG"):
        keep(found, None, largest=smallest - 1)


@pytest.mark.parametrize("cover", [None, 60])
def test_a_photo_is_kept_upright_however_the_camera_was_held(
    tmp_path: Path, cover: int | None
) -> None:
    exif = Exif()
    exif[274] = 6  # turned by a quarter
    found = saved(tmp_path / "b.jpg", photo((90, 120)), exif=exif, quality=95)
    kept = keep(found, cover, largest=LARGEST)
    assert kept.size == ((120, 90) if cover is None else (80, 60))
    upright = resize(np.rot90(photo((90, 120)), -1).copy(), kept.size)
    assert np.abs(kept.photo.astype(int) - upright).mean() < 4
    # Who reads the bytes that are kept sees the same.
    assert np.array_equal(read_photo(found.path, content=kept.content), kept.photo)


@pytest.mark.parametrize("cover", [None, 60])
@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "RGBA"])
def test_any_colours_are_kept_as_red_green_and_blue(
    tmp_path: Path, mode: str, cover: int | None
) -> None:
    path = tmp_path / ("b.jpg" if mode in ("CMYK", "L") else "b.png")
    with Image.fromarray(photo()).convert(mode) as picture:
        picture.save(path)
    kept = keep(background(path), cover, largest=LARGEST)
    assert kept.photo.shape == ((90, 120, 3) if cover is None else (60, 80, 3))
    assert np.array_equal(read_photo(path, content=kept.content), kept.photo)
    grey = np.repeat(photo().mean(axis=2, keepdims=True), 3, axis=2)
    expected = resize(grey.astype(np.uint8) if mode == "L" else photo(), kept.size)
    assert np.abs(kept.photo.astype(int) - expected).mean() < 25


def test_what_can_t_be_read_is_refused_with_its_reason(tmp_path: Path) -> None:
    broken = tmp_path / "b.jpg"
    whole = encode_jpeg(photo(), 90)
    for content, reason in (
        (b"", "the file is empty"),
        (b"hello", "not an image"),
        (whole[: len(whole) // 2], "truncated"),
    ):
        broken.write_bytes(content)
        with pytest.raises(ImageError, match=reason):
            keep(background(broken), 60, largest=LARGEST)
    whole_file = saved(tmp_path / "c.jpg", photo())
    with pytest.raises(ImageError, match=r"more than the 0\.01 megapixels allowed"):
        keep(whole_file, 60, max_pixels=10_000, largest=LARGEST)


@pytest.mark.parametrize(("size", "expected"), [((90, 120), (90, 120)), ((240, 180), (133, 100))])
def test_of_a_decoded_background_the_pixels_are_kept(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    found = saved(tmp_path / "b.jpg", photo(size))
    kept = keep(found, 100, largest=1, decoded=True)
    assert (kept.encoding, kept.size) == ("pixels", expected)
    assert np.array_equal(kept.photo, resize(read_photo(found.path), expected))
    assert kept.content == kept.photo.tobytes()
    assert len(kept.content) == most_pixel_bytes([found], 100)


def test_a_file_that_can_t_be_read_needs_no_room(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    sound = saved(tmp_path / "b.jpg", photo((30, 40)))
    broken = background(tmp_path / "broken.jpg")
    assert most_pixel_bytes([broken, sound], None) == 30 * 40 * 3
