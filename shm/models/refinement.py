"""The second stage of Deep Image Matting (Xu et al. 2017, arXiv 1703.03872, section 4.2)."""

import torch
from torch import Tensor, nn


class Refinement(nn.Module):
    """Four convolutions at the full size that sharpen an alpha.

    What they find is added to the alpha's logits. Their last layer starts at zero, so that
    untrained they change nothing.

    Parameters
    ----------
    channels : int
        Of each layer but the last.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Conv2d(channels, 1, 3, padding=1)
        self.layers = nn.Sequential(
            nn.Conv2d(4, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            last,
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor, logits: Tensor) -> Tensor:
        """Refine an alpha.

        Parameters
        ----------
        image : float (B, 3, H, W)
            ImageNet-normalised RGB.
        logits : float (B, 1, H, W)
            The raw alpha before its sigmoid.

        Returns
        -------
        float (B, 1, H, W)
            The refined alpha before its sigmoid.
        """
        change: Tensor = self.layers(torch.cat([image, torch.sigmoid(logits)], 1))
        return logits + change
