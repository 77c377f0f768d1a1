"""What to do where memory is short: find out, and remember."""

import sys
from dataclasses import dataclass, field

import torch

from shm.pipeline.errors import ShmError
from shm.pipeline.values import Size


@dataclass
class Room:
    """How much memory there is, as far as it was found out: what did not fit is not tried again.

    Parameters
    ----------
    refused : list
        For each try that failed: whether it was of several photos, pixels at the size at which
        nets see them, pixels of one photo; see `fits`.
    tnet_side : int
        Longer side at which T-Net sees photos that are predicted in tiles.
    """

    refused: list[tuple[bool, int, int]] = field(default_factory=list)
    tnet_side: int = sys.maxsize

    def fits(self, count: int, seen: Size, photo: Size) -> bool:
        """Return whether so many photos, which nets see at a size, are worth a try.

        They are not where as many or fewer of them, as large for nets and as large in themselves,
        did not fit.
        """
        several, pixels, own = _measures(count, seen, photo)
        return not any(
            several == of_several and pixels >= least and own >= least_own
            for of_several, least, least_own in self.refused
        )

    def refuse(self, count: int, seen: Size, photo: Size) -> None:
        """Note that so many photos did not fit."""
        self.refused.append(_measures(count, seen, photo))


def _measures(count: int, seen: Size, photo: Size) -> tuple[bool, int, int]:
    return count > 1, count * seen[0] * seen[1], photo[0] * photo[1]


class TNetMemoryError(MemoryError):
    """T-Net does not fit in memory at the size at which it should see a photo."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory was short, in whichever words the device has for it."""
    if isinstance(error, ShmError):
        return False
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = (
        "out of memory",
        "can't allocate memory",
        "failed to allocate",
        "insufficient memory",
        "bad_alloc",
        "bad alloc",
    )
    # onnxruntime's and OpenCV's errors are of kinds of their own.
    return any(word in str(error).lower() for word in words)
