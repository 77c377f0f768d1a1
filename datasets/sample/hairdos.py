"""Hairdos by name: how long, how many, and how they grow."""

from dataclasses import dataclass

from shm.datasets.sample.strands import Growth


@dataclass(frozen=True, kw_only=True)
class Hairdo:
    """What a style is made of; lengths in heads."""

    length: tuple[float, float]
    """Shortest and longest lock on the head."""
    growth: Growth
    lift: float = 0.15
    """0: combed along the head; 1: standing off."""
    locks: int = 150
    hairs: int = 18
    behind: bool = False
    """Whether hair falls behind the neck and the shoulders."""
    gathered: str = ""
    """``bun`` or ``tail``: the hair is combed back into it."""
    flyaways: int = 90


HAIRDOS: dict[str, Hairdo] = {
    "buzz": Hairdo(
        length=(0.05, 0.10), lift=0.8, locks=420, hairs=9, flyaways=0,
        growth=Growth(gravity=0.0, wander=0.3, thickness=0.035, gather=1.0),
    ),
    "short": Hairdo(
        length=(0.28, 0.48), lift=0.30, locks=210, hairs=15, flyaways=80,
        growth=Growth(gravity=1.2, wander=0.35, thickness=0.045, stray=0.03),
    ),
    "spiky": Hairdo(
        length=(0.22, 0.46), lift=0.95, locks=210, hairs=14, flyaways=60,
        growth=Growth(gravity=-0.2, wander=0.25, thickness=0.05, gather=0.3),
    ),
    "bob": Hairdo(
        length=(1.35, 1.75), behind=True,
        growth=Growth(gravity=2.6, wander=0.10, thickness=0.05, gather=0.8, stray=0.03),
    ),
    "long straight": Hairdo(
        length=(2.3, 3.1), behind=True, flyaways=120,
        growth=Growth(gravity=2.4, wander=0.09, thickness=0.05, gather=0.7, stray=0.05),
    ),
    "long wavy": Hairdo(
        length=(2.0, 2.9), lift=0.18, behind=True, flyaways=140,
        growth=Growth(gravity=1.7, wander=0.2, wave=0.05, turns=1.1, thickness=0.05, stray=0.06),
    ),
    "curls": Hairdo(
        length=(1.2, 1.9), lift=0.55, behind=True, locks=190, hairs=15, flyaways=150,
        growth=Growth(gravity=1.5, wander=0.5, wave=0.055, turns=2.6, thickness=0.03, stray=0.04),
    ),
    "frizzy": Hairdo(
        length=(1.0, 1.7), lift=0.75, behind=True, locks=230, hairs=15, flyaways=260,
        growth=Growth(gravity=1.1, wander=0.9, wave=0.03, turns=3.2, thickness=0.07, stray=0.14),
    ),
    "afro": Hairdo(
        length=(0.45, 0.85), lift=1.0, locks=420, hairs=11, flyaways=260,
        growth=Growth(gravity=0.0, wander=0.9, wave=0.035, turns=4.5, thickness=0.05, stray=0.08),
    ),
    "bun": Hairdo(
        length=(0.9, 1.2), lift=0.0, locks=170, hairs=15, gathered="bun", flyaways=130,
        growth=Growth(gravity=0.0, wander=0.05, thickness=0.04, face=False),
    ),
    "ponytail": Hairdo(
        length=(0.9, 1.2), lift=0.0, locks=170, hairs=15, gathered="tail", flyaways=130,
        growth=Growth(gravity=0.0, wander=0.05, thickness=0.04, face=False),
    ),
}  # fmt: skip
"""Styles by name; ``bald`` has none."""
