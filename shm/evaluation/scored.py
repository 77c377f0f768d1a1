"""The errors of one image."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm.metrics import ALL_METRICS, score
from shm.metrics.convention import CONVENTIONS, PUBLISHED
from shm.pipeline.values import BACKGROUND, UNKNOWN, Trimap

AnyAlpha: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""An alpha of 8 or 16 bits, (H, W)."""

Region: TypeAlias = Literal["whole", "unknown"]

REGIONS: tuple[Region, ...] = ("whole", "unknown")
METRICS = tuple(ALL_METRICS)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One image's errors.

    Parameters
    ----------
    id : str
    group : str
        Who is on it: images of one group are no independent evidence.
    pixels : dict
        How many each region has.
    figures : dict
        By region, then by metric, as `shm.metrics.score` gives them. The unknown region's are NaN
        where no trimap says what it is.
    """

    id: str
    group: str
    pixels: dict[str, int]
    figures: dict[str, dict[str, float]]

    def published(self, convention: str) -> dict[str, float]:
        """Return the figures that a paper would print; see `shm.metrics.convention`."""
        rule = CONVENTIONS[convention]
        return rule.of(self.figures, self.pixels[rule.region])

    def flat(self) -> dict[str, str | int | float]:
        """Return everything as one row: ``whole_sad``, ``unknown_sad``, ``dim_sad`` and so on."""
        row: dict[str, str | int | float] = {"id": self.id, "group": self.group}
        row |= {f"{region}_pixels": self.pixels[region] for region in REGIONS}
        for region in REGIONS:
            row |= {f"{region}_{metric}": self.figures[region][metric] for metric in METRICS}
        for name in CONVENTIONS:
            found = self.published(name)
            row |= {f"{name}_{metric}": found[metric] for metric in PUBLISHED}
        return row


def score_sample(
    name: str,
    alpha: AnyAlpha,
    true_alpha: AnyAlpha,
    trimap: Trimap | None,
    *,
    group: str | None = None,
) -> Scored:
    """Score an alpha of 8 or 16 bits against the true one.

    Parameters
    ----------
    name : str
        The image's id.
    alpha, true_alpha : uint8 or uint16 arrays, (H, W)
    trimap : uint8 array, (H, W), or None
        The true one; without it the unknown region has no figures.
    group : str, optional
        The id, if it isn't given.

    Raises
    ------
    shm.metrics.MetricError
        The sizes differ.
    """
    # Nothing is unknown where nobody says so: an empty region's figures are NaN.
    known = np.full(true_alpha.shape, BACKGROUND, np.uint8) if trimap is None else trimap
    figures = score(opacity(alpha), opacity(true_alpha), known, metrics=ALL_METRICS)
    return Scored(
        id=name,
        group=name if group is None else group,
        pixels={"whole": true_alpha.size, "unknown": int(np.count_nonzero(known == UNKNOWN))},
        figures=figures,
    )


def opacity(alpha: AnyAlpha) -> NDArray[np.float64]:
    """Return an alpha of 8 or 16 bits as floats in [0, 1]."""
    return alpha / np.float64(np.iinfo(alpha.dtype).max)
