"""Neck, torso, arms and legs: hard edges, and a gap between arm and body in some."""

import numpy as np

from shm.datasets.sample.layer import FloatImage, Layer, Points, mirrored, rgb, smooth_curve
from shm.datasets.sample.person import Person
from shm.datasets.sample.stance import Stance
from shm.datasets.sample.texture import blurred, cloth, folds, fractal_noise, lambert, relief

# Right halves, in heads, from top to bottom.
_NECK = [(0.33, 0.30), (0.34, 0.85), (0.37, 1.12), (0.46, 1.34), (0.62, 1.60), (0.6, 2.5)]
_TORSO = [
    (0.34, 1.24), (0.58, 1.38), (1.00, 1.50), (1.40, 1.66), (1.66, 1.95), (1.62, 2.45),
    (1.38, 2.95), (1.20, 3.60), (1.08, 4.20), (1.16, 4.90), (1.22, 5.50), (1.20, 6.00),
]  # fmt: skip
_ROLLED_COLLAR = [(0.38, 0.93), (0.40, 1.10), (0.44, 1.30), (0.70, 1.60)]

_NECKLINES = {
    "crew": [(0.42, 1.00), (0.42, 1.24), (0.26, 1.43), (0.0, 1.50)],
    "vee": [(0.44, 1.00), (0.44, 1.22), (0.25, 1.62), (0.0, 2.05)],
    "collar": [(0.40, 1.00), (0.40, 1.20), (0.20, 1.45), (0.0, 1.72)],
}

# Shoulder, elbow, wrist; then where the fingers point.
_ARMS = {
    "down": [(1.36, 2.02), (1.66, 3.75), (1.60, 5.10)],
    "hip": [(1.36, 2.00), (2.40, 3.50), (1.34, 4.72)],
    "raised": [(1.36, 2.05), (2.10, 3.15), (1.86, 1.62)],
}
_ARM_RADII = (0.31, 0.235, 0.15)
_LEGS = [(0.56, 5.5), (0.62, 8.7), (0.62, 11.5)]
_LEG_RADII = (0.60, 0.42, 0.27)


def draw_body(
    person: Person, stance: Stance, random: np.random.Generator
) -> tuple[Layer, list[Layer]]:
    """Draw everything below the head.

    Returns
    -------
    Layer
        Neck, torso, legs, and the arms that hang beside the torso.
    list of Layer
        Raised arms, which belong before the hair.
    """
    wardrobe = _Wardrobe(person, stance, random)
    scene = wardrobe.legs() if _feet_show(person) else Layer.empty(stance.size)
    scene = wardrobe.neck().over(scene)
    scene = wardrobe.torso().over(scene)
    front: list[Layer] = []
    for side, pose in zip((-1, 1), person.arms, strict=True):
        arm = wardrobe.arm(side, pose)
        if pose == "raised":
            front.append(arm)
            continue
        seam = wardrobe.seam(side)
        shadow = arm.alpha * (1 - seam)
        scene = stance.shadowed(scene, shadow, offset=(0.05, 0), blur=0.12, strength=0.45)
        scene = _sewn(arm, scene, seam)
    return scene, front


def limb(points: Points, radii: tuple[float, ...]) -> list[Points]:
    """Return outlines that together cover a tapered, bent limb around a curve.

    Parameters
    ----------
    points : float array, (N, 2)
        Joints, in heads.
    radii : N floats
        Half the thickness at each joint.
    """
    curve = smooth_curve(points, closed=False, steps=26)
    places = np.linspace(0, len(radii) - 1, len(curve))
    widths = np.interp(places, np.arange(len(radii)), radii)
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return [centre + circle * width for centre, width in zip(curve, widths, strict=True)]


class _Wardrobe:
    """Draws parts of one person with the same cloth and light."""

    def __init__(self, person: Person, stance: Stance, random: np.random.Generator) -> None:
        self.person, self.stance, self.random = person, stance, random
        clothes = person.clothes
        colours = (rgb(clothes.colour), rgb(clothes.second))
        self.cloth = cloth(
            random, stance.size, clothes.pattern, colours, max(5.0, clothes.pitch * stance.unit)
        )
        self.folds = folds(random, stance.size, 1.1 * stance.unit)
        self.mottle = fractal_noise(random, stance.size, 0.25 * stance.unit, 4)

    def neck(self) -> Layer:
        stance = self.stance
        inside = stance.covered(stance.body(smooth_curve(mirrored(np.array(_NECK)), closed=True)))
        throat = stance.covered(stance.head(_ellipse((0.0, 0.35), 0.66, 0.80)))
        layer = self._skin(inside, 0.5)
        return stance.shadowed(layer, throat, offset=(0.22, 0), blur=0.10, strength=0.55)

    def torso(self) -> Layer:
        stance, clothes = self.stance, self.person.clothes
        half = np.array(_TORSO)
        half[2:, 0] *= self.person.slimness
        inside = stance.covered(stance.body(smooth_curve(mirrored(half), closed=True)))
        if clothes.neckline == "turtle":
            return self._dressed(inside, 0.8).over(self._turtleneck())
        opening = smooth_curve(mirrored(np.array(_NECKLINES[clothes.neckline])), closed=True)
        cut = stance.covered(stance.body(opening))
        inside = inside * (1 - cut)
        layer = self._dressed(inside, 0.8)
        # The hem is a little thicker than the cloth, and throws a thin shadow on the skin.
        hem = np.clip(blurred(cut, 0.05 * stance.unit) * 2.2, 0, 1)
        layer = layer.shaded(1 - 0.22 * hem)
        return self._collar().over(layer) if clothes.neckline == "collar" else layer

    def arm(self, side: int, pose: str) -> Layer:
        stance = self.stance
        joints = np.array(_ARMS[pose])
        joints[0, 0] *= self.person.slimness
        joints[:, 0] *= side
        bare = stance.covered(*map(stance.body, limb(joints, _ARM_RADII) + _hand(joints, pose)))
        layer = self._skin(bare, 0.28)
        sleeve = limb(joints, tuple(radius + 0.035 for radius in _ARM_RADII))
        end = len(sleeve) * (34 if self.person.clothes.sleeves == "short" else 94) // 100
        inside = stance.covered(*map(stance.body, sleeve[:end]))
        layer = stance.shadowed(layer, inside, offset=(0.05, 0), blur=0.05, strength=0.35)
        return self._dressed(inside, 0.3).over(layer)

    def seam(self, side: int) -> FloatImage:
        """Return where sleeve and torso are one piece of cloth, float32, (H, W), 0..1."""
        y, x = np.mgrid[: self.stance.size[0], : self.stance.size[1]].astype(np.float32)
        across = (x - self.stance.centre[0]) / self.stance.unit * side - 1.30
        down = (y - self.stance.centre[1]) / self.stance.unit - 1.95
        near = np.clip(1.6 - np.hypot(across, 0.75 * down) / 0.42, 0, 1)
        return np.asarray(near * near * (3 - 2 * near), np.float32)

    def legs(self) -> Layer:
        stance = self.stance
        layer = Layer.empty(stance.size)
        trousers = rgb(self.person.clothes.second) * np.float32(0.55)
        for side in (-1, 1):
            joints = np.array(_LEGS) * [side, 1]
            shoe = limb(np.array([(0.60, 11.75), (0.95, 11.86)]) * [side, 1], (0.25, 0.17))
            foot = stance.covered(*map(stance.body, shoe))
            leg = stance.covered(*map(stance.body, limb(joints, _LEG_RADII)))
            layer = Layer.of(rgb([0.12, 0.1, 0.1]), foot).over(layer)
            light = lambert(self._normals(leg, 0.5), self.person.light)
            layer = Layer.of(trousers, leg).shaded(light).over(layer)
        return layer

    def _turtleneck(self) -> Layer:
        outline = smooth_curve(mirrored(np.array(_ROLLED_COLLAR)), closed=True)
        roll = self._dressed(self.stance.covered(self.stance.body(outline)), 0.25)
        return roll.shaded(np.full(self.stance.size, 0.92, np.float32))

    def _collar(self) -> Layer:
        stance = self.stance
        flap = np.array(
            [(0.28, 1.00), (0.40, 1.06), (0.62, 1.36), (0.46, 1.80), (0.04, 1.72), (0.20, 1.40)]
        )
        inside = stance.covered(stance.body(flap), stance.body(flap * [-1, 1]))
        return self._dressed(inside, 0.10)

    def _dressed(self, inside: FloatImage, radius: float) -> Layer:
        light = lambert(self._normals(inside, radius), self.person.light)
        return Layer.of(self.cloth, inside).shaded(light)

    def _normals(self, inside: FloatImage, radius: float) -> FloatImage:
        return relief(inside, radius * self.stance.unit, self.folds)

    def _skin(self, inside: FloatImage, radius: float) -> Layer:
        light = lambert(relief(inside, radius * self.stance.unit), self.person.light)
        return Layer.of(skin_colour(self.person, self.mottle, light), inside)


def skin_colour(person: Person, mottle: FloatImage, light: FloatImage) -> FloatImage:
    """Return lit skin, float32, (H, W, 3): shadows are redder than the lit side, as in flesh."""
    tone = rgb(person.skin) * (1 + 0.018 * mottle[..., None])
    exponent = rgb([0.80, 1.05, 1.15])
    lit: FloatImage = (tone * light[..., None] ** exponent).astype(np.float32)
    return np.clip(lit, 0, 1)


def _sewn(arm: Layer, torso: Layer, seam: FloatImage) -> Layer:
    """Put an arm over the torso so that at the seam the torso's cloth shows, and no gap."""
    whole = arm.over(torso)
    soft = arm.within(1 - seam * torso.alpha).over(torso)
    share = whole.alpha / np.maximum(soft.alpha, 1e-6)
    return Layer((soft.premultiplied * share[..., None]).astype(np.float32), whole.alpha)


def _hand(joints: Points, pose: str) -> list[Points]:
    wrist = joints[-1]
    along = (joints[-1] - joints[-2]) / np.linalg.norm(joints[-1] - joints[-2])
    if pose == "hip":
        return limb(np.stack([wrist, wrist + 0.25 * along]), (0.16, 0.17))
    palm = wrist + 0.32 * along
    parts = limb(np.stack([wrist, palm]), (0.14, 0.19))
    spread = 0.20 if pose == "raised" else 0.05
    across = np.array([-along[1], along[0]])
    for finger in range(4):
        offset = (finger - 1.5) * 0.098
        root = palm + across * offset
        way = along + across * offset * spread / 0.05
        parts += limb(np.stack([root, root + 0.42 * way]), (0.062, 0.048))
    thumb = wrist + 0.15 * along - across * 0.12
    return parts + limb(np.stack([thumb, thumb + 0.28 * (along - 0.8 * across)]), (0.08, 0.055))


def _ellipse(centre: tuple[float, float], across: float, down: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([centre[0] + across * np.cos(angle), centre[1] + down * np.sin(angle)], axis=1)


def _feet_show(person: Person) -> bool:
    return person.size[0] > person.centre[1] + 5.5 * person.head
