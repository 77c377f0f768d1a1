"""A large photo at its own size, tile by tile: T-Net sees the whole, M-Net every hair."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm.inference import padded, resized
from shm.models.padding import LEAST_SIDE
from shm.pipeline.errors import ShmError
from shm.pipeline.size import size_within
from shm.pipeline.values import RgbImage, Size, Trimap, TrimapClass, classes_to_trimap
from shm.prediction.memory import TNetMemoryError, is_out_of_memory
from shm.prediction.network import Network
from shm.prediction.whole import Matting, one_hot, to_tensor

_SURE = 0.5 / 255
"""A probability of the unknown region that no alpha of 8 bits shows."""


class TilesError(ShmError, ValueError):
    """A network can't predict tile by tile, or the tiles have no size."""


@dataclass(frozen=True, kw_only=True)
class TilesConfig:
    """Tiles of a photo, in its own pixels.

    Parameters
    ----------
    side : int
        Of a tile, at least 64.
    overlap : int
        Pixels that neighbours share; there the weight goes from one to the other.
    """

    side: int = 1024
    overlap: int = 256

    def __post_init__(self) -> None:
        if self.side < 2 * LEAST_SIDE:
            raise TilesError(f"tiles of {self.side} pixels: give at least {2 * LEAST_SIDE}")
        if not 0 <= self.overlap <= self.side // 2:
            raise TilesError(
                f"tiles of {self.side} pixels that share {self.overlap}: give 0 to half of a side"
            )


def predict_in_tiles(
    network: Network,
    image: RgbImage,
    *,
    max_side: int,
    trimap: Trimap | None = None,
    config: TilesConfig | None = None,
    batch: int = 1,
) -> Matting:
    """Predict a photo at its own size.

    T-Net sees the whole photo at `max_side`, since who is in it can't be told from a tile; M-Net
    sees tiles of it at full size, with that trimap brought to it. Where a tile has nothing unknown
    and the matte trusts the trimap, M-Net isn't asked.

    Parameters
    ----------
    network : Network
        With an M-Net.
    image : uint8 (H, W, 3)
    max_side : int
        Longer side in pixels at which T-Net sees the photo.
    trimap : uint8 (H, W), optional
        In T-Net's place; Deep Image Matting needs it.
    config : TilesConfig, optional
    batch : int
        Tiles at once.

    Returns
    -------
    Matting
        Of the photo's size.

    Raises
    ------
    TilesError
        The network has no M-Net to look at tiles.
    TNetMemoryError
        T-Net does not fit in memory at that size.
    """
    if not network.takes_trimap:
        raise TilesError("a T-Net alone sees no tiles: give --mode whole")
    config = config or TilesConfig()
    size = (image.shape[0], image.shape[1])
    coarse = _coarse_trimap(network, image, size, max_side) if trimap is None else None
    total = np.zeros((2, *size), np.float32)
    weights = np.zeros(size, np.float32)
    classes = np.empty(size, np.uint8)
    waiting: list[tuple[tuple[slice, slice], Tensor, Tensor]] = []

    def flush() -> None:
        if not waiting:
            return
        found = network.predict(
            torch.cat([rgb for _, rgb, _ in waiting]), torch.cat([each for _, _, each in waiting])
        )
        for (window, _, _), *both in zip(waiting, found.alpha, found.raw_alpha, strict=True):
            rows, columns = (part.stop - part.start for part in window)
            alpha, raw = (each[0, :rows, :columns].numpy() for each in both)
            _add(total, weights, window, size, config, (alpha, raw))
        waiting.clear()

    for window in tile_windows(size, config):
        if trimap is None:
            assert coarse is not None  # noqa: S101
            known = _enlarged(coarse, size, window)
        else:
            known = one_hot(trimap[window])
        classes[window] = classes_to_trimap(known[0].argmax(0).numpy())
        unknown, foreground = (
            known[0, each].numpy() for each in (TrimapClass.UNKNOWN, TrimapClass.FOREGROUND)
        )
        if network.trusts_trimap and float(unknown.max()) < _SURE:
            _add(total, weights, window, size, config, (foreground, foreground))
        else:
            waiting.append((window, padded(to_tensor(image[window])), padded(known)))
        if len(waiting) == batch:
            flush()
    flush()
    total /= weights
    alpha, raw_alpha = total.clip(0, 1)
    return Matting(alpha=alpha, raw_alpha=raw_alpha, trimap=classes)


def tile_windows(size: Size, config: TilesConfig) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of each tile; all are of one size, the last ends at the border."""
    for top, bottom in _spans(size[0], config):
        for left, right in _spans(size[1], config):
            yield slice(top, bottom), slice(left, right)


def _spans(length: int, config: TilesConfig) -> list[tuple[int, int]]:
    if length <= config.side:
        return [(0, length)]
    pitch = config.side - config.overlap
    count = -(-(length - config.overlap) // pitch)
    starts = np.linspace(0, length - config.side, count).round().astype(int)
    return [(int(start), int(start) + config.side) for start in starts]


def _add(
    total: NDArray[np.float32],
    weights: NDArray[np.float32],
    window: tuple[slice, slice],
    size: Size,
    config: TilesConfig,
    found: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """Add a tile's alphas with a weight that falls to its sides, but not to the photo's."""
    down, across = (
        _ramp(each, length, config.overlap) for each, length in zip(window, size, strict=True)
    )
    weight = down[:, None] * across[None]
    for sums, alpha in zip(total, found, strict=True):
        sums[window] += weight * alpha
    weights[window] += weight


def _ramp(span: slice, length: int, overlap: int) -> NDArray[np.float32]:
    """Return a weight for each pixel along one side of a tile.

    The outer quarter of an overlap counts next to nothing: nets know least at their input's border.
    """
    count = span.stop - span.start
    weight = np.ones(count, np.float32)
    if overlap:
        inner = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
        rise = np.clip((inner - 0.25) * 2, 1e-3, 1)
        if span.start > 0:
            weight[:overlap] = rise
        if span.stop < length:
            weight[-overlap:] = np.minimum(weight[-overlap:], rise[::-1])
    return weight


def _coarse_trimap(network: Network, image: RgbImage, size: Size, max_side: int) -> Tensor:
    """Return T-Net's probabilities, float (1, 3, h, w), at the size at which it sees the photo."""
    height, width = size_within(size, max_side)
    small = resized(to_tensor(image), (height, width)).clamp(0, 1)
    try:
        return network.predict_trimaps(padded(small))[..., :height, :width]
    except Exception as error:
        if is_out_of_memory(error):
            raise TNetMemoryError from error
        raise


def _enlarged(coarse: Tensor, size: Size, window: tuple[slice, slice]) -> Tensor:
    """Return the part of the enlarged (1, C, H, W) that lies in a window, bilinear.

    As `torch.nn.functional.interpolate` would enlarge the whole, which may not fit in memory.
    """
    for axis, (span, length) in enumerate(zip(window, size, strict=True), 2):
        own = coarse.shape[axis]
        centres = (torch.arange(span.start, span.stop, dtype=torch.float32) + 0.5) * (own / length)
        at = (centres - 0.5).clamp(0, own - 1)
        low = at.floor().long()
        high = (low + 1).clamp(max=own - 1)
        shape = [1] * coarse.ndim
        shape[axis] = -1
        part = (at - low).reshape(shape)
        coarse = (
            coarse.index_select(axis, low) * (1 - part) + coarse.index_select(axis, high) * part
        )
    return coarse
