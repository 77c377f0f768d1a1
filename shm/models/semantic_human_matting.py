"""Both nets as one: T-Net, M-Net and their fusion (arXiv 1809.01354, section 3.3)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from shm.models.tnet import TNet
from shm.pipeline.values import TrimapClass


class Prediction(NamedTuple):
    """What the nets make of a batch.

    ``trimap_logits`` (B, 3, H, W) are T-Net's, None where the trimap was given; ``trimap`` are the
    probabilities (B, 3, H, W); ``raw_alpha`` is M-Net's and ``alpha`` the fused matte, (B, 1, H, W)
    in [0, 1].
    """

    trimap_logits: Tensor | None
    trimap: Tensor
    raw_alpha: Tensor
    alpha: Tensor


def fuse(trimap_probabilities: Tensor, raw_alpha: Tensor) -> Tensor:
    """Trust T-Net where it is certain, M-Net where it is not: alpha = F + U alpha_r.

    Equation 3 of arXiv 1809.01354, (1 - U) F / (F + B) + U alpha_r, where the probabilities of
    foreground, background and unknown add up to one.

    Parameters
    ----------
    trimap_probabilities : float (B, 3, H, W)
        In the order of `TrimapClass`.
    raw_alpha : float (B, 1, H, W)
        In [0, 1].

    Returns
    -------
    float (B, 1, H, W)
        In [0, 1].
    """
    unknown = trimap_probabilities[:, TrimapClass.UNKNOWN, None]
    foreground = trimap_probabilities[:, TrimapClass.FOREGROUND, None]
    return foreground + unknown * raw_alpha


def alpha_from_trimap(trimap_probabilities: Tensor) -> Tensor:
    """Return the matte of T-Net alone, F + U / 2: fused with an M-Net that knows nothing.

    Parameters
    ----------
    trimap_probabilities : float (B, 3, H, W)

    Returns
    -------
    float (B, 1, H, W)
        In [0, 1].
    """
    return fuse(trimap_probabilities, _undecided(trimap_probabilities))


def _undecided(trimap_probabilities: Tensor) -> Tensor:
    return torch.full_like(trimap_probabilities[:, :1], 0.5)


class SemanticHumanMatting(nn.Module):
    """Photo in, matte out.

    Parameters
    ----------
    tnet : TNet
        (B, 3, H, W) normalised RGB to logits (B, 3, H, W).
    mnet : Module, optional
        (B, 6, H, W) RGB and trimap probabilities to alpha (B, 1, H, W). Without it the matte is
        T-Net's own: see `alpha_from_trimap`.
    """

    def __init__(self, tnet: TNet, mnet: nn.Module | None = None) -> None:
        super().__init__()
        self.tnet = tnet
        self.mnet = mnet

    def forward(self, image: Tensor, trimap_probabilities: Tensor | None = None) -> Prediction:
        """Predict trimap and matte.

        Parameters
        ----------
        image : float (B, 3, H, W)
            ImageNet-normalised RGB; H and W at least 32.
        trimap_probabilities : float (B, 3, H, W), optional
            Takes T-Net's place, e.g. a trimap drawn by hand, one-hot.

        Returns
        -------
        Prediction

        Raises
        ------
        ModelError
            The shape is another, or too small.
        """
        logits = None
        if trimap_probabilities is None:
            logits = self.tnet(image)
            trimap_probabilities = logits.softmax(1)
        if self.mnet is None:
            raw_alpha = _undecided(trimap_probabilities)
        else:
            raw_alpha = self.mnet(torch.cat([image, trimap_probabilities], 1))
        return Prediction(
            trimap_logits=logits,
            trimap=trimap_probabilities,
            raw_alpha=raw_alpha,
            alpha=fuse(trimap_probabilities, raw_alpha),
        )
