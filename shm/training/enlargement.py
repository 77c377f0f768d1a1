"""Enlarging backgrounds on the device, to the bytes of `shm.pipeline.enlarge.enlarge`."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm.pipeline.enlarge import ONE
from shm.training.raw import RawWindow
from shm.training.squares import bytes_at, handles_one_by_one, to_table


def at_once(device: torch.device) -> int:
    """Return how many windows are enlarged together, so that memory is bounded."""
    return 1 if handles_one_by_one(device) else 16


def enlarged(
    pixels: Tensor, raw: Tensor, windows: Sequence[RawWindow], sides: Sequence[int]
) -> list[Tensor]:
    """Interpolate parts of photos bilinearly to squares.

    Parameters
    ----------
    pixels : uint8 (N,)
        The bytes of the batch, on the device.
    raw : uint8 (N,)
        The same where they came from.
    windows : RawWindows
    sides : ints
        Side in pixels of the square that each becomes.

    Returns
    -------
    list of uint8 (side, side or more, 3)
        In its first columns, bit for bit what `shm.pipeline.enlarge.enlarge` computes.
    """
    found: list[Tensor] = []
    step = at_once(pixels.device)
    for start in range(0, len(windows), step):
        some = slice(start, start + step)
        together = _enlarged_together(pixels, raw.numpy(), windows[some], sides[some])
        found += [square[:side] for square, side in zip(together, sides[some], strict=True)]
    return found


def _enlarged_together(
    pixels: Tensor, raw: NDArray[np.uint8], windows: Sequence[RawWindow], sides: Sequence[int]
) -> Tensor:
    """Return uint8 (B, S, S, 3), S the largest side; what lies beyond a smaller one is noise."""
    count, side, height = len(windows), max(sides), max(each["height"] for each in windows)
    # Rows and columns beyond a crop's own repeat its last, so that all is read inside its window.
    taps = np.stack([_taps(raw, *each, side) for each in zip(windows, sides, strict=True)])
    taps[:, 0, :2] += height * np.arange(count)[:, None, None]
    taps[:, 1, :2] *= 3
    begins = np.stack([_rows(window, height) for window in windows])
    table = to_table(np.concatenate([taps.reshape(count, -1), begins], 1), pixels.device)
    above, below, lower, left, right, further = table[:, : 6 * side].view(count, 6, side).unbind(1)
    begin = table[:, 6 * side :, None]

    def read(columns: Tensor) -> Tensor:
        found = bytes_at(pixels, begin + columns[:, None], 3)
        return found.view(count, height, 3 * side).int()

    weight = further.repeat_interleave(3, dim=1)[:, None]
    first, second = read(left), read(right)
    across = second.sub_(first).mul_(weight).add_(first, alpha=ONE).bitwise_right_shift_(4)
    rows = across.view(count * height, 3 * side)
    share = lower.reshape(-1, 1)
    # Each product loses its own 16 bits before the two are added.
    mixed = rows.index_select(0, above.flatten()).mul_(ONE - share).bitwise_right_shift_(16)
    mixed += rows.index_select(0, below.flatten()).mul_(share).bitwise_right_shift_(16)
    return mixed.add_(2).bitwise_right_shift_(2).to(torch.uint8).view(count, side, side, 3)


def _taps(raw: NDArray[np.uint8], window: RawWindow, own: int, side: int) -> NDArray[np.int32]:
    """Return the taps of a window, (2, 3, side): rows then columns, the last ones repeated."""
    start = window["taps"]
    found = raw[start : start + 2 * 3 * own * 4].view(np.int32).reshape(2, 3, own)
    return np.pad(found, ((0, 0), (0, 0), (0, side - own)), mode="edge")


def _rows(window: RawWindow, height: int) -> NDArray[np.int64]:
    """Return the byte at which each row of a window begins, the last one repeated."""
    rows = np.minimum(np.arange(height), window["height"] - 1)
    return np.asarray(window["offset"] + 3 * window["width"] * rows)
