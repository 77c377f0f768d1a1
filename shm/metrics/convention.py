"""How papers normalise the same four errors: whoever compares numbers must know which one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PUBLISHED = ("sad", "mse", "grad", "conn")
"""The errors that both papers report; `score` gives them."""

SUMS = frozenset({"sad", "grad", "conn"})
"""Those that `score` sums up and divides by 1000; the others are means already."""


@dataclass(frozen=True, kw_only=True)
class Convention:
    """Where errors count, and what they are divided by.

    Parameters
    ----------
    region : str
        ``"unknown"``, the true trimap's, or ``"whole"``.
    per_pixel : bool
        Whether sums are divided by the number of the region's pixels; otherwise by 1000. MSE is a
        mean in both.
    meaning : str
        The same in words, for tables.
    """

    region: Literal["whole", "unknown"]
    per_pixel: bool
    meaning: str

    def of(self, figures: Mapping[str, Mapping[str, float]], pixels: int) -> dict[str, float]:
        """Return the published figures of one image.

        Parameters
        ----------
        figures : dict
            What `score` gave with `ALL_METRICS`: by region, then by metric.
        pixels : int
            How many pixels the region has.

        Returns
        -------
        dict
            Of each of `PUBLISHED`; NaN where the region has no pixel.
        """
        scale = 1000 / pixels if self.per_pixel and pixels else 1.0
        found = figures[self.region]
        return {name: found[name] * (scale if name in SUMS else 1) for name in PUBLISHED}


CONVENTIONS = {
    "dim": Convention(
        region="unknown",
        per_pixel=False,
        meaning="unknown region; SAD, Grad and Conn ÷ 1000, MSE a mean",
    ),
    "shm": Convention(
        region="whole",
        per_pixel=True,
        meaning="whole image; SAD, Grad and Conn ÷ number of pixels, MSE a mean",
    ),
}
"""By paper: Deep Image Matting (arXiv 1703.03872, section 5.1) and Semantic Human Matting (arXiv
1809.01354, section 5.1). Both take the mean over images. What SHM's calls SAD is `mad`."""
