"""Moving tensors to the device that trains."""

import torch
from torch import Tensor


def to(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; memory that it lay in may be filled again at once, or pinned.

    CUDA alone waits by itself until what is not pinned was copied.
    """
    return tensor.to(device, non_blocking=device.type == "cuda")
