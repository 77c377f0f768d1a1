"""The nets of Semantic Human Matting (arXiv 1809.01354): T-Net, M-Net and both as one."""

from shm.models.build import MNETS, TNETS, build_mnet, build_tnet
from shm.models.errors import ModelError, WeightsError
from shm.models.semantic_human_matting import (
    Prediction,
    SemanticHumanMatting,
    alpha_from_trimap,
    fuse,
)
from shm.models.tnet import TNet
from shm.models.weights import WeightsReport

__all__ = [
    "MNETS",
    "TNETS",
    "ModelError",
    "Prediction",
    "SemanticHumanMatting",
    "TNet",
    "WeightsError",
    "WeightsReport",
    "alpha_from_trimap",
    "build_mnet",
    "build_tnet",
    "fuse",
]
