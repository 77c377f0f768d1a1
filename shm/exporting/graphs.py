"""What is exported of a model: photo in, matte out, with nothing left to do around it."""

import torch
from torch import Tensor, nn

from shm.models import MattingModel, SemanticHumanMatting
from shm.models.imagenet import normalise
from shm.prediction.onnx import PHOTO, PHOTO_AND_TRIMAP

INPUTS = ("image", "trimap")
OUTPUTS = ("alpha", "raw_alpha", "trimap_probabilities")


class Graph(nn.Module):
    """A model with the normalisation of its input.

    Parameters
    ----------
    model : MattingModel
        In evaluation.
    given : bool
        Whether the trimap is an input; otherwise T-Net predicts it.
    """

    def __init__(self, model: MattingModel, *, given: bool) -> None:
        super().__init__()
        self.model = model
        self.given = given

    def forward(self, image: Tensor, trimap: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Predict a batch.

        Parameters
        ----------
        image : float32 (B, 3, H, W)
            RGB in [0, 1]; H and W at least 32.
        trimap : float32 (B, 3, H, W)
            Probabilities of background, unknown and foreground; only where it is `given`.

        Returns
        -------
        alpha, raw_alpha : float32 (B, 1, H, W)
            In [0, 1].
        trimap_probabilities : float32 (B, 3, H, W)
        """
        found = self.model(normalise(image), trimap if self.given else None)
        return found.alpha, found.raw_alpha, found.trimap


def graphs_of(model: MattingModel) -> dict[str, Graph]:
    """Return a model's graphs by name: from the photo alone, and with a trimap beside it.

    A T-Net alone has the first only, an M-Net alone and Deep Image Matting the second.
    """
    model.eval()
    found = {}
    if not model.needs_trimap:
        found[PHOTO] = Graph(model, given=False)
    if not (isinstance(model, SemanticHumanMatting) and model.mnet is None):
        found[PHOTO_AND_TRIMAP] = Graph(_without_tnet(model), given=True)
    return {name: graph.eval() for name, graph in found.items()}


def _without_tnet(model: MattingModel) -> MattingModel:
    """Leave out the net that a given trimap takes the place of: its weights would go along."""
    if isinstance(model, SemanticHumanMatting) and model.tnet is not None:
        return SemanticHumanMatting(None, model.mnet, fusion=model.fusion)
    return model


def example(
    given: bool, size: tuple[int, int], batch: int = 2, seed: int = 0
) -> tuple[Tensor, ...]:
    """Return inputs of a graph, drawn at random."""
    random = torch.Generator().manual_seed(seed)
    image = torch.rand(batch, 3, *size, generator=random)
    if not given:
        return (image,)
    logits = 4 * torch.randn(batch, 3, *size, generator=random)
    return image, logits.softmax(1)
