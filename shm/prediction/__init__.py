"""A photo of any size in, its matte out, on whatever machine."""

from shm.prediction.memory import Room, is_out_of_memory
from shm.prediction.network import Network, Output, TorchNetwork
from shm.prediction.photo import (
    Mode,
    OutOfMemoryError,
    PhotoConfig,
    PhotoError,
    predict_photos,
)
from shm.prediction.tiles import TilesConfig, TilesError, predict_in_tiles
from shm.prediction.whole import Matting

__all__ = [
    "Matting",
    "Mode",
    "Network",
    "OutOfMemoryError",
    "Output",
    "PhotoConfig",
    "PhotoError",
    "Room",
    "TilesConfig",
    "TilesError",
    "TorchNetwork",
    "is_out_of_memory",
    "predict_in_tiles",
    "predict_photos",
]
