"""A large photo at its own size, tile by tile: T-Net sees the whole, M-Net every hair."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

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


_Window = tuple[slice, slice]


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
    known_in: Callable[[_Window], Tensor]
    if trimap is None:
        known_in = partial(_enlarged, _coarse_trimap(network, image, size, max_side), size)
    else:
        known_in = partial(_part_of, trimap)
    blend, classes = _Blend(size, config), np.empty(size, np.uint8)
    waiting: list[tuple[_Window, Tensor, Tensor]] = []

    def flush() -> None:
        if waiting:
            windows, tiles, trimaps = zip(*waiting, strict=True)
            found = network.predict(torch.cat(tiles), torch.cat(trimaps))
            for window, *both in zip(windows, found.alpha, found.raw_alpha, strict=True):
                blend.add(window, both[0][0].numpy(), both[1][0].numpy())
            waiting.clear()

    for window in tile_windows(size, config):
        known = known_in(window)
        classes[window] = classes_to_trimap(known[0].argmax(0).numpy())
        unknown, foreground = (
            known[0, each].numpy() for each in (TrimapClass.UNKNOWN, TrimapClass.FOREGROUND)
        )
        if network.trusts_trimap and float(unknown.max()) < _SURE:
            blend.add(window, foreground, foreground)
        else:
            waiting.append((window, padded(to_tensor(image[window])), padded(known)))
        if len(waiting) == batch:
            flush()
    flush()
    alpha, raw_alpha = blend.means()
    return Matting(alpha=alpha, raw_alpha=raw_alpha, trimap=classes)


def tile_windows(size: Size, config: TilesConfig) -> Iterator[_Window]:
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


class _Blend:
    """The weighted means of tiles that overlap: of alphas, and of M-Net's own."""

    def __init__(self, size: Size, config: TilesConfig) -> None:
        self._size, self._overlap = size, config.overlap
        self._sums = np.zeros((2, *size), np.float32)
        self._weights = np.zeros(size, np.float32)

    def add(
        self, window: _Window, alpha: NDArray[np.float32], raw_alpha: NDArray[np.float32]
    ) -> None:
        """Add a tile, which may be padded below and at the right.

        Its weight falls to its sides, but not to the photo's.
        """
        down, across = (
            _ramp(span, length, self._overlap)
            for span, length in zip(window, self._size, strict=True)
        )
        weight = down[:, None] * across[None]
        height, width = weight.shape
        for sums, tile in zip(self._sums, (alpha, raw_alpha), strict=True):
            sums[window] += weight * tile[:height, :width]
        self._weights[window] += weight

    def means(self) -> NDArray[np.float32]:
        """Return alpha and raw alpha, (2, H, W) in [0, 1]; nothing can be added any more."""
        self._sums /= self._weights
        return self._sums.clip(0, 1, out=self._sums)


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


def _part_of(trimap: Trimap, window: _Window) -> Tensor:
    """Return the part of a given trimap that lies in a window, as probabilities."""
    return one_hot(trimap[window])


def _enlarged(coarse: Tensor, size: Size, window: _Window) -> Tensor:
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
