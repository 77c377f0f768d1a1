"""Reading what belongs to one photo of a raw corpus."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shm.datasets.corpus import Pair
from shm.datasets.image import MAX_PIXELS, Annotation, ImageError, read_annotation, read_photo
from shm.pipeline.prepare import RawSample


def read_pair(root: Path, pair: Pair, *, max_pixels: int = MAX_PIXELS) -> RawSample:
    """Read a photo and its annotations as they stand in their files.

    Raises
    ------
    ImageError
        One of the files can't be read; the message names it and says why.
    """

    def annotation(name: str | None) -> Annotation | None:
        if name is None:
            return None
        with naming(name):
            return read_annotation(root / name, max_pixels=max_pixels)

    image = read_photo(root / pair.image, max_pixels=max_pixels)
    foreground = None
    if pair.foreground is not None:
        own = pair.foreground == pair.image
        with naming(pair.foreground):
            foreground = image if own else read_photo(root / pair.foreground, max_pixels=max_pixels)
        if foreground.shape != image.shape:
            raise ImageError(f"{pair.foreground}: not of the photo's size", root / pair.foreground)
    return RawSample(
        image=image,
        mask=annotation(pair.mask),
        alpha=annotation(pair.alpha),
        trimap=annotation(pair.trimap),
        foreground=foreground,
    )


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put the file's name before the reason why it can't be read."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{name}: {error}", error.path) from error
