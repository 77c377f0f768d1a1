"""Which losses training minimises, and with which weights."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from shm.pipeline.errors import ShmError
from shm.pipeline.nearest import nearest
from shm.pipeline.values import TrimapClass

Distance = Literal["l1", "charbonnier"]
Region = Literal["whole", "unknown"]
Composition = Literal["true", "observed"]
TrimapLoss = Literal["cross-entropy", "dice"]

EPSILONS = (1e-12, 1.0)
"""Below, epsilon's square comes near the end of float32, where the root at 0 has no slope."""


class LossError(ShmError, ValueError):
    """A setting of the losses can't be, or what a loss compares is missing or doesn't fit."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Losses and their weights; the defaults are those of arXiv 1809.01354, section 3.4.

    Parameters
    ----------
    distance : {"l1", "charbonnier"}
        Of alphas and of composites: |d|, or sqrt(d² + epsilon²) (arXiv 1703.03872, equation 1).
    epsilon : float
        Of the Charbonnier distance, 1e-12 to 1.
    region : {"whole", "unknown"}
        Of which pixels the losses of alpha are means: all of an image, or those that its trimap
        leaves unknown (arXiv 1703.03872, section 4.1).
    composition : {"true", "observed"}
        Compare composites of the true foreground and background, or, where a store has no true
        colours, the observed image under both alphas.
    gamma : float in [0, 1]
        Of the alpha loss; the composition loss has the rest.
    trimap : {"cross-entropy", "dice"}
        What T-Net minimises.
    class_weights : tuple of 3 floats, optional
        Of background, unknown and foreground in the cross-entropy, above 0; empty: all equal.
    trimap_weight : float
        The paper's lambda: T-Net's loss in the end-to-end phase.
    auxiliary_weight : float
        PSPNet's auxiliary head in T-Net's phase (arXiv 1612.01105, section 3.3).
    laplacian_weight, gradient_weight : float
        Of `laplacian_loss` and `gradient_loss`, which come on top of alpha and composition.

    Raises
    ------
    LossError
        A value is unknown or out of bounds.
    """

    distance: Distance = "l1"
    epsilon: float = 1e-6
    region: Region = "whole"
    composition: Composition = "true"
    gamma: float = 0.5
    trimap: TrimapLoss = "cross-entropy"
    class_weights: tuple[float, ...] = ()
    trimap_weight: float = 0.01
    auxiliary_weight: float = 0.4
    laplacian_weight: float = 0.0
    gradient_weight: float = 0.0

    def __post_init__(self) -> None:
        _one_of(Distance, "distance", self.distance)
        _one_of(Region, "region", self.region)
        _one_of(Composition, "composition", self.composition)
        _one_of(TrimapLoss, "trimap", self.trimap)
        if not EPSILONS[0] <= self.epsilon <= EPSILONS[1]:
            raise LossError(
                f"epsilon is {self.epsilon}: give a number from {EPSILONS[0]:g} to {EPSILONS[1]:g}"
            )
        if not 0 <= self.gamma <= 1:
            raise LossError(f"gamma is {self.gamma}: give a number from 0 to 1")
        for name in ("trimap", "auxiliary", "laplacian", "gradient"):
            value = getattr(self, f"{name}_weight")
            if not 0 <= value < math.inf:
                raise LossError(f"{name}_weight is {value}: give a number of at least 0")
        self._check_class_weights()

    def _check_class_weights(self) -> None:
        weights = self.class_weights
        if not weights:
            return
        if len(weights) != len(TrimapClass) or not all(0 < each < math.inf for each in weights):
            raise LossError(
                f"class_weights is {list(weights)}: give three numbers above 0, of background, "
                "unknown and foreground, or none"
            )
        if self.trimap != "cross-entropy":
            raise LossError(
                f"class_weights is {list(weights)}, which the {self.trimap} loss does not read: "
                'leave them out, or set trimap = "cross-entropy"'
            )


def _one_of(choices: object, name: str, value: str) -> None:
    known = get_args(choices)
    if value not in known:
        raise LossError(f"{name} is {value!r}: {nearest(str(value), known)}")


DEFAULTS = LossConfig()
