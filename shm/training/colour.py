"""Colours on the device: jittered, brought to [0, 1], and as encoders expect them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from shm.training import transfer

Transform = Sequence[float]
"""Rows of a 3 × 4 affine map of RGB in [0, 1], 12 floats: see `shm.pipeline.jitter`."""

_SAME = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def jittered(pictures: Sequence[Tensor], transforms: Sequence[Transform | None]) -> list[Tensor]:
    """Send colours through each sample's own map, the same one for all pictures of the sample.

    Because the map is affine and the shares of a mixture add up to 1, an image that was
    αF + (1 − α)B still is, before colours beyond [0, 1] are cut off. It applies under alpha 0,
    too: there F has no say in the image, and in what the composition loss reads, F − B, the
    map's offset cancels whatever stands there.

    Parameters
    ----------
    pictures : float32 (B, 3, H, W) each
        RGB in [0, 1].
    transforms : one for each sample, or None

    Returns
    -------
    list of float32 (B, 3, H, W)
        In [0, 1].
    """
    if all(each is None for each in transforms):
        return list(pictures)
    maps = torch.tensor([_SAME if each is None else tuple(each) for each in transforms])
    maps = transfer.to(maps.float().view(-1, 3, 4), pictures[0].device)
    linear, offset = maps[:, :, :3], maps[:, :, 3:]
    return [
        torch.baddbmm(offset, linear, each.flatten(2)).clamp_(0, 1).view(each.shape)
        for each in pictures
    ]
