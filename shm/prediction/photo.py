"""A photo of any size, in the way that was asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import torch

from shm.inference import MAX_SIDE
from shm.pipeline.errors import ShmError
from shm.pipeline.upsample import Upsampling, upsample_alpha
from shm.pipeline.values import RgbImage, Size, Trimap
from shm.prediction.network import Network
from shm.prediction.tiles import TilesConfig, predict_in_tiles
from shm.prediction.whole import Matting, predict_at, working_size

Mode: TypeAlias = Literal["whole", "tiles", "resize"]


class PhotoError(ShmError, ValueError):
    """A photo can't be predicted in the way that was asked for."""


class OutOfMemoryError(PhotoError, MemoryError):
    """Not even tiles fit in memory."""


@dataclass(frozen=True, kw_only=True)
class PhotoConfig:
    """How photos are predicted.

    Parameters
    ----------
    mode : str
        ``"whole"``: at `max_side` where the photo is larger, as it is where it is smaller;
        ``"resize"``: at `max_side` in any case; ``"tiles"``: T-Net at `max_side`, M-Net at the
        photo's own size, tile by tile.
    max_side : int
        Longer side in pixels, at least 32. 1500 in arXiv 1809.01354, section 5.
    upsampling : str
        How an alpha comes back to the photo's size: see `upsample_alpha`.
    tiles : TilesConfig
    """

    mode: Mode = "whole"
    max_side: int = MAX_SIDE
    upsampling: Upsampling = "guided"
    tiles: TilesConfig = field(default_factory=TilesConfig)


def predict_photos(
    network: Network,
    images: list[RgbImage],
    config: PhotoConfig,
    *,
    trimaps: list[Trimap] | None = None,
    batch: int = 1,
    note: Callable[[str], None] = lambda _: None,
) -> list[Matting]:
    """Predict photos of one size together; what doesn't fit in memory goes to tiles, which is said.

    Parameters
    ----------
    network : Network
    images : uint8 (H, W, 3)
    config : PhotoConfig
    trimaps : uint8 (H, W), optional
        One for each, in T-Net's place.
    batch : int
        Tiles at once.
    note : callable
        Told where memory did not suffice.

    Returns
    -------
    list of Matting
        Of the photos' own size.

    Raises
    ------
    PhotoError
        The network needs a trimap, or takes none.
    OutOfMemoryError
        Tiles don't fit either.
    """
    if network.needs_trimap and trimaps is None:
        raise PhotoError("it has no T-Net, and can't see a photo without a trimap: give --trimaps")
    if trimaps is not None and not network.takes_trimap:
        raise PhotoError("it is a T-Net alone, and has no use for a trimap: give one with M-Net")
    if config.mode == "tiles":
        return _in_tiles(network, images, config, trimaps, batch)
    size = (images[0].shape[0], images[0].shape[1])
    small = working_size(size, config.max_side, enlarge=config.mode == "resize")
    try:
        found = predict_at(network, images, small, trimaps)
        return [
            _of_size(
                each, image, small, config.upsampling, None if trimaps is None else trimaps[at]
            )
            for at, (each, image) in enumerate(zip(found, images, strict=True))
        ]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    if len(images) > 1:
        note(f"out of memory with {len(images)} photos of {_told(small)} at once: one by one now")
        alone = [None] * len(images) if trimaps is None else [[each] for each in trimaps]
        return [
            predict_photos(network, [image], config, trimaps=given, note=note)[0]
            for image, given in zip(images, alone, strict=True)
        ]
    if not network.takes_trimap:
        raise OutOfMemoryError(
            f"out of memory at {_told(small)}, and a T-Net alone sees no tiles: give --max-side"
        )
    note(f"out of memory at {_told(small)}: going on in tiles of {config.tiles.side} pixels")
    return _in_tiles(network, images, config, trimaps, 1)


def _in_tiles(
    network: Network,
    images: list[RgbImage],
    config: PhotoConfig,
    trimaps: list[Trimap] | None,
    batch: int,
) -> list[Matting]:
    try:
        return [
            predict_in_tiles(
                network,
                image,
                max_side=config.max_side,
                trimap=None if trimaps is None else trimaps[at],
                config=config.tiles,
                batch=batch,
            )
            for at, image in enumerate(images)
        ]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"out of memory even in tiles of {config.tiles.side} pixels: give a smaller --tile, or "
            "a smaller --max-side for T-Net"
        ) from error


def _of_size(
    found: Matting, image: RgbImage, small: Size, how: Upsampling, given: Trimap | None
) -> Matting:
    """Bring what was found at a working size to the photo's; a trimap that was given stays."""
    if image.shape[:2] == small:
        return found if given is None else found._replace(trimap=given)
    import cv2

    reduced = np.asarray(cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    trimap = given
    if trimap is None:
        size = (image.shape[1], image.shape[0])
        trimap = np.asarray(
            cv2.resize(found.trimap, size, interpolation=cv2.INTER_NEAREST), np.uint8
        )
    return Matting(
        alpha=upsample_alpha(found.alpha, reduced, image, how),
        raw_alpha=upsample_alpha(found.raw_alpha, reduced, image, how),
        trimap=trimap,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory was short, in whichever words the device has for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return not isinstance(error, PhotoError)
    words = (
        "out of memory",
        "can't allocate memory",
        "failed to allocate",
        "insufficient memory",
        "bad_alloc",
        "bad alloc",
    )
    # onnxruntime's and OpenCV's errors are of kinds of their own.
    return any(word in str(error).lower() for word in words) and not isinstance(error, ShmError)


def _told(size: Size) -> str:
    return f"{size[1]}×{size[0]} pixels"
