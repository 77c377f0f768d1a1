"""Bad pictures are refused with one reason: cut, bent, too large, or something else."""

import re
import struct
import time
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
from tests.datasets.image_files import bomb, gradient, save


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for name in ("a.jpg", "a.png", "a.bmp", "a.tif", "a.gif"):
        data = save(tmp_path / name, noise).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(ImageError, match=r"^(truncated: the file ends early|damaged: .+)$"):
            read_photo(tmp_path / name)
    with pytest.raises(ImageError, match=r"^truncated: the file ends early$"):
        read_photo(tmp_path / "a.jpg")


@pytest.mark.parametrize("length", [1, 3, 8, 20, 40, 60])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif", ".ppm"])
def test_a_file_cut_off_in_its_header_gives_one_line(
    tmp_path: Path, suffix: str, length: int
) -> None:
    path = save(tmp_path / f"a{suffix}", gradient())
    path.write_bytes(path.read_bytes()[:length])
    for read in (read_photo, read_annotation, read_thumbnail):
        with pytest.raises(ImageError, match=r"\A[^\n]+\Z"):
            read(path)


def test_flipped_bytes_give_a_picture_or_an_image_error(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    for suffix in (".jpg", ".png", ".webp", ".tif", ".bmp", ".gif", ".ppm"):
        sound = np.fromfile(save(tmp_path / f"a{suffix}", gradient()), np.uint8)
        for _ in range(40):
            bent = sound.copy()
            bent[generator.integers(0, len(bent), 4)] ^= generator.integers(1, 256, 4, np.uint8)
            bent.tofile(tmp_path / "bent")
            try:
                photo = read_photo(tmp_path / "bent")
            except ImageError:
                continue
            assert photo.dtype == np.uint8
            assert photo.shape[2:] == (3,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"people in a park\n", "not an image (JPEG, PNG, WEBP, TIFF, BMP, GIF and PPM are read)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=f"^{re.escape(reason)}") as caught:
        read_photo(tmp_path / "a.jpg")
    assert caught.value.path == tmp_path / "a.jpg"


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^there is no such file$"):
        read_photo(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match=r"^a folder, not an image$"):
        read_photo(tmp_path)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = bomb(tmp_path / "a.png", 30_000, 30_000)
    message = r"^30000×30000 pixels, more than the 100 megapixels allowed \(--max-megapixels\)$"
    for read in (read_photo, read_annotation, read_cutout, read_thumbnail, image_size, has_alpha):
        with pytest.raises(ImageError, match=message):
            read(path)


def test_a_chunk_that_claims_gigabytes_is_damage_and_takes_no_room(tmp_path: Path) -> None:
    data = bytearray(save(tmp_path / "a.png", gradient()).read_bytes())
    start = data.index(b"IDAT") - 4
    data[start : start + 4] = (2**32 - 1).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data)
    tracemalloc.start()
    for read in (read_photo, read_annotation, read_thumbnail):
        with suppress(ImageError):  # what comes before the damage is whole
            read(tmp_path / "a.png")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_jpeg_that_is_drawn_again_and_again_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(gradient()).save(path, progressive=True)
    assert read_photo(path).shape == (32, 48, 3)
    data = path.read_bytes()
    scan = data[data.rindex(b"\xff\xc4") : -2]
    path.write_bytes(data[:-2] + 200 * scan + data[-2:])
    for read in (read_photo, read_annotation, read_thumbnail, may_annotate):
        with pytest.raises(ImageError, match=r"^more than 100 scans: save it as a usual JPEG$"):
            read(path)
    path.write_bytes(data + 200 * scan)  # as the film that a phone puts behind a photo
    assert read_photo(path).shape == (32, 48, 3)


def test_the_bound_on_the_pixels_is_the_callers(tmp_path: Path) -> None:
    assert image_size(bomb(tmp_path / "a.png", 30_000, 30_000), max_pixels=10**9) == (30_000,) * 2
    with pytest.raises(ImageError, match=r"48×32 pixels, more than the 0.0015 megapixels"):
        read_photo(save(tmp_path / "b.png", gradient()), max_pixels=1500)


def test_a_photo_of_one_pixel_is_refused_and_a_mask_of_one_is_not(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.full((1, 1), 255, np.uint8))
    with pytest.raises(ImageError, match=r"^1×1 pixels: smaller than 16×16$"):
        read_photo(path)
    assert read_annotation(path).tolist() == [[255]]


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(gradient(), 8 * step, axis=1)) for step in range(3)]
    for name in ("a.gif", "a.webp", "a.png", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(ImageError, match=r"^3 frames: save the one that counts"):
            read_photo(tmp_path / name)


def test_a_tile_of_gigabytes_in_a_small_tiff_is_refused_undecoded(tmp_path: Path) -> None:
    tags = {256: 20, 257: 20, 258: 8, 259: 8, 262: 1, 277: 1, 322: 32768, 323: 32768, 324: 134}
    content = zlib.compress(bytes(2**20))
    tags[325] = len(content)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    (tmp_path / "a.tif").write_bytes(head + content)
    for read in (read_photo, read_annotation, image_size):
        with pytest.raises(ImageError, match=r"^tiles of 1073\.74 megapixels: save it"):
            read(tmp_path / "a.tif")


def test_directories_without_end_are_not_counted(tmp_path: Path) -> None:
    tags = {256: 20, 257: 20, 258: 8, 259: 1, 262: 1, 273: 8, 279: 400}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    length, count = len(entries) + 6, 20_000
    heads = (struct.pack("<H", len(tags)) + entries for _ in range(count))
    links = (struct.pack("<I", 8 + length * number) for number in range(1, count + 1))
    chain = b"".join(head + link for head, link in zip(heads, links, strict=True))
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + chain)
    started = time.process_time()
    with pytest.raises(ImageError, match=r"^100 frames or more: save the one that counts"):
        image_size(tmp_path / "a.tif")
    assert time.process_time() - started < 1


def test_values_of_32_bits_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32))
    with pytest.raises(ImageError, match="values of 32 bits"):
        read_annotation(path)
