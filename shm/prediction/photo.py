"""A photo of any size, in the way that was asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from shm.inference import MAX_SIDE
from shm.pipeline.errors import ShmError
from shm.pipeline.upsample import Upsampling, upsample_alpha
from shm.pipeline.values import RgbImage, Size, Trimap
from shm.prediction.memory import Room, TNetMemoryError, is_out_of_memory
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
        Longer side in pixels, at least 32; 0 stands for the nets' own, which
        `LoadedNets.photo_config` fills in. 1500 in arXiv 1809.01354, section 5.
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
    room: Room | None = None,
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
    room : Room, optional
        What earlier calls found out about memory, and this one finds out.
    note : callable
        Told where memory did not suffice.

    Returns
    -------
    list of Matting
        Of the photos' own size.

    Raises
    ------
    PhotoError
        The network needs a trimap, or takes none; or it answers with what is no number.
    OutOfMemoryError
        Tiles don't fit either.
    """
    if network.needs_trimap and trimaps is None:
        raise PhotoError("it has no T-Net, and can't see a photo without a trimap: give --trimaps")
    if trimaps is not None and not network.takes_trimap:
        raise PhotoError("it is a T-Net alone, and has no use for a trimap: give one with M-Net")
    room = room or Room()
    if config.mode == "tiles":
        return _require_numbers(_in_tiles(network, images, config, trimaps, batch, room, note))
    size = (images[0].shape[0], images[0].shape[1])
    small = working_size(size, config.max_side, enlarge=config.mode == "resize")
    if room.fits(len(images), small, size):
        try:
            return _require_numbers(_at(network, images, small, config.upsampling, trimaps))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        room.refuse(len(images), small, size)
        if len(images) > 1 or network.takes_trimap:
            note(_told_of(len(images), small, config))
    if len(images) > 1:
        alone = [None] * len(images) if trimaps is None else [[each] for each in trimaps]
        return [
            predict_photos(network, [image], config, trimaps=given, room=room, note=note)[0]
            for image, given in zip(images, alone, strict=True)
        ]
    if not network.takes_trimap:
        raise OutOfMemoryError(
            f"out of memory at {_told(small)}, and a T-Net alone sees no tiles: give --max-side"
        )
    return _require_numbers(_in_tiles(network, images, config, trimaps, 1, room, note))


def _require_numbers(mattes: list[Matting]) -> list[Matting]:
    if not all(np.isfinite(each.alpha).all() for each in mattes):
        raise PhotoError("the nets answer with what is no number: their weights are broken")
    return mattes


def _told_of(count: int, size: Size, config: PhotoConfig) -> str:
    if count > 1:
        return f"out of memory with {count} photos of {_told(size)} at once: one by one from now on"
    return (
        f"out of memory at {_told(size)}: going on in tiles of {config.tiles.side} pixels, with "
        "all photos that are as large"
    )


def _at(
    network: Network,
    images: list[RgbImage],
    size: Size,
    upsampling: Upsampling,
    trimaps: list[Trimap] | None,
) -> list[Matting]:
    found = predict_at(network, images, size, trimaps)
    given: Sequence[Trimap | None] = trimaps or [None] * len(images)
    return [
        _of_size(each, image, size, upsampling, trimap)
        for each, image, trimap in zip(found, images, given, strict=True)
    ]


def _in_tiles(
    network: Network,
    images: list[RgbImage],
    config: PhotoConfig,
    trimaps: list[Trimap] | None,
    batch: int,
    room: Room,
    note: Callable[[str], None],
) -> list[Matting]:
    """Predict in tiles; where T-Net does not fit in memory, it sees smaller photos."""
    while True:
        side = min(config.max_side, room.tnet_side)
        try:
            return [
                predict_in_tiles(
                    network,
                    image,
                    max_side=side,
                    trimap=None if trimaps is None else trimaps[at],
                    config=config.tiles,
                    batch=batch,
                )
                for at, image in enumerate(images)
            ]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            side = min(side, max(images[0].shape))
            if not isinstance(error, TNetMemoryError) or side <= config.tiles.side:
                raise OutOfMemoryError(
                    f"out of memory even in tiles of {config.tiles.side} pixels: give a smaller "
                    "--tile"
                ) from error
        room.tnet_side = max(side // 2, config.tiles.side)
        note(f"out of memory: T-Net sees photos at {room.tnet_side} pixels from now on")


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


def _told(size: Size) -> str:
    return f"{size[1]}×{size[0]} pixels"
