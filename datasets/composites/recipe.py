"""How a composite is made: a row of numbers, from which it can be made again at any time."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.pipeline.composite import BackgroundCrop
from shm.pipeline.placement import KEEP, Placement

Row = NDArray[np.float32]
"""The numbers of a recipe, in the order of `COLUMNS`: whole ones stay exact up to 16 million."""

NOBODY = -1
"""In the place of a second person."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One composite: who, on what, where, and what was done to it.

    Attributes
    ----------
    foreground, second : int
        Slots of the person, and of the one behind, or `NOBODY`.
    number : int
        Which of its person's composites, from 0 on.
    background : int
        Slot of the background.
    match : float
        How far the foreground's colours were moved to the background's, 0..1.
    blur : float
        Sigma of the blur of the background, in pixels.
    noise : float
        Sigma of the noise, in levels.
    jpeg : int
        Quality of the JPEG that the image went through; 0 for none.
    """

    foreground: int
    number: int
    background: int
    crop: BackgroundCrop
    placement: Placement = KEEP
    second: int = NOBODY
    second_placement: Placement = KEEP
    match: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg: int = 0

    def row(self) -> Row:
        """Return the recipe as a row."""
        return np.array([float(value) for value in self.flat().values()], np.float32)

    def flat(self) -> dict[str, int | float | bool]:
        """Return every number by its name in `COLUMNS`."""
        crop = self.crop
        return {
            "foreground": self.foreground,
            "number": self.number,
            "background": self.background,
            "background_height": crop.scaled[0],
            "background_width": crop.scaled[1],
            "background_top": crop.top,
            "background_left": crop.left,
            "background_flip": crop.flip,
            **_flat_placement("", self.placement),
            "second": self.second,
            **_flat_placement("second_", self.second_placement),
            "match": self.match,
            "blur": self.blur,
            "noise": self.noise,
            "jpeg": self.jpeg,
        }

    @classmethod
    def of(cls, row: Row) -> "Recipe":
        """Return the recipe of a row."""
        value = dict(zip(COLUMNS, row.tolist(), strict=True))
        whole = {name: int(number) for name, number in value.items()}
        return cls(
            foreground=whole["foreground"],
            number=whole["number"],
            background=whole["background"],
            crop=BackgroundCrop(
                scaled=(whole["background_height"], whole["background_width"]),
                top=whole["background_top"],
                left=whole["background_left"],
                flip=bool(whole["background_flip"]),
            ),
            placement=_placement_of("", value),
            second=whole["second"],
            second_placement=_placement_of("second_", value),
            match=value["match"],
            blur=value["blur"],
            noise=value["noise"],
            jpeg=whole["jpeg"],
        )


def _flat_placement(prefix: str, placement: Placement) -> dict[str, int | float | bool]:
    return {f"{prefix}{each.name}": getattr(placement, each.name) for each in fields(placement)}


def _placement_of(prefix: str, value: dict[str, float]) -> Placement:
    named: dict[str, Any] = {
        each.name: each.type(value[f"{prefix}{each.name}"])  # type: ignore[operator]
        for each in fields(Placement)
    }
    return Placement(**named)


COLUMNS = tuple(
    Recipe(foreground=0, number=0, background=0, crop=BackgroundCrop(scaled=(1, 1))).flat()
)
"""Names of the numbers of a row."""
