"""What every T-Net is: a photo in, three trimap logits a pixel out."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from shm.models.padding import pad_to_multiple


class TNet(nn.Module, ABC):
    """A net that predicts trimaps; its coarse logits are enlarged to the photo's size."""

    stride: ClassVar[int]
    """Sides are padded to multiples of it."""

    encoder: nn.Module
    """The part that may start from pretrained weights."""

    def forward(self, image: Tensor) -> Tensor:
        """Predict the trimap.

        Parameters
        ----------
        image : float (B, 3, H, W)
            ImageNet-normalised RGB; H and W at least 32.

        Returns
        -------
        float (B, 3, H, W)
            Logits in the order of `TrimapClass`: background, unknown, foreground.

        Raises
        ------
        ModelError
            The shape is another, or too small.
        """
        coarse, _ = self.coarse_logits(self._padded(image), auxiliary=False)
        return _enlarged(coarse, image, self.stride)

    def forward_with_auxiliary(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """Predict the trimap, and once more from the auxiliary head, for its loss in training.

        Parameters
        ----------
        image : float (B, 3, H, W)

        Returns
        -------
        logits : float (B, 3, H, W)
        auxiliary : float (B, 3, H, W)
            None where the net has no auxiliary head.
        """
        coarse, auxiliary = self.coarse_logits(self._padded(image), auxiliary=True)
        logits = _enlarged(coarse, image, self.stride)
        return logits, None if auxiliary is None else _enlarged(auxiliary, image, self.stride)

    @abstractmethod
    def coarse_logits(self, image: Tensor, *, auxiliary: bool) -> tuple[Tensor, Tensor | None]:
        """Return logits of any lower resolution for an image whose sides are multiples.

        The second are the auxiliary head's, where it is asked for and there is one.
        """

    def _padded(self, image: Tensor) -> Tensor:
        return pad_to_multiple(image, self.stride, channels=3)


def _enlarged(coarse: Tensor, image: Tensor, stride: int) -> Tensor:
    height, width = image.shape[-2:]
    padded = (height + -height % stride, width + -width % stride)
    logits = F.interpolate(coarse, padded, mode="bilinear", align_corners=False)
    return logits[..., :height, :width]
