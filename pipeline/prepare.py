"""One photo with its annotation, made into one training sample."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from shm.pipeline.annotation import (
    Annotation,
    alpha_from_annotation,
    fit_annotation,
    mask_from_annotation,
    trimap_from_annotation,
)
from shm.pipeline.errors import ShmError
from shm.pipeline.foreground import estimate_foreground, limit_to_subject
from shm.pipeline.quality import measure_quality, require_quality
from shm.pipeline.refine import RefineMethod, refine_alpha
from shm.pipeline.refine.guided import Plane
from shm.pipeline.refine.prior import Prior, prior_from_mask
from shm.pipeline.resize import resize, resize_labels
from shm.pipeline.size import size_within
from shm.pipeline.trimap import (
    TrimapConfig,
    require_certain_pixels,
    trimap_from_alpha,
    trimap_from_prior,
)
from shm.pipeline.values import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, RgbImage, Size, Trimap

DISAGREEMENT = 0.05
"""Largest share of a trimap's certain pixels on which the mask or matte beside it may differ."""

ForegroundMethod = Literal["estimate", "photo"]


class PrepareError(ShmError, ValueError):
    """A setting of `PrepareConfig` is out of its bounds, or a photo came without annotation."""


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """How a photo becomes a sample.

    `size` bounds the longer side in pixels; nothing is ever enlarged. `refine` ``auto`` keeps real
    mattes as they are and refines masks and bare trimaps by the hybrid method. `foreground`
    ``photo`` keeps the photo's own colours (and with them the old background's halo). A sample
    whose `quality` lies below `reject_below` is refused; 0 refuses nothing.
    """

    size: int = 800
    trimap: TrimapConfig = field(default_factory=TrimapConfig)
    refine: RefineMethod = "auto"
    foreground: ForegroundMethod = "estimate"
    reject_below: float = 0.0

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 20_000:
            raise PrepareError(f"size {self.size}: between 32 and 20000 pixels, please")
        if self.refine not in get_args(RefineMethod):
            raise PrepareError(
                f"refine {self.refine!r}: one of {', '.join(get_args(RefineMethod))}"
            )
        if self.foreground not in get_args(ForegroundMethod):
            raise PrepareError(f"foreground {self.foreground!r}: 'estimate' or 'photo'")
        if not 0 <= self.reject_below <= 1:
            raise PrepareError(f"reject below {self.reject_below:g}: between 0 and 1, please")


@dataclass(frozen=True, kw_only=True)
class RawSample:
    """What was read from files: the photo, and at least one of mask, alpha and trimap.

    Annotations hold the values as they stood in the file, (H', W'), any integer type, at any size
    of the photo's aspect. `foreground` is uint8 RGB of the photo's size where it is known; a matte
    that came with it is the truth, of glass and veils too: each of its values is kept.
    """

    image: RgbImage
    mask: Annotation | None = None
    alpha: Annotation | None = None
    trimap: Annotation | None = None
    foreground: RgbImage | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One training sample, all at one size; `steps` says how each part came about."""

    image: RgbImage
    alpha: Alpha
    trimap: Trimap
    foreground: RgbImage
    quality: dict[str, float]
    steps: dict[str, str]


def prepare(
    raw: RawSample, config: PrepareConfig, random: np.random.Generator | None = None
) -> Prepared:
    """Make the trimap, the alpha and the foreground colours of one photo.

    Parameters
    ----------
    raw : RawSample
    config : PrepareConfig
    random : Generator, optional
        Draws the band of a random trimap, which needs one; nothing else is random.

    Raises
    ------
    ShmError
        The annotation is unusable, the band leaves nothing certain, a solver gave up, or the result
        is below `config.reject_below`: one line that says which.
    """
    size = size_within((raw.image.shape[0], raw.image.shape[1]), config.size)
    image = resize(raw.image, size)
    annotated, kind = _annotated_alpha(raw, config.size)
    trimap, prior, spread = _trimap(raw, image, annotated, kind, config, random)
    method = _method(config.refine, kind)
    alpha = annotated if method == "none" else refine_alpha(image, trimap, method, prior)
    quality = measure_quality(
        image,
        alpha,
        trimap,
        mask=annotated if kind == "mask" else None,
        spread=spread,
    )
    del prior, spread  # three planes as large as the photo
    require_quality(quality, config.reject_below)
    if config.foreground == "photo" or raw.foreground is not None:
        own = image if raw.foreground is None else resize(raw.foreground, size)
        foreground = limit_to_subject(own, alpha)
    else:
        foreground = estimate_foreground(image, alpha)
    return Prepared(
        image=image,
        alpha=alpha,
        trimap=trimap,
        foreground=foreground,
        quality=quality,
        steps={
            "annotation": kind,
            "trimap": _trimap_step(raw, kind, config),
            "refine": method,
            "foreground": "given" if raw.foreground is not None else config.foreground,
        },
    )


def _annotated_alpha(raw: RawSample, longest: int) -> tuple[Alpha, str]:
    """Return the annotation as a matte at the sample's size, and which kind it was.

    A bare trimap is a matte that is undecided, 128, where it is unknown.
    """
    full = (raw.image.shape[0], raw.image.shape[1])
    size = size_within(full, longest)
    if raw.alpha is not None:
        matte = fit_annotation(raw.alpha, full)
        alpha = alpha_from_annotation(matte, exact=raw.foreground is not None)
        return resize(alpha, size), "alpha"
    if raw.mask is not None:
        return mask_at(raw.mask, full, size), "mask"
    if raw.trimap is not None:
        trimap = trimap_from_annotation(fit_annotation(raw.trimap, full))
        return resize_labels(trimap, size), "trimap"
    raise PrepareError("the photo came without a mask, a matte or a trimap")


def mask_at(values: Annotation, photo: Size, size: Size) -> Alpha:
    """Return the mask that a sample starts from: the annotation of its photo, at its own size.

    Returns
    -------
    uint8 array, `size`
        0 or 255.
    """
    mask = mask_from_annotation(fit_annotation(values, photo)).astype(np.uint8) * 255
    halves = resize(mask, size) >= 128  # a mask stays one: no soft edge that no one drew
    return np.where(halves, np.uint8(255), np.uint8(0))


def _trimap_step(raw: RawSample, kind: str, config: PrepareConfig) -> str:
    """Return how the trimap comes about: ``given``, ``adaptive``, ``fixed`` or ``random``."""
    if raw.trimap is not None:
        return "given"
    adapts = config.trimap.mode == "adaptive"
    return "fixed" if adapts and kind == "alpha" else config.trimap.mode


def _trimap(
    raw: RawSample,
    image: RgbImage,
    annotated: Alpha,
    kind: str,
    config: PrepareConfig,
    random: np.random.Generator | None,
) -> tuple[Trimap, Prior | None, Plane | None]:
    """Return the trimap, and the prior with its spread where they decided it."""
    step = _trimap_step(raw, kind, config)
    if raw.trimap is not None:
        full = (raw.image.shape[0], raw.image.shape[1])
        own = trimap_from_annotation(fit_annotation(raw.trimap, full))
        trimap = resize_labels(own, size_within(full, config.size))
        require_certain_pixels(trimap, given=True)
        if kind != "trimap":
            _require_agreement(trimap, annotated, kind)
        return trimap, None, None
    if step == "adaptive":
        prior, spread = prior_from_mask(image, annotated)
        return trimap_from_prior(prior.alpha, annotated), prior, spread
    band = config.trimap
    if step == "random":
        if random is None:
            raise PrepareError("a random trimap needs a generator to draw its band")
        band = band.drawn(random)
    is_truth = kind == "alpha" and raw.foreground is not None
    return trimap_from_alpha(annotated, band, certain=not is_truth), None, None


def _require_agreement(trimap: Trimap, annotated: Alpha, kind: str) -> None:
    """Raise `PrepareError` where what is certain is not what the mask or matte says."""
    wrong = (trimap == FOREGROUND) & (annotated < 128)
    wrong |= (trimap == BACKGROUND) & (annotated >= 128)
    share = np.count_nonzero(wrong) / np.count_nonzero(trimap != UNKNOWN)
    if share > DISAGREEMENT:
        raise PrepareError(
            f"the trimap and the {kind} disagree on {share:.0%} of the certain pixels: one of them "
            "is inverted, or of another photo"
        )


def _method(refine: RefineMethod, kind: str) -> str:
    if refine == "none" and kind == "trimap":
        raise PrepareError("a bare trimap has no alpha: choose a method to refine it")
    if refine == "auto":
        return "none" if kind == "alpha" else "hybrid"
    return refine
