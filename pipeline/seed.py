"""Random numbers that depend on (seed, stage, id) alone, never on workers or their order."""

import hashlib

import numpy as np


def digest(*parts: object) -> bytes:
    """Return 32 bytes that depend on the parts and on their order."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def generator(*parts: object) -> np.random.Generator:
    """Return the generator of these parts, e.g. ``generator(seed, "composite", sample_id)``."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest(*parts)[:16], "little")))
