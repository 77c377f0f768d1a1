"""What every M-Net is: a photo with trimap probabilities in, one alpha a pixel out."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from shm.models.padding import pad_to_multiple
from shm.pipeline.values import TrimapClass

INPUT_CHANNELS = 3 + len(TrimapClass)
"""What every M-Net reads: normalised RGB, then T-Net's three probabilities."""


class MNet(nn.Module, ABC):
    """A net that decides what a trimap leaves open."""

    stride: int
    """Sides are padded to multiples of it."""

    def forward(self, image_and_trimap: Tensor) -> Tensor:
        """Predict the alpha of what the trimap leaves open.

        Parameters
        ----------
        image_and_trimap : float (B, 6, H, W)
            ImageNet-normalised RGB, then the probabilities of background, unknown and foreground;
            H and W at least 32.

        Returns
        -------
        float (B, 1, H, W)
            In [0, 1].

        Raises
        ------
        ModelError
            The shape is another, or too small.
        """
        height, width = image_and_trimap.shape[-2:]
        padded = pad_to_multiple(image_and_trimap, self.stride, channels=INPUT_CHANNELS)
        return torch.sigmoid(self.logits(padded).float())[..., :height, :width]

    @abstractmethod
    def logits(self, image_and_trimap: Tensor) -> Tensor:
        """Return alpha before its sigmoid, (B, 1, H, W), of an input whose sides are multiples."""
