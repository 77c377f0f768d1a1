"""Sizes of pictures, (height, width) in pixels."""

from shm.pipeline.values import Size


def size_within(size: Size, longest: int) -> Size:
    """Return `size` scaled down, in its own aspect, so that no side exceeds `longest` pixels."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
