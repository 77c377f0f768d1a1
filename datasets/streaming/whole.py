"""Whole samples, one at a time: what nets are validated and judged on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm.datasets.damage import DamageError
from shm.datasets.opening import Samples, open_sample

JUDGED = ("image", "alpha", "trimap")
"""The arrays that a matte is judged by."""


def evenly(slots: NDArray[np.integer], limit: int) -> NDArray[np.integer]:
    """Return at most `limit` of the slots, taken evenly from all."""
    if limit >= len(slots):
        return slots
    chosen: NDArray[np.integer] = slots[np.linspace(0, len(slots) - 1, limit).round().astype(int)]
    return chosen


def whole_samples(store: Samples, slots: NDArray[np.integer]) -> Iterator[dict[str, Any]]:
    """Yield what a matte is judged by, of some samples, whole and one at a time.

    uint8 tensors, in batches of one: ``image`` (1, 3, H, W); ``alpha``, ``trimap`` (1, 1, H, W);
    ``id`` and ``size``.
    """
    for slot in slots.tolist():
        sample = open_sample(store, slot)
        try:
            arrays = sample.read(JUDGED)
        except DamageError as error:
            raise DamageError(
                f"{sample.id}, which nets are judged by and is never skipped, can't be read: "
                f"{error}"
            ) from error
        yield {
            "id": [sample.id],
            "size": [sample.size],
            **{name: _to_tensor(array)[None] for name, array in arrays.items()},
        }


def _to_tensor(array: NDArray[np.uint8]) -> Tensor:
    """Return (C, H, W) of an (H, W) or (H, W, C) array."""
    planes = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return torch.from_numpy(np.ascontiguousarray(planes))
