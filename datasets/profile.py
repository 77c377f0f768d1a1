"""The colour profile of a photo, for what is made of it."""

from pathlib import Path

from shm.datasets.decoder import opened

_RGB = b"RGB "


def rgb_profile(path: Path, *, max_pixels: int, content: bytes | None = None) -> bytes | None:
    """Return a photo's ICC profile, where it is one of red, green and blue.

    `read_photo` keeps the numbers of RGB photos as they are: with their profile they look as
    before. Of a CMYK photo it makes other numbers, which its profile says nothing about.

    Returns
    -------
    bytes, or None where there is none

    Raises
    ------
    ImageError
        As `shm.datasets.image.image_size`.
    """
    with opened(path, max_pixels, content) as image:
        profile = image.info.get("icc_profile")
        if image.mode not in ("RGB", "RGBA", "P") or not isinstance(profile, bytes):
            return None
        return profile if profile[16:20] == _RGB else None
