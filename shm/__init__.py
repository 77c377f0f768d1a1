"""Human matting: data preparation, training, prediction."""

from shm.pipeline.errors import ShmError

__version__ = "0.1.0"

__all__ = ["ShmError", "__version__"]
