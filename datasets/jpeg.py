"""JPEG in memory."""

import io

import numpy as np
from PIL import Image

from shm.pipeline.values import RgbImage


def encode_jpeg(image: RgbImage, quality: int) -> bytes:
    """Return an image as a JPEG of a quality of 1..100, its colours at half the resolution."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def through_jpeg(image: RgbImage, quality: int) -> RgbImage:
    """Return an image as it is after it was saved as JPEG: with its blocks and ringing."""
    with Image.open(io.BytesIO(encode_jpeg(image, quality)), formats=["JPEG"]) as decoded:
        return np.array(decoded)
