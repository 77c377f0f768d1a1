"""What people save as a mask, a matte or a trimap, made into one of the three.

Annotations come as {0, 1}, {0, 255}, instance numbers, soft edges, 16 bits, with the ringing that
JPEG leaves around edges, and in another size than their photo. Each function takes the values of
one file, (H, W), uint8 or uint16 (or bool), and decides by the histogram alone.
"""

from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, Mask, Size, Trimap

Annotation: TypeAlias = NDArray[np.integer[Any]] | NDArray[np.bool_]
"""Values as a file holds them, (H, W): uint8, uint16 or bool."""

MAX_LABEL = 31
"""A file whose values all stay at or below this holds instance numbers, not opacities."""

VOID_LABEL = 255
"""Pascal VOC's value for pixels that belong to nobody: the seams around its instances."""

RINGING = 4
"""How far, in 8 bit steps, JPEG is taken to have moved 0 and 255."""

TRIMAP_TOLERANCE = 20
"""How far from 0, 128 and 255 a trimap's values may be, in 8 bit steps."""


class AnnotationError(ShmError, ValueError):
    """An annotation can't be what it is given for; the message is the reason."""


class EmptyMaskError(AnnotationError):
    """An annotation marks nothing, or everything."""


class AspectError(AnnotationError):
    """An annotation has another shape than its photo."""


def mask_from_annotation(values: Annotation) -> Mask:
    """Mark the subject's pixels.

    Instance numbers (all values up to `MAX_LABEL`, or at most eight levels of which none is full
    scale): everything but 0, and but VOC's void where it is the rarer. All else, soft or binary:
    at least half of the largest value.

    Parameters
    ----------
    values : uint8, uint16 or bool array, (H, W)
        As the file holds them.

    Returns
    -------
    bool array, (H, W)
        True on the subject.

    Raises
    ------
    EmptyMaskError
        No pixel is the subject, or all are.
    """
    counts = _histogram(values)
    top = _top(counts)
    if _holds_labels(counts):
        void = _void(counts)
        mask = values.astype(bool) if void is None else (values != 0) & (values != void)
    else:
        mask = values >= (top + 1) // 2 if top else np.zeros(values.shape, bool)
    _check_not_empty(bool(mask.any()), bool(mask.all()), "mask")
    return mask


def alpha_from_annotation(values: Annotation, *, exact: bool = False) -> Alpha:
    """Return the opacity that a matte holds, on 0..255.

    {0, 1} is scaled, 16 bits are rounded to 8. Where JPEG's ringing shows, values within `RINGING`
    of 0 and 255 are set to them. It shows as a pile: more than half as many pixels again within
    `RINGING` of the two ends as in the equally many levels that follow. Edges and hair fill both
    alike, and then nothing is changed.

    Parameters
    ----------
    values : uint8, uint16 or bool array, (H, W)
        As the file holds them.
    exact : bool
        Whether 8 bits stay as they are, ringing and all: they count as the truth.

    Returns
    -------
    uint8 array, (H, W)
        0 transparent .. 255 opaque.

    Raises
    ------
    EmptyMaskError
        All pixels are transparent, or all are opaque.
    AnnotationError
        The values are instance numbers: 2 to 8 and nothing above.
    """
    counts = _histogram(values)
    top = _top(counts)
    if 2 <= top <= 8:
        raise AnnotationError(
            f"a matte with values of 0 to {top} only: these look like labels, not opacities; "
            "give it as a mask"
        )
    alpha = _to_8_bit(values, top)
    if not exact and _rings(alpha):
        alpha = alpha.copy()
        alpha[alpha <= RINGING] = 0
        alpha[alpha >= 255 - RINGING] = 255
    _check_not_empty(bool(alpha.any()), bool((alpha == 255).all()), "matte")
    return alpha


def trimap_from_annotation(values: Annotation) -> Trimap:
    """Return the trimap that the values mean, each the nearest of 0, 128 and 255.

    Parameters
    ----------
    values : uint8, uint16 or bool array, (H, W)
        As the file holds them.

    Returns
    -------
    uint8 array, (H, W)
        0 background, 128 unknown, 255 foreground.

    Raises
    ------
    AnnotationError
        The values are not near those three, or none of them is near 128.
    """
    counts = _histogram(values)
    top = _top(counts)
    if 1 < top <= 8:
        raise AnnotationError(
            f"a trimap with values of 0 to {top} only: save it as 0 background, 128 unknown, "
            "255 foreground"
        )
    near = _to_8_bit(values, top)
    levels = _histogram(near)
    distance = np.abs(np.arange(256)[:, None] - (BACKGROUND, UNKNOWN, FOREGROUND))
    unknown = int(levels[distance[:, 1] <= TRIMAP_TOLERANCE].sum())
    strange = np.where(distance.min(axis=1) > TRIMAP_TOLERANCE, levels, 0)
    # A matte has few pixels between 0 and 255 too, but these lie anywhere, not at 128.
    if strange.sum() > max(unknown, 1) / 4:
        examples = np.sort(np.argsort(strange)[::-1][: min(3, np.count_nonzero(strange))])
        found = ", ".join(str(value) for value in examples)
        raise AnnotationError(
            f"not a trimap: it holds values such as {found}, not only 0, 128 and 255"
        )
    if not unknown:
        raise AnnotationError(
            "not a trimap: no pixel is unknown (128); give it as a mask or as a matte"
        )
    nearest = np.array([BACKGROUND, UNKNOWN, FOREGROUND], np.uint8)[distance.argmin(axis=1)]
    trimap: Trimap = nearest[near]
    return trimap


def is_binary(values: Annotation) -> bool:
    """Return whether the values are a mask's, with hard edges, rather than a matte's.

    Nearly all pixels are at two levels: those from a quarter to three quarters of full scale are
    fewer than a tenth of the steps across the edge. JPEG's ringing does not count (it leaves less
    than a hundredth); even the crispest of antialiased mattes has nearly half as many.

    Parameters
    ----------
    values : uint8, uint16 or bool array, (H, W)
        As the file holds them; instance numbers are binary.
    """
    counts = _histogram(values)
    if _holds_labels(counts) or np.count_nonzero(counts) <= 2:
        return True
    alpha = _to_8_bit(values, _top(counts))
    inside = alpha >= 128
    down, across = inside[1:] != inside[:-1], inside[:, 1:] != inside[:, :-1]
    between = int(np.count_nonzero((alpha >= 64) & (alpha < 192)))
    return 10 * between < max(1, int(down.sum()) + int(across.sum()))


def fit_annotation(values: Annotation, size: Size) -> Annotation:
    """Scale an annotation to the size of its photo, where both have the same shape.

    Instance numbers and trimaps take the nearest pixel, all else the mean of the area when it
    shrinks and linear interpolation when it grows.

    Parameters
    ----------
    values : uint8, uint16 or bool array, (H, W)
        As the file holds them.
    size : (height, width)
        Of the photo, in pixels.

    Returns
    -------
    array of the same type, (height, width)

    Raises
    ------
    AspectError
        The aspect ratios differ by more than 1 % and by more than two pixels.
    """
    height, width = size
    if values.shape == (height, width):
        return values
    if not _same_shape((values.shape[0], values.shape[1]), size):
        raise AspectError(_aspect_message((values.shape[0], values.shape[1]), size))
    import cv2

    shrinks = width * height < values.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    counts = _histogram(values)
    if _holds_labels(counts) or _holds_trimap(counts):
        how = cv2.INTER_NEAREST_EXACT
    plain: NDArray[Any] = values.view(np.uint8) if values.dtype == np.bool_ else values
    fitted = cv2.resize(plain, (width, height), interpolation=how)
    return cast("Annotation", fitted.astype(values.dtype))


def _histogram(values: Annotation) -> NDArray[np.int64]:
    """Return the number of pixels at each value; in strips, since bincount widens to 64 bits."""
    depth = 65536 if values.dtype == np.uint16 else 256
    flat = values.reshape(-1)
    counts = np.zeros(depth, np.int64)
    for start in range(0, flat.size, 1 << 20):
        counts += np.bincount(flat[start : start + (1 << 20)], minlength=depth)
    return counts


def _top(counts: NDArray[np.int64]) -> int:
    return int(np.flatnonzero(counts)[-1])


def _full_scale(top: int) -> int:
    return 1 if top <= 1 else 255 if top <= 255 else 65535


def _holds_labels(counts: NDArray[np.int64]) -> bool:
    """Return whether the values number instances instead of measuring opacity."""
    levels = np.flatnonzero(counts)
    top = int(levels[-1])
    if top <= MAX_LABEL or _void(counts) is not None:
        return True
    # JPEG blurs two levels to a handful, too, but these lie side by side.
    apart = top > 255 or not (np.diff(levels) <= RINGING).any()
    return bool(len(levels) <= 8 and levels[0] == 0 and top != _full_scale(top) and apart)


def _void(counts: NDArray[np.int64]) -> int | None:
    """Return VOC's void label where it stands beside more pixels of small labels."""
    levels = np.flatnonzero(counts)
    if len(levels) < 3 or levels[-1] != VOID_LABEL or levels[-2] > MAX_LABEL:
        return None
    labelled = int(counts[1 : MAX_LABEL + 1].sum())
    return VOID_LABEL if int(counts[VOID_LABEL]) < labelled else None


def _holds_trimap(counts: NDArray[np.int64]) -> bool:
    levels = {int(level) for level in np.flatnonzero(counts)[:6]}
    return levels <= {0, 127, 128, 129, 254, 255} and bool(levels & {127, 128, 129})


def _to_8_bit(values: Annotation, top: int) -> NDArray[np.uint8]:
    if top <= 1:
        return values.astype(np.uint8) * np.uint8(255)
    if top <= 255:
        return values.astype(np.uint8, copy=False)
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _rings(alpha: Alpha) -> bool:
    counts = _histogram(alpha)
    folded = counts[:128] + counts[:127:-1]  # by the distance to the nearer end
    near, following = folded[1 : RINGING + 1].sum(), folded[RINGING + 1 : 2 * RINGING + 1].sum()
    return bool(near > 1.5 * following)


def _check_not_empty(some: bool, whole: bool, noun: str) -> None:
    if not some:
        raise EmptyMaskError(f"the {noun} is empty: no pixel is marked as the subject")
    if whole:
        raise EmptyMaskError(f"the {noun} covers the whole photo: no background is left")


def _same_shape(one: Size, other: Size) -> bool:
    across, down = one[1] * other[0], one[0] * other[1]  # equal where the aspect ratios are
    return abs(across - down) <= max(0.01 * down, 2 * one[1])


def _aspect_message(annotation: Size, photo: Size) -> str:
    text = (
        f"the annotation is {annotation[1]}×{annotation[0]} but the photo is "
        f"{photo[1]}×{photo[0]}: another shape; save both at one size"
    )
    if _same_shape((annotation[1], annotation[0]), photo):
        text += " (turned by 90°, as when one of the two has lost its EXIF rotation)"
    return text
