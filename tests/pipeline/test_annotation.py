"""Each way to save a mask, a matte or a trimap gives the mask, matte or trimap that was meant."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from shm.pipeline.annotation import (
    AnnotationError,
    AspectError,
    EmptyMaskError,
    alpha_from_annotation,
    fit_annotation,
    is_binary,
    mask_from_annotation,
    trimap_from_annotation,
)
from shm.pipeline.errors import ShmError


def disc(height: int = 96, width: int = 128, radius: int = 30) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[0:height, 0:width]
    inside: NDArray[np.bool_] = (rows - height // 2) ** 2 + (columns - width // 2) ** 2 < radius**2
    return inside


def as_jpeg(values: NDArray[np.uint8], quality: int = 75) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def soft(radius: float = 2) -> NDArray[np.uint8]:
    """Return the disc with an edge that is symmetric about the half."""
    hard = Image.fromarray(disc(384, 512, 120).astype(np.uint8) * 255)
    return np.asarray(hard.filter(ImageFilter.GaussianBlur(4 * radius)).reduce(4))


def matte() -> NDArray[np.uint8]:
    """Return a matte with a wide soft edge and nothing stray near 0 and 255."""
    values = soft(4).copy()
    values[values <= 4] = 0
    values[values >= 251] = 255
    return values


@pytest.mark.parametrize(
    "values",
    [
        disc(),
        disc().astype(np.uint8),
        disc().astype(np.uint8) * 255,
        disc().astype(np.uint8) * 38,
        disc().astype(np.uint16) * 65535,
        disc().astype(np.uint16) * 255,
        disc().astype(np.uint16) * 1000,
    ],
    ids=["bool", "0-1", "0-255", "0-38", "16-bit", "8-in-16-bit", "0-1000"],
)
def test_two_levels_are_a_mask_whatever_they_are(values: NDArray[np.integer]) -> None:
    assert np.array_equal(mask_from_annotation(values), disc())
    assert is_binary(values)


@pytest.mark.parametrize("numbers", [range(1, 9), [1, 2], [38, 75, 113], [1000, 1001, 1002]])
def test_every_instance_is_the_subject(numbers: list[int]) -> None:
    columns = np.array(numbers, np.uint16)[np.arange(128) * len(numbers) // 128]
    labels = np.where(disc(), columns, 0).astype(np.uint16)
    if max(numbers) < 256:
        assert np.array_equal(mask_from_annotation(labels.astype(np.uint8)), disc())
        assert is_binary(labels.astype(np.uint8))
    assert np.array_equal(mask_from_annotation(labels), disc())


def test_the_seams_of_voc_are_not_the_subject() -> None:
    labels = np.where(disc(), 1, 0).astype(np.uint8)
    seam = disc(radius=33) & ~disc(radius=30)
    labels[seam] = 255
    assert np.array_equal(mask_from_annotation(labels), disc())


def test_stray_ones_beside_a_mask_of_255_are_not_the_subject() -> None:
    values = disc().astype(np.uint8) * 255
    values[0, :20] = 1
    assert np.array_equal(mask_from_annotation(values), disc())


def test_the_opaque_half_of_a_soft_mask_is_the_subject() -> None:
    values = soft()
    assert np.array_equal(mask_from_annotation(values), values >= 128)
    assert not is_binary(values)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_the_ringing_of_jpeg_does_not_change_a_mask(quality: int) -> None:
    values = as_jpeg(disc().astype(np.uint8) * 255, quality)
    assert len(np.unique(values)) > 2
    assert np.mean(mask_from_annotation(values) != disc()) < 0.002
    assert is_binary(values)


@pytest.mark.parametrize("read", [mask_from_annotation, alpha_from_annotation])
def test_nothing_marked_and_all_marked_are_refused(read: object) -> None:
    assert callable(read)
    for dtype in (np.uint8, np.uint16, np.bool_):
        with pytest.raises(EmptyMaskError, match=r"is empty: no pixel is marked as the subject"):
            read(np.zeros((8, 8), dtype))
    for full in (np.True_, np.uint8(1), np.uint8(255), np.uint16(1), np.uint16(65535)):
        with pytest.raises(EmptyMaskError, match=r"covers the whole photo: no background"):
            read(np.full((8, 8), full))


def test_errors_are_shms_and_pythons() -> None:
    for error in (EmptyMaskError, AspectError, AnnotationError):
        assert issubclass(error, ShmError)
        assert issubclass(error, ValueError)


def test_a_matte_keeps_its_values() -> None:
    assert np.array_equal(alpha_from_annotation(matte()), matte())
    long_tails = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    assert np.array_equal(alpha_from_annotation(long_tails), long_tails)


def test_the_ringing_of_jpeg_is_taken_out_of_a_matte() -> None:
    for values in (matte(), disc().astype(np.uint8) * 255):
        ringing = as_jpeg(values, 92)
        alpha = alpha_from_annotation(ringing)
        assert not np.isin(alpha, [1, 2, 3, 4, 251, 252, 253, 254]).any()
        between = (ringing > 4) & (ringing < 251)
        assert np.array_equal(alpha[between], ringing[between])


def test_a_matte_of_16_bits_is_rounded_to_8() -> None:
    assert np.array_equal(alpha_from_annotation(matte().astype(np.uint16) * 257), matte())


def test_zero_and_one_are_scaled_to_a_matte() -> None:
    for values in (disc(), disc().astype(np.uint8), disc().astype(np.uint16)):
        assert np.array_equal(alpha_from_annotation(values), disc().astype(np.uint8) * 255)


def test_labels_are_no_matte() -> None:
    with pytest.raises(AnnotationError, match="0 to 3 only: these look like labels"):
        alpha_from_annotation(disc().astype(np.uint8) * 3)


def trimap() -> NDArray[np.uint8]:
    values = np.where(disc(radius=36), np.uint8(128), np.uint8(0))
    values[disc(radius=24)] = 255
    return values


def test_a_trimap_snaps_to_its_three_values() -> None:
    assert np.array_equal(trimap_from_annotation(trimap()), trimap())
    near = trimap().copy()
    near[near == 128] = 127
    near[near == 255] = 250
    assert np.array_equal(trimap_from_annotation(near), trimap())
    assert np.mean(trimap_from_annotation(as_jpeg(trimap())) != trimap()) < 0.01
    assert np.array_equal(trimap_from_annotation(trimap().astype(np.uint16) * 257), trimap())


def test_what_is_no_trimap_is_refused() -> None:
    with pytest.raises(AnnotationError, match="values such as"):
        trimap_from_annotation(soft(6))
    with pytest.raises(AnnotationError, match="no pixel is unknown"):
        trimap_from_annotation(disc().astype(np.uint8) * 255)
    with pytest.raises(AnnotationError, match="0 to 2 only: save it as 0 background"):
        trimap_from_annotation(trimap() // 127)


@given(arrays(np.uint8, (6, 7), elements=st.integers(0, 255)))
def test_a_mask_that_is_read_again_is_the_same(values: NDArray[np.uint8]) -> None:
    try:
        mask = mask_from_annotation(values)
    except EmptyMaskError:
        return
    assert np.array_equal(mask_from_annotation(mask.astype(np.uint8) * 255), mask)
    assert mask[values == values.max()].any()


def test_an_annotation_of_the_photos_size_is_left_as_it_is() -> None:
    assert fit_annotation(matte(), (96, 128)) is not None
    assert np.array_equal(fit_annotation(matte(), (96, 128)), matte())


@pytest.mark.parametrize("size", [(192, 256), (191, 256), (48, 64), (300, 401)])
def test_an_annotation_of_the_same_shape_is_scaled(size: tuple[int, int]) -> None:
    fitted = mask_from_annotation(fit_annotation(disc().astype(np.uint8) * 255, size))
    assert fitted.shape == size
    assert abs(fitted.mean() - disc().mean()) < 0.01


@pytest.mark.parametrize(
    "values", [trimap(), np.where(disc(), 5, 0).astype(np.uint8), disc(), disc().astype(np.uint16)]
)
@pytest.mark.parametrize("size", [(192, 256), (48, 64)])
def test_scaling_makes_no_new_labels(values: NDArray[np.integer], size: tuple[int, int]) -> None:
    fitted = fit_annotation(values, size)
    assert fitted.dtype == values.dtype
    assert fitted.shape == size
    assert set(np.unique(fitted)) == set(np.unique(values))


def test_another_shape_is_refused() -> None:
    with pytest.raises(AspectError, match=r"128×96 but the photo is 100×100: another"):
        fit_annotation(disc(), (100, 100))


def test_a_lost_rotation_is_named() -> None:
    with pytest.raises(AspectError, match=r"640×480 but the photo is 480×640.*EXIF"):
        fit_annotation(np.zeros((480, 640), np.uint8), (640, 480))
