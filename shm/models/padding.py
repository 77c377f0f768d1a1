"""Making sizes fit: nets halve their input a few times, and photos have any size."""

import torch
from torch import Tensor
from torch.nn import functional as F

from shm.models.errors import ModelError

LEAST_SIDE = 32
"""Shorter side in pixels below which the deepest layers have nothing left to see."""


def pad_to_multiple(image: Tensor, multiple: int, *, channels: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples.

    Cut the result back with ``[..., :height, :width]``.

    Parameters
    ----------
    image : float (B, channels, H, W)
    multiple : int
        In pixels.
    channels : int
        What the net reads.

    Returns
    -------
    float (B, channels, H', W')
        H' and W' are the next multiples of H and W.

    Raises
    ------
    ModelError
        The shape is another, or a side is shorter than 32 pixels.
    """
    shape = tuple(image.shape)
    if image.ndim != 4 or shape[1] != channels:
        raise ModelError(f"this net reads (B, {channels}, H, W), it was given {shape}")
    height, width = shape[2:]
    if min(height, width) < LEAST_SIDE:
        raise ModelError(
            f"an image of {height} x {width} pixels is too small for the nets: "
            f"pad it to {LEAST_SIDE} pixels a side"
        )
    more = (0, -width % multiple, 0, -height % multiple)
    # What is exported pads by nothing where nothing is to pad: a branch would be kept for ever.
    pads = torch.compiler.is_exporting() or any(more)
    return F.pad(image, more, mode="replicate") if pads else image
