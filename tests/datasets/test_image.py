"""Odd pictures are read right: turned, grey, palettes, 16 bits, annotations of every kind."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from shm.datasets.decoder import opened
from shm.datasets.image import (
    ImageError,
    has_alpha,
    image_size,
    may_annotate,
    read_annotation,
    read_cutout,
    read_photo,
    read_thumbnail,
)
from tests.datasets.image_files import gradient, save, turned


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".tiff", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_read_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"a{suffix}"
    how = {"compression": "tiff_lzw"} if suffix == ".tiff" else {}
    Image.fromarray(gradient()).save(path, exif=turned(orientation), **how)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_photo(path), upright)
    assert image_size(path) == upright.shape[:2]
    thumbnail = Image.fromarray(upright).convert("L").resize((32, 32), Image.Resampling.BOX)
    assert np.abs(read_thumbnail(path).astype(int) - np.asarray(thumbnail)).max() < 8
    assert image_size(path) == ((48, 32) if orientation > 4 else (32, 48))


def test_an_annotation_is_turned_with_its_photo(tmp_path: Path) -> None:
    mask = gradient()[:, :, 0]
    path = save(tmp_path / "a.png", mask, exif=turned(6))
    assert np.array_equal(read_annotation(path), np.rot90(mask, -1))


def test_a_png_with_its_orientation_behind_the_pixels_is_turned_too(tmp_path: Path) -> None:
    data = save(tmp_path / "a.png", gradient(), exif=turned(6)).read_bytes()
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    last = data.index(b"IEND") - 4
    (tmp_path / "b.png").write_bytes(data[:start] + data[end:last] + data[start:end] + data[last:])
    assert image_size(tmp_path / "b.png") == (48, 32)
    assert read_photo(tmp_path / "b.png").shape == (48, 32, 3)


def test_unreadable_exif_data_do_not_spoil_a_photo(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", gradient(), exif=b"Exif\0\0II*\0\xff\xff\xff\x7fgarbage")
    assert read_photo(path).shape == (32, 48, 3)


def test_a_grey_photo_becomes_three_equal_channels(tmp_path: Path) -> None:
    grey = gradient()[:, :, 0]
    photo = read_photo(save(tmp_path / "a.png", grey))
    assert np.array_equal(photo, np.repeat(grey[:, :, None], 3, axis=2))


def test_a_palette_photo_is_read_in_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(gradient()).quantize(16)
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_photo(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path: Path) -> None:
    image = Image.fromarray(gradient()).quantize(16)
    image.save(tmp_path / "a.png", transparency=bytes(range(0, 160, 10)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        photo = read_photo(tmp_path / "a.png")
    assert np.array_equal(photo, np.asarray(image.convert("RGB")))


def test_who_leaves_first_of_two_threads_leaves_the_warnings_as_they_were(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", gradient())
    before = list(warnings.filters)
    with ExitStack() as second:
        with opened(path, 10**6):  # as two threads do it: in and out, each in its own time
            second.enter_context(opened(path, 10**6))
        with pytest.warns(UserWarning, match="of ours"):
            warnings.warn("of ours", stacklevel=1)
    assert warnings.filters == before
    with pytest.raises(ImageError), opened(tmp_path / "none.png", 10**6):
        pass
    assert warnings.filters == before


def test_pictures_are_read_in_threads_without_a_warning(tmp_path: Path) -> None:
    image = Image.fromarray(gradient()).quantize(16)
    image.save(tmp_path / "a.png", transparency=bytes(range(0, 160, 10)))
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        photos = list(threads.map(read_photo, [tmp_path / "a.png"] * 200))
    assert all(np.array_equal(photo, photos[0]) for photo in photos)
    assert warnings.filters == before


def test_a_cmyk_photo_is_read_in_its_colours(tmp_path: Path) -> None:
    colours = np.zeros((32, 32, 3), np.uint8)
    colours[:, :16] = (200, 30, 60)
    Image.fromarray(colours).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_photo(tmp_path / "a.jpg").astype(int)[:, 4:12] - (200, 30, 60)).max() < 6


def test_16_bit_grey_is_scaled_to_8_bit(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    for name in ("a.png", "a.tif"):
        photo = read_photo(save(tmp_path / name, deep))
        assert np.array_equal(photo[:, :, 0], np.round(deep / 257).astype(np.uint8))
        assert np.array_equal(read_annotation(tmp_path / name), deep)


def test_a_16_bit_portable_greymap_is_read(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 32 32 65535\n" + deep.astype(">u2").tobytes())
    assert np.array_equal(read_annotation(path), deep)
    assert read_photo(path)[-1, -1].tolist() == [255, 255, 255]


def test_the_alpha_channel_of_a_photo_is_dropped(tmp_path: Path) -> None:
    rgba = np.dstack([gradient(), gradient()[:, :, 1]])
    assert np.array_equal(read_photo(save(tmp_path / "a.png", rgba)), gradient())


def test_a_cut_out_is_read_as_colours_and_alpha(tmp_path: Path) -> None:
    alpha = gradient()[:, :, 1]
    path = save(tmp_path / "a.png", np.dstack([gradient(), alpha]), exif=turned(3))
    rgb, read = read_cutout(path)
    assert np.array_equal(rgb, gradient()[::-1, ::-1])
    assert np.array_equal(read, alpha[::-1, ::-1])
    assert has_alpha(path)
    assert np.array_equal(read_annotation(path), alpha[::-1, ::-1])


def test_a_photo_without_an_alpha_channel_is_no_cut_out(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", gradient())
    assert not has_alpha(path)
    with pytest.raises(ImageError, match="no alpha channel"):
        read_cutout(path)


def test_zero_and_one_stay_zero_and_one(tmp_path: Path) -> None:
    mask = gradient()[:, :, 0] > 90
    assert np.array_equal(read_annotation(save(tmp_path / "1.png", mask)), mask)
    assert np.array_equal(read_annotation(save(tmp_path / "l.png", mask.astype(np.uint8))), mask)


def test_a_coloured_palette_is_a_label_map(tmp_path: Path) -> None:
    labels = (gradient()[:, :, 0] // 64).astype(np.uint8)
    image = Image.fromarray(labels).convert("P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_annotation(tmp_path / "a.png"), labels)


def test_a_grey_palette_means_its_greys(tmp_path: Path) -> None:
    indices = (gradient()[:, :, 0] > 90).astype(np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_annotation(tmp_path / "a.png"), 255 * (1 - indices))


def test_a_palette_with_black_behind_a_colour_is_no_label_map(tmp_path: Path) -> None:
    indices = (gradient()[:, :, 0] > 90).astype(np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([200, 0, 0, 0, 0, 0])
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_annotation(tmp_path / "a.png"), 200 * (1 - indices))


def test_the_marked_channel_of_a_coloured_mask_counts(tmp_path: Path) -> None:
    red = np.zeros((32, 48, 3), np.uint8)
    red[8:20, :, 0] = 255
    assert np.array_equal(read_annotation(save(tmp_path / "a.png", red)), red[:, :, 0])


def test_an_opaque_alpha_channel_says_nothing(tmp_path: Path) -> None:
    mask = np.zeros((32, 48, 4), np.uint8)
    mask[8:20], mask[:, :, 3] = 255, 255
    assert np.array_equal(read_annotation(save(tmp_path / "a.png", mask)), mask[:, :, 0])


def test_content_tells_an_annotation_from_a_photo(tmp_path: Path) -> None:
    grey = np.repeat(gradient()[:, :, :1], 3, axis=2)
    opaque = np.dstack([gradient(), np.full((32, 48), 255, np.uint8)])
    cutout = np.dstack([gradient(), gradient()[:, :, 0]])
    assert may_annotate(save(tmp_path / "grey.png", grey))
    assert may_annotate(save(tmp_path / "cutout.png", cutout))
    assert not may_annotate(save(tmp_path / "photo.png", gradient()))
    assert not may_annotate(save(tmp_path / "opaque.png", opaque))


def test_a_phones_photo_with_a_preview_behind_it_is_read(tmp_path: Path) -> None:
    photo, preview = Image.fromarray(gradient()), Image.fromarray(gradient(16, 24))
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview])
    assert read_photo(tmp_path / "a.jpg").shape == (32, 48, 3)


def test_thumbnails_of_one_picture_at_two_sizes_agree(tmp_path: Path) -> None:
    large = Image.fromarray(gradient(640, 960))
    large.save(tmp_path / "large.jpg")
    large.resize((240, 160)).save(tmp_path / "small.png")
    one, other = read_thumbnail(tmp_path / "large.jpg"), read_thumbnail(tmp_path / "small.png")
    assert one.shape == (32, 32)
    assert np.abs(one.astype(int) - other).mean() < 4
