"""What can be measured: trained nets, classical matting on a trimap, a folder of predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from shm.datasets.image import MAX_PIXELS, Annotation, ImageError
from shm.datasets.layouts.roles import role_of
from shm.datasets.named import pictures_by_name, read_prediction
from shm.pipeline.errors import ShmError
from shm.pipeline.refine import SOLVERS, refine_alpha
from shm.pipeline.trimap import middle_line
from shm.pipeline.values import Trimap
from shm.prediction import PhotoConfig, predict_photos
from shm.prediction.network import Network
from shm.workflows.truth import Truth


class MethodError(ShmError, ValueError):
    """A method can't be measured in the way that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What a method makes of an image; `trimap` is T-Net's, None where it predicts none."""

    alpha: Annotation
    trimap: Trimap | None = None


class Method(Protocol):
    """Makes an alpha of an image.

    `trimap` is what it is to start from instead of the true one, where a T-Net predicted it.
    """

    def __call__(self, truth: Truth, trimap: Trimap | None) -> Guess:
        """Make the alpha of an image."""
        ...


@dataclass(frozen=True, kw_only=True)
class NetsMethod:
    """Trained nets, which see the photo and, where `given`, the true trimap."""

    network: Network
    config: PhotoConfig
    given: bool

    def __call__(self, truth: Truth, trimap: Trimap | None = None) -> Guess:  # noqa: ARG002
        """Predict the alpha and, where it isn't given, the trimap."""
        image, known = truth.image, truth.trimap if self.given else None
        if image is None:
            raise MethodError(f"{truth.id}: nets need the photo: give its folder, --images")
        if self.given and known is None:
            raise MethodError(f"{truth.id}: there is no true trimap to give: add --trimaps")
        (matte,) = predict_photos(
            self.network, [image], self.config, trimaps=None if known is None else [known]
        )
        alpha = np.rint(matte.alpha * np.float32(255)).astype(np.uint8)
        return Guess(alpha=alpha, trimap=None if self.given else matte.trimap)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Matting without training, on T-Net's trimap where there is one, on the true one otherwise."""

    name: str

    def __call__(self, truth: Truth, trimap: Trimap | None = None) -> Guess:
        """Solve the unknown region.

        Raises
        ------
        MethodError
            There is no trimap, or no photo where the method looks at it.
        RefineError
            The trimap has no certain foreground or background, or the system was not solved.
        """
        start = truth.trimap if trimap is None else trimap
        if start is None:
            raise MethodError(f"{truth.id}: {self.name} needs a trimap: add --trimaps")
        if self.name == "mask":
            return Guess(alpha=np.where(middle_line(start), np.uint8(255), np.uint8(0)))
        if truth.image is None:
            raise MethodError(f"{truth.id}: {self.name} needs the photo: give its folder, --images")
        return Guess(alpha=refine_alpha(truth.image, start, self.name))


class Predictions:
    """Alphas that lie in a folder, by the names of the images; 8 or 16 bits, or RGBA.

    Raises
    ------
    shm.datasets.named.NamedError
        The folder is missing or empty.
    """

    def __init__(self, folder: Path, max_pixels: int = MAX_PIXELS) -> None:
        self._folder, self._max_pixels = folder, max_pixels
        self._files = pictures_by_name(folder)

    def __call__(self, truth: Truth, trimap: Trimap | None = None) -> Guess:  # noqa: ARG002
        """Read the alpha of an image.

        Raises
        ------
        ImageError
            It is missing, can't be read, or is of another size.
        """
        file = self._files.get(truth.key or role_of(truth.id + ".png").keys[-1])
        if file is None:
            raise ImageError(f"{self._folder}: no prediction of {truth.id!r}", self._folder)
        alpha = read_prediction(file, self._max_pixels)
        if alpha.shape != truth.alpha.shape:
            own, true = alpha.shape, truth.alpha.shape
            raise ImageError(
                f"{file}: {own[1]}×{own[0]} pixels, the true alpha {true[1]}×{true[0]}", file
            )
        return Guess(alpha=alpha)


BASELINES: Mapping[str, str] = {
    "mask": "the trimap's middle line, hard",
    **{name: f"{name} matting" for name in SOLVERS},
}
"""Names of methods that need no training."""
