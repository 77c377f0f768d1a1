"""Sizes of pictures, (height, width) in pixels."""

from typing import Any

from numpy.typing import NDArray

from shm.pipeline.errors import ShmError
from shm.pipeline.values import Size


class SizeError(ShmError, ValueError):
    """Pictures that belong together differ in size, or have none."""


def size_within(size: Size, longest: int) -> Size:
    """Return `size` scaled down, in its own aspect, so that no side exceeds `longest` pixels."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def require_same_size(**pictures: NDArray[Any] | None) -> None:
    """Raise `SizeError` where pictures, by name, differ in (height, width) or have no pixel."""
    shapes = {name: each.shape for name, each in pictures.items() if each is not None}
    if len({shape[:2] for shape in shapes.values()}) > 1 or 0 in sum(shapes.values(), ()):
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise SizeError(f"{told}: give pictures of one size, with a pixel at least")
