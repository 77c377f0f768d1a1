"""Who stands before the camera: a description drawn at random, which the renderer follows."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from shm.datasets.sample.texture import PATTERNS
from shm.pipeline.seed import generator
from shm.pipeline.values import Size

Colour = tuple[float, float, float]
"""Red, green, blue, 0..1."""

_Choice = TypeVar("_Choice")

HAIR_STYLES = (
    "long straight", "short", "afro", "bun", "long wavy", "bald", "curls", "spiky",
    "ponytail", "bob", "frizzy", "buzz",
)  # fmt: skip

SKIN_TONES: tuple[Colour, ...] = (
    (0.96, 0.82, 0.73), (0.90, 0.72, 0.59), (0.82, 0.62, 0.46), (0.70, 0.49, 0.34),
    (0.55, 0.36, 0.25), (0.40, 0.26, 0.19),
)  # fmt: skip

HAIR_COLOURS: tuple[Colour, ...] = (
    (0.10, 0.085, 0.08), (0.24, 0.15, 0.10), (0.42, 0.27, 0.16), (0.55, 0.25, 0.13),
    (0.83, 0.67, 0.42), (0.62, 0.61, 0.60), (0.90, 0.88, 0.84), (0.20, 0.52, 0.55),
    (0.16, 0.12, 0.10), (0.34, 0.21, 0.12), (0.68, 0.50, 0.28),
)  # fmt: skip

EYE_COLOURS: tuple[Colour, ...] = (
    (0.30, 0.18, 0.09), (0.20, 0.12, 0.08), (0.30, 0.45, 0.60), (0.35, 0.45, 0.28),
)  # fmt: skip

CLOTH_COLOURS: tuple[Colour, ...] = (
    (0.13, 0.17, 0.32), (0.70, 0.15, 0.16), (0.92, 0.91, 0.88), (0.16, 0.16, 0.17),
    (0.22, 0.42, 0.30), (0.85, 0.62, 0.20), (0.45, 0.60, 0.78), (0.55, 0.33, 0.50),
    (0.50, 0.42, 0.33), (0.88, 0.55, 0.50),
)  # fmt: skip

# How the long side lies, and how much of it the other takes.
SHAPES = ((True, 0.75), (False, 0.75), (True, 0.8), (True, 1.0), (False, 0.667), (True, 0.667))

# Half the head's height, as a share of the picture's height, and where the head's centre is.
FRAMINGS = {
    "face": ((0.225, 0.27), (0.40, 0.47)),
    "bust": ((0.165, 0.20), (0.33, 0.40)),
    "half": ((0.110, 0.125), (0.25, 0.28)),
    "whole": ((0.058, 0.062), (0.13, 0.15)),
}
_FRAMING_ORDER = (
    "bust", "face", "half", "bust", "half", "face", "bust", "half", "bust", "face", "half", "whole",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Clothes:
    """What the upper body wears: names are those that `cloth` and `body` know."""

    colour: Colour
    second: Colour
    pattern: str
    pitch: float
    neckline: str
    sleeves: str


@dataclass(frozen=True, kw_only=True)
class Person:
    """All that distinguishes one portrait from the next.

    Lengths without a unit are in heads: half the height from chin to crown is 1.
    """

    size: Size
    """Of the picture, in pixels."""
    head: float
    """Half the head's height, in pixels."""
    centre: tuple[float, float]
    """The head's centre (x, y), in pixels."""
    roll: float
    """Radians by which the head leans."""
    yaw: float
    """−1..1: how far the face is turned to the side."""
    light: tuple[float, float, float]
    """Towards the lamp: x to the right, y down, z to the camera."""
    skin: Colour
    jaw: float
    slimness: float
    smile: float
    eyes: Colour
    glasses: bool
    beard: float
    """0 shaven .. 1 full."""
    hair: Colour
    style: str
    volume: float
    length: float
    parting: float
    fringe: bool
    hat: str
    clothes: Clothes
    arms: tuple[str, str]
    """Left and right in the picture: ``down``, ``hip`` or ``raised``."""
    backdrop: str
    defocus: float
    """Deviation of the lens' blur, in pixels."""
    grain: float
    """Deviation of the sensor's noise, in levels of 255."""


def random_person(seed: int, index: int, long_side: int) -> Person:
    """Describe person number `index`; the same arguments give the same person.

    Styles, framings and tones run through their lists in an order that the seed decides, so that
    neighbours never look alike, whatever the number of people.
    """
    random = generator(seed, "sample person", index)
    style = _in_turn(seed, "style", index, HAIR_STYLES)
    framing = _FRAMING_ORDER[(index + 5 * (index // 12)) % 12]
    if framing == "face" and style in {"afro", "frizzy", "curls"}:
        framing = "bust"  # or hair would fill the frame
    size = _size(_in_turn(seed, "shape", index, SHAPES), framing, long_side)
    heads, heights = FRAMINGS[framing]
    head = random.uniform(*heads) * size[0]
    hat = _hat(random, index, style)
    jaw = random.uniform(0.82, 1.06)
    bearded = jaw > 0.92 and style in {"short", "buzz", "bald", "spiky", "afro"}
    shift = random.uniform(-0.06, 0.06) if size[0] >= size[1] else random.uniform(-0.16, 0.16)
    lamp = random.uniform(-1.0, 1.0)
    return Person(
        size=size,
        head=head,
        centre=(size[1] * (0.5 + shift), size[0] * random.uniform(*heights)),
        roll=random.uniform(-0.13, 0.13),
        yaw=random.uniform(-1, 1),
        light=(lamp, random.uniform(-0.9, -0.3), random.uniform(0.7, 1.1)),
        skin=_varied(random, _in_turn(seed, "skin", index, SKIN_TONES), 0.03),
        jaw=jaw,
        slimness=random.uniform(0.9, 1.08),
        smile=random.uniform(-0.1, 1.0),
        eyes=EYE_COLOURS[int(random.integers(len(EYE_COLOURS)))],
        glasses=bool(random.random() < 0.22),
        beard=float(random.choice([0.0, 0.35, 1.0])) if bearded else 0.0,
        hair=_varied(random, _in_turn(seed, "hair", index, HAIR_COLOURS), 0.02),
        style=style,
        volume=random.uniform(0.75, 1.25),
        length=random.uniform(0.8, 1.2),
        parting=random.uniform(-0.35, 0.35),
        fringe=style in {"long straight", "bob", "curls", "ponytail"} and random.random() < 0.5,
        hat=hat,
        clothes=_clothes(random, seed, index),
        arms=_arms(random, framing),
        backdrop=_in_turn(
            seed, "backdrop", index, ("photo", "like hair", "bokeh", "photo", "like clothes")
        ),
        defocus=random.uniform(0.3, 0.65) * long_side / 512,
        grain=random.uniform(0.6, 2.2),
    )


def _in_turn(seed: int, what: str, index: int, choices: tuple[_Choice, ...]) -> _Choice:
    turn, place = divmod(index, len(choices))
    return choices[int(generator(seed, "sample", what, turn).permutation(len(choices))[place])]


def _size(shape: tuple[bool, float], framing: str, long_side: int) -> Size:
    upright, ratio = shape
    if framing == "whole":
        upright, ratio = True, min(ratio, 0.75)
    short = round(long_side * ratio)
    return (long_side, short) if upright else (short, long_side)


def _hat(random: np.random.Generator, index: int, style: str) -> str:
    if index % 5 != 3 or style in {"afro", "frizzy", "bun", "spiky", "curls"}:
        return "none"
    return str(random.choice(["beanie", "cap", "fedora"]))


def _clothes(random: np.random.Generator, seed: int, index: int) -> Clothes:
    colour = _in_turn(seed, "cloth", index, CLOTH_COLOURS)
    others = [c for c in CLOTH_COLOURS if c != colour]
    return Clothes(
        colour=_varied(random, colour, 0.03),
        second=others[int(random.integers(len(others)))],
        pattern=_in_turn(seed, "pattern", index, PATTERNS),
        pitch=random.uniform(0.16, 0.30),
        neckline=_in_turn(seed, "neckline", index, ("crew", "collar", "vee", "turtle")),
        sleeves=str(random.choice(["short", "long"])),
    )


def _arms(random: np.random.Generator, framing: str) -> tuple[str, str]:
    if framing in {"face", "bust"}:
        raised = framing == "bust" and random.random() < 0.3
        return ("down", "raised") if raised else ("down", "down")
    choices = (
        ("hip", "hip"),
        ("hip", "down"),
        ("down", "hip"),
        ("raised", "hip"),
        ("down", "down"),
    )
    return choices[int(random.integers(len(choices)))]


def _varied(random: np.random.Generator, colour: Colour, spread: float) -> Colour:
    red, green, blue = np.clip(np.asarray(colour) + random.normal(0, spread, 3), 0.03, 0.97)
    return float(red), float(green), float(blue)
