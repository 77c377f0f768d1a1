"""What training minimises: of a batch, the mean over its images of a loss of each image.

So the losses of micro-batches, and of several processes, average to the loss of the whole batch.
"""

from shm.losses.alpha import alpha_loss
from shm.losses.composition import composition_loss, observed_composition_loss
from shm.losses.config import LossConfig, LossError
from shm.losses.gradient import gradient_loss
from shm.losses.prediction import Truth, alpha_only, prediction_loss
from shm.losses.pyramid import laplacian_loss
from shm.losses.trimap import trimap_loss

__all__ = [
    "LossConfig",
    "LossError",
    "Truth",
    "alpha_loss",
    "alpha_only",
    "composition_loss",
    "gradient_loss",
    "laplacian_loss",
    "observed_composition_loss",
    "prediction_loss",
    "trimap_loss",
]
