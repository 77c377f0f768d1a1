"""Both nets as one: T-Net, M-Net and their fusion (arXiv 1809.01354, section 3.3)."""

import torch
from torch import Tensor

from shm.models.errors import ModelError
from shm.models.mnet import MNet
from shm.models.prediction import MattingModel, Prediction, fuse, given_trimap, undecided
from shm.models.tnet import TNet


class SemanticHumanMatting(MattingModel):
    """Photo in, matte out.

    Parameters
    ----------
    tnet : TNet or None
        (B, 3, H, W) normalised RGB to logits (B, 3, H, W). Without it a trimap must be given.
    mnet : MNet, optional
        (B, 6, H, W) RGB and trimap probabilities to alpha (B, 1, H, W). Without it the matte is
        T-Net's own: see `alpha_from_trimap`.
    fusion : bool
        Whether M-Net counts only where the trimap leaves it open; False is the ablation of
        arXiv 1809.01354, table 5: the matte is M-Net's alpha everywhere.

    Raises
    ------
    ModelError
        There is neither a T-Net nor an M-Net.
    """

    def __init__(self, tnet: TNet | None, mnet: MNet | None = None, *, fusion: bool = True) -> None:
        super().__init__()
        if tnet is None and mnet is None:
            raise ModelError("there is neither a T-Net nor an M-Net: give one of them, or both")
        self.tnet = tnet
        self.mnet = mnet
        self.fusion = fusion
        self.needs_trimap = tnet is None

    def forward(self, image: Tensor, trimap_probabilities: Tensor | None = None) -> Prediction:
        """Predict trimap and matte; see `MattingModel`."""
        logits = None
        if trimap_probabilities is None and self.tnet is not None:
            logits = self.tnet(image)
            trimap_probabilities = logits.softmax(1)
        trimap = given_trimap(image, trimap_probabilities)
        if self.mnet is None:
            raw_alpha = undecided(trimap)
        else:
            raw_alpha = self.mnet(torch.cat([image, trimap], 1))
        unfused = self.mnet is not None and not self.fusion
        return Prediction(
            trimap_logits=logits,
            trimap=trimap,
            raw_alpha=raw_alpha,
            alpha=raw_alpha if unfused else fuse(trimap, raw_alpha),
        )
