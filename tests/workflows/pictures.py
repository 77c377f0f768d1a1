"""Pictures out of pages."""

import io
from base64 import b64decode

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def decoded(url: str) -> NDArray[np.uint8]:
    """Return the pixels of a ``data:`` URL, uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(b64decode(url.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB"))
