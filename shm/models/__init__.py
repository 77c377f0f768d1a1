"""The nets of Semantic Human Matting (arXiv 1809.01354) and Deep Image Matting (1703.03872)."""

from shm.models.build import DIMS, MNETS, TNETS, build_model, load_encoders, parameters
from shm.models.config import ModelConfig
from shm.models.dim import DeepImageMatting
from shm.models.errors import ModelError, WeightsError
from shm.models.mnet import MNet
from shm.models.prediction import MattingModel, Prediction, alpha_from_trimap, fuse
from shm.models.semantic_human_matting import SemanticHumanMatting
from shm.models.tnet import TNet
from shm.models.weights_report import WeightsReport

__all__ = [
    "DIMS",
    "MNETS",
    "TNETS",
    "DeepImageMatting",
    "MNet",
    "MattingModel",
    "ModelConfig",
    "ModelError",
    "Prediction",
    "SemanticHumanMatting",
    "TNet",
    "WeightsError",
    "WeightsReport",
    "alpha_from_trimap",
    "build_model",
    "fuse",
    "load_encoders",
    "parameters",
]
