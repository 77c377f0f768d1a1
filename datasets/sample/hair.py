"""Hair of the head: what falls behind the body, and what lies on the head and before it."""

from dataclasses import dataclass, replace

import numpy as np

from shm.datasets.sample.hairdos import HAIRDOS
from shm.datasets.sample.layer import Canvas, Layer, Points, rgb
from shm.datasets.sample.person import Person
from shm.datasets.sample.stance import Stance
from shm.datasets.sample.strands import Growth, Numbers, grow_locks, hairs_of
from shm.datasets.sample.texture import blurred, fractal_noise

_DOME = np.array([0.0, -0.22])
_DOME_RADII = np.array([0.74, 0.79])


@dataclass(frozen=True)
class Hair:
    """The two layers of a hairdo, between which the body stands."""

    behind: Layer
    front: Layer


def draw_hair(person: Person, stance: Stance, random: np.random.Generator) -> Hair:
    """Draw all hair of the head."""
    nothing = Layer.empty(stance.size)
    if person.style == "bald":
        return Hair(nothing, nothing)
    barber = _Barber(person, stance, random)
    return Hair(barber.behind(), barber.front())


def scalp_roots(random: np.random.Generator, count: int, *, reach: float = 1.0) -> Points:
    """Return points of the scalp above the hairline, in heads, (count, 2)."""
    found = np.empty((0, 2))
    while len(found) < count:
        angle = random.uniform(0, 2 * np.pi, 4 * count)
        radius = np.sqrt(random.uniform(0, 1, 4 * count)) * reach
        points = _DOME + np.stack([np.cos(angle), np.sin(angle)], axis=1) * (
            radius[:, None] * _DOME_RADII
        )
        found = np.vstack([found, points[points[:, 1] < hairline(points[:, 0])]])
    return found[:count]


def hairline(x: Numbers) -> Numbers:
    """Return how far down the hair grows at `x`: high on the forehead, low at the temples."""
    line: Numbers = -0.62 + 1.05 * np.abs(x / 0.74) ** 4
    return line


class _Barber:
    def __init__(self, person: Person, stance: Stance, random: np.random.Generator) -> None:
        self.person, self.stance, self.random = person, stance, random
        self.hairdo = HAIRDOS[person.style]
        flat = person.hat != "none"
        self.lift = 0.0 if flat else self.hairdo.lift * person.volume
        self.growth = self.hairdo.growth

    def front(self) -> Layer:
        """Draw what lies on the head and beside the face."""
        canvas = self.stance.canvas()
        groups: list[Points] = []
        self._draw_scalp(canvas)
        if self.hairdo.gathered == "bun":
            groups.append(self._ball((0.12 * self.person.yaw, -1.16), 0.30 * self.person.volume))
        groups.append(self._cap())
        if self.person.fringe:
            groups.append(self._fringe())
        groups.append(self._flyaways())
        for hairs in groups:
            self._draw(canvas, hairs)
        return self._lit(canvas.layer(), 1.0)

    def behind(self) -> Layer:
        """Draw what falls behind the neck, or the tail."""
        if not self.hairdo.behind and self.hairdo.gathered != "tail":
            return Layer.empty(self.stance.size)
        canvas = self.stance.canvas()
        locks = self._tail() if self.hairdo.gathered == "tail" else self._curtain()
        self._draw(canvas, locks)
        return self._lit(canvas.layer(), 0.62)

    def _draw_scalp(self, canvas: Canvas) -> None:
        """Paint the skin under the hair, so that no bald spot shows between the locks."""
        angle = np.linspace(-np.pi, np.pi, 90)
        reach = 1.03 if self.hairdo.gathered else 0.96
        rim = _DOME + np.stack([np.cos(angle), np.sin(angle)], axis=1) * _DOME_RADII * reach
        rim[:, 1] = np.minimum(rim[:, 1], hairline(rim[:, 0]) - 0.03)
        canvas.shape(self.stance.head(rim), rgb(self.person.hair) * np.float32(0.7))

    def _cap(self) -> Points:
        random, hairdo = self.random, self.hairdo
        roots = scalp_roots(random, hairdo.locks, reach=1.04 if hairdo.gathered else 1.0)
        roots = roots[np.argsort(-roots[:, 1])]  # the parting's hair lies on top
        lengths = random.uniform(*hairdo.length, len(roots)) * self.person.length
        headings = self._combed(roots)
        if hairdo.gathered:
            goal = self._knot()
            headings = goal - roots
            lengths = np.linalg.norm(headings, axis=1) * random.uniform(0.9, 1.0, len(roots))
        locks = grow_locks(random, roots, headings, lengths, self.growth)
        return hairs_of(random, locks, hairdo.hairs, self.growth)

    def _combed(self, roots: Points) -> Points:
        aside = roots[:, 0] - self.person.parting
        sideways = np.sign(aside) * (0.35 + np.abs(aside))
        along = np.stack([sideways, -0.22 + 0.9 * np.abs(aside)], axis=1)
        outwards = (roots - np.array([0.0, 0.1])) / _DOME_RADII
        mixed: Points = along * (1 - self.lift) + outwards * self.lift
        return mixed

    def _curtain(self) -> Points:
        random, hairdo = self.random, self.hairdo
        count = hairdo.locks
        wide = 0.70 + 0.10 * self.lift
        roots = np.stack(
            [random.uniform(-wide, wide, count), random.uniform(-0.6, 0.2, count)], axis=1
        )
        headings = np.stack([roots[:, 0] * (0.5 + 2.5 * self.lift), np.full(count, 0.8)], axis=1)
        lengths = random.uniform(*hairdo.length, count) * self.person.length
        growth = replace(self.growth, face=False, gravity=max(1.5, self.growth.gravity))
        locks = grow_locks(random, roots, headings, lengths, growth)
        return hairs_of(random, locks, hairdo.hairs, growth)

    def _knot(self) -> Points:
        """Return where gathered hair meets: in the middle on top, or on the far side."""
        if self.hairdo.gathered == "bun":
            return np.array([0.12 * self.person.yaw, -1.0])
        return np.array([0.50 * self._far_side(), -0.72])

    def _far_side(self) -> float:
        return 1.0 if self.person.yaw < 0 else -1.0

    def _tail(self) -> Points:
        random, side = self.random, self._far_side()
        roots = self._knot() + random.normal(0, 0.06, (110, 2))
        headings = np.stack([side * random.uniform(0.7, 1.1, 110), np.full(110, -0.35)], axis=1)
        lengths = random.uniform(1.9, 2.5, 110) * self.person.length
        growth = Growth(
            gravity=2.4, wander=0.16, wave=0.03, turns=0.8, thickness=0.05, stray=0.06, face=False
        )
        locks = grow_locks(random, roots, headings, lengths, growth)
        return hairs_of(random, locks, 18, growth)

    def _ball(self, centre: tuple[float, float], radius: float) -> Points:
        """Return hairs that are wound around a bun."""
        random, count = self.random, 900
        start = random.uniform(0, 2 * np.pi, count)
        sweep = random.uniform(0.8, 2.6, count) * random.choice([-1, 1], count)
        angle = start[:, None] + sweep[:, None] * np.linspace(0, 1, 22)[None, :]
        away = radius * random.uniform(0.02, 1.0, (count, 1)) ** 0.8
        away = away * (1 + 0.10 * np.linspace(-1, 1, 22)[None, :] * random.normal(0, 1, (count, 1)))
        squash = np.stack([np.cos(angle), 0.8 * np.sin(angle)], axis=2)
        return np.asarray(centre) + squash * away[..., None]

    def _fringe(self) -> Points:
        random, count = self.random, 60
        x = random.uniform(-0.5, 0.5, count)
        roots = np.stack([x, random.uniform(-0.84, -0.68, count)], axis=1)
        headings = np.stack([x * 0.6 + 0.25 * self.person.parting, np.ones(count)], axis=1)
        growth = replace(self.growth, face=False, gravity=0.5, wave=self.growth.wave * 0.6)
        locks = grow_locks(random, roots, headings, random.uniform(0.42, 0.64, count), growth)
        return hairs_of(random, locks, 16, growth)

    def _flyaways(self) -> Points:
        random, hairdo = self.random, self.hairdo
        count = round(hairdo.flyaways * self.person.volume)
        if not count:
            return np.empty((0, 22, 2))
        low = 0.45 if self.person.hat != "none" else -0.9
        angle = random.uniform(-np.pi, 0, count)
        around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        roots = _DOME + around * _DOME_RADII * random.uniform(0.85, 1.0, (count, 1))
        roots = roots[roots[:, 1] > low]
        if hairdo.behind:
            below = np.stack(
                [random.choice([-0.7, 0.7], count), random.uniform(0, 1, count)], axis=1
            )
            roots = np.vstack([roots, below[: count // 2]])
        reach = 0.6 if hairdo.gathered else min(1.1, hairdo.length[1])
        lengths = random.uniform(0.25, 1.0, len(roots)) * reach
        growth = replace(
            self.growth, wander=0.9 + self.growth.wander, gravity=self.growth.gravity * 0.45,
            thickness=0.01, stray=0.05, wave=max(0.02, self.growth.wave), face=True,
        )  # fmt: skip
        locks = grow_locks(
            random, roots, self._combed(roots) + random.normal(0, 0.5, roots.shape), lengths, growth
        )
        return hairs_of(random, locks, 2, growth)

    def _draw(self, canvas: Canvas, hairs: Points) -> None:
        """Draw hairs that are thick at the root and end in a point, each in its own tone."""
        random, unit = self.random, self.stance.unit
        if not len(hairs):
            return
        places = self.stance.head(hairs)
        colour = rgb(self.person.hair)
        lock_tone = np.repeat(random.normal(0, 0.13, len(hairs) // 6 + 1), 6)[: len(hairs)]
        tones = np.clip(0.95 + lock_tone + random.normal(0, 0.12, len(hairs)), 0.4, 1.5)
        warmth = 1 + random.normal(0, 0.03, (len(hairs), 3))
        colours = np.clip(colour * tones[:, None] * warmth, 0.0, 1.0).astype(np.float32)
        width = 0.0045 * unit
        for hair, tone in zip(places, colours, strict=True):
            canvas.line(hair[:12], tone, width)
            canvas.line(hair[11:], tone)

    def _lit(self, layer: Layer, brightness: float) -> Layer:
        person, stance = self.person, self.stance
        x, y = stance.head_grid()
        sun = np.float32(person.light[0])
        side = np.clip(0.5 + 0.5 * x * sun - 0.25 * (y + 0.3), 0, 1)
        light = brightness * (0.66 + 0.42 * side)
        streaks = fractal_noise(self.random, stance.size, 0.12 * stance.unit, 2)
        band = np.exp(-(((y + 0.62 - 0.35 * x**2 - 0.1 * sun * x) / 0.13) ** 2))
        combed = np.clip(1.1 - self.hairdo.lift, 0, 1)
        glossy = combed * brightness * band * np.clip(0.6 + 0.4 * streaks, 0, 1.5)
        light, shine = light * (1 + 0.45 * glossy), 0.022 * glossy
        return _filled(layer, 0.016 * stance.unit).shaded(
            light.astype(np.float32), shine.astype(np.float32)
        )


def _filled(layer: Layer, sigma: float) -> Layer:
    """Put dark hair under dense hair: between a thousand strands no background shows."""
    dense = np.clip((blurred(layer.alpha, max(0.8, sigma)) - 0.80) / 0.15, 0, 1)
    around = blurred(layer.premultiplied, max(1.5, 3 * sigma))
    amount = blurred(layer.alpha, max(1.5, 3 * sigma))
    colour = 0.6 * around / np.maximum(amount, 1e-3)[..., None]
    return layer.over(Layer.of(colour.astype(np.float32), dense.astype(np.float32)))
