"""What predicts: nets in PyTorch, or the same nets exported, behind one face."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from shm.inference import DTYPES, Precision, evaluating
from shm.models import MattingModel, SemanticHumanMatting
from shm.models.imagenet import normalise


class Output(NamedTuple):
    """What nets make of a batch: float32 on the processor, in [0, 1].

    ``alpha`` and ``raw_alpha`` (B, 1, H, W): the matte, and M-Net's answer before it is fused with
    the trimap; ``trimap`` (B, 3, H, W): probabilities, T-Net's or those that were given.
    """

    alpha: Tensor
    raw_alpha: Tensor
    trimap: Tensor


class Network(Protocol):
    """Photos in, mattes out."""

    @property
    def needs_trimap(self) -> bool:
        """Whether it can't see a photo without one."""
        ...

    @property
    def takes_trimap(self) -> bool:
        """Whether one may be given."""
        ...

    @property
    def trusts_trimap(self) -> bool:
        """Whether its matte keeps what a trimap is certain of: where all is, nothing is to do."""
        ...

    def predict(self, images: Tensor, trimaps: Tensor | None = None) -> Output:
        """Predict a batch.

        Parameters
        ----------
        images : float (B, 3, H, W)
            RGB in [0, 1]; H and W at least 32.
        trimaps : float (B, 3, H, W), optional
            Probabilities in the order of `TrimapClass`.
        """
        ...

    def predict_trimaps(self, images: Tensor) -> Tensor:
        """Predict trimap probabilities (B, 3, H, W) alone, with T-Net."""
        ...


class TorchNetwork:
    """Nets in PyTorch.

    Parameters
    ----------
    model : MattingModel
        On `device`.
    device : torch.device
    precision : str
        Of the convolutions; results are float32.
    """

    def __init__(
        self, model: MattingModel, device: torch.device, precision: Precision = "fp32"
    ) -> None:
        self.model, self.device = model, device
        self._dtype = DTYPES[precision]
        self.needs_trimap = model.needs_trimap
        tnet_alone = isinstance(model, SemanticHumanMatting) and model.mnet is None
        self.takes_trimap = not tnet_alone
        self.trusts_trimap = not (isinstance(model, SemanticHumanMatting) and not model.fusion)

    def predict(self, images: Tensor, trimaps: Tensor | None = None) -> Output:
        """Predict a batch; see `Network`."""
        given = None if trimaps is None else trimaps.to(self.device)
        with evaluating(self.model), self._autocast():
            found = self.model(self._normalised(images), given)
        return Output(
            *(each.float().cpu() for each in (found.alpha, found.raw_alpha, found.trimap))
        )

    def predict_trimaps(self, images: Tensor) -> Tensor:
        """Predict trimap probabilities with T-Net alone."""
        assert isinstance(self.model, SemanticHumanMatting)  # noqa: S101 - others need a trimap
        assert self.model.tnet is not None  # noqa: S101
        with evaluating(self.model), self._autocast():
            logits = self.model.tnet(self._normalised(images))
        trimaps: Tensor = logits.float().softmax(1).cpu()
        return trimaps

    def _autocast(self) -> torch.autocast:
        enabled = self._dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self._dtype, enabled=enabled)

    def _normalised(self, images: Tensor) -> Tensor:
        return normalise(images.to(self.device)).to(memory_format=torch.channels_last)
