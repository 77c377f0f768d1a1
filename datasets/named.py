"""Pictures that belong together by their names: alphas, trimaps and photos in folders."""

from pathlib import Path

import numpy as np

from shm.datasets.image import (
    MAX_PIXELS,
    Annotation,
    ImageError,
    has_alpha,
    read_annotation,
    read_cutout,
)
from shm.datasets.layouts.roles import Key, role_of
from shm.datasets.raw import naming
from shm.datasets.tree import list_tree
from shm.pipeline.annotation import AnnotationError, fit_annotation, trimap_from_annotation
from shm.pipeline.errors import ShmError
from shm.pipeline.values import Size, Trimap


class NamedError(ShmError, ValueError):
    """A folder of pictures is missing or empty, or two have one name."""


def read_prediction(path: Path, max_pixels: int = MAX_PIXELS) -> Annotation:
    """Read a predicted alpha as it stands there: uint8 or uint16 (H, W), of a cut-out its alpha.

    Raises
    ------
    ImageError
        The file can't be read; the message names it.
    """
    with naming(str(path)):
        if has_alpha(path, max_pixels=max_pixels):
            return read_cutout(path, max_pixels=max_pixels)[1]
        return read_annotation(path, max_pixels=max_pixels)


def read_alpha(path: Path, max_pixels: int = MAX_PIXELS) -> Annotation:
    """Read a true alpha at its own depth: uint8 or uint16 (H, W); of {0, 1} full scale is made.

    Raises
    ------
    ImageError
        The file can't be read; the message names it.
    """
    with naming(str(path)):
        values = read_annotation(path, max_pixels=max_pixels)
    return values * np.iinfo(values.dtype).max if values.max() <= 1 else values


def pictures_by_name(folder: Path) -> dict[Key, Path]:
    """Find a folder's pictures, at any depth, by what `role_of` leaves of their names.

    Raises
    ------
    NamedError
        The folder is missing, has no pictures, or has two of one name.
    """
    if not folder.is_dir():
        raise NamedError(f"{folder}: no such folder")
    tree = list_tree(folder)
    if tree.rejects:
        raise NamedError(f"{folder / tree.rejects[0].source}: {tree.rejects[0].reason}")
    found: dict[Key, Path] = {}
    for image in tree.images:
        key = role_of(image).keys[-1]
        if key in found:
            raise NamedError(f"{folder / image} and {found[key]} have the same name: keep one")
        found[key] = folder / image
    if not found:
        raise NamedError(f"{folder}: no picture in it")
    return found


def name_of(key: Key) -> str:
    """Return a picture's name: its folders and stem."""
    folders, stem = key
    return "/".join((*folders, stem))


def read_trimap(path: Path, size: Size | None = None, max_pixels: int = MAX_PIXELS) -> Trimap:
    """Read a trimap: uint8 (H, W), 0, 128, 255; with `size`, scaled to a photo of that size.

    Raises
    ------
    ImageError
        The file can't be read, is no trimap, or of another shape; the message names it.
    """
    with naming(str(path)):
        values = read_annotation(path, max_pixels=max_pixels)
        try:
            return trimap_from_annotation(values if size is None else fit_annotation(values, size))
        except AnnotationError as error:
            raise ImageError(str(error), path) from error
