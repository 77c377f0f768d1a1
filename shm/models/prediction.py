"""What every matting model gives, and how a trimap and a raw alpha become one matte."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from shm.models.errors import ModelError
from shm.pipeline.values import TrimapClass


class Prediction(NamedTuple):
    """What a model makes of a batch.

    ``trimap_logits`` (B, 3, H, W) are T-Net's, None where the trimap was given; ``trimap`` are the
    probabilities (B, 3, H, W); ``raw_alpha`` is what M-Net, or Deep Image Matting before it is
    refined, finds everywhere, and ``alpha`` the matte, (B, 1, H, W) in [0, 1].
    """

    trimap_logits: Tensor | None
    trimap: Tensor
    raw_alpha: Tensor
    alpha: Tensor


class MattingModel(nn.Module, ABC):
    """Photo in, matte out; some need a trimap beside the photo."""

    needs_trimap: bool
    """Whether it can't see a photo without a trimap."""

    @abstractmethod
    def forward(self, image: Tensor, trimap_probabilities: Tensor | None = None) -> Prediction:
        """Predict trimap and matte.

        Parameters
        ----------
        image : float (B, 3, H, W)
            ImageNet-normalised RGB; H and W at least 32.
        trimap_probabilities : float (B, 3, H, W), optional
            In the order of `TrimapClass`, e.g. a trimap drawn by hand, one-hot. Must be given where
            the model needs it; takes T-Net's place where there is one.

        Returns
        -------
        Prediction

        Raises
        ------
        ModelError
            A shape is another or too small, or the trimap that the model needs is missing.
        """


def given_trimap(image: Tensor, trimap_probabilities: Tensor | None) -> Tensor:
    """Return the trimap that belongs to a batch of photos.

    Parameters
    ----------
    image : float (B, C, H, W)
    trimap_probabilities : float (B, 3, H, W), optional

    Returns
    -------
    float (B, 3, H, W)
        `trimap_probabilities`.

    Raises
    ------
    ModelError
        There is none, or it is of another shape.
    """
    if trimap_probabilities is None:
        raise ModelError(
            "this model can't see a photo without a trimap: give one, or take a model with a T-Net"
        )
    needed = (*image.shape[:1], len(TrimapClass), *image.shape[2:])
    if trimap_probabilities.shape != needed:
        raise ModelError(
            f"the trimap's probabilities are {tuple(trimap_probabilities.shape)} where the image "
            f"needs {needed}: give background, unknown and foreground at the image's own size"
        )
    return trimap_probabilities


def fuse(trimap_probabilities: Tensor, raw_alpha: Tensor) -> Tensor:
    """Trust the trimap where it is certain, the net where it is not: alpha = F + U alpha_r.

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


def undecided(trimap_probabilities: Tensor) -> Tensor:
    """Return the raw alpha (B, 1, H, W) of a net that knows nothing: a half everywhere."""
    return torch.full_like(trimap_probabilities[:, :1], 0.5)


def alpha_from_trimap(trimap_probabilities: Tensor) -> Tensor:
    """Return a trimap as one channel, F + U / 2: 0 background, 0.5 unknown, 1 foreground.

    That is the matte of T-Net alone, fused with an M-Net that knows nothing, and what Deep Image
    Matting reads beside the photo.

    Parameters
    ----------
    trimap_probabilities : float (B, 3, H, W)
        In the order of `TrimapClass`.

    Returns
    -------
    float (B, 1, H, W)
        In [0, 1].
    """
    return fuse(trimap_probabilities, undecided(trimap_probabilities))
