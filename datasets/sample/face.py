"""The head: outline, ears, and a face in which a hole would be seen."""

import numpy as np

from shm.datasets.sample.body import skin_colour
from shm.datasets.sample.layer import (
    Canvas,
    FloatImage,
    Layer,
    Points,
    mirrored,
    moved,
    rgb,
    smooth_curve,
)
from shm.datasets.sample.person import Colour, Person
from shm.datasets.sample.stance import Stance
from shm.datasets.sample.texture import fractal_noise, lambert, relief

_OUTLINE = [
    (0.0, -1.0), (0.36, -0.94), (0.62, -0.70), (0.735, -0.30), (0.725, 0.10), (0.655, 0.46),
    (0.48, 0.78), (0.22, 0.97), (0.0, 1.0),
]  # fmt: skip


def head_outline(person: Person) -> Points:
    """Return the closed outline of the head without ears, in heads, (N, 2)."""
    half = np.array(_OUTLINE)
    half[5:8, 0] *= person.jaw
    half[:, 0] *= person.slimness
    outline = smooth_curve(mirrored(half), closed=True)
    # A turned head shows more of one cheek.
    outline[:, 0] += 0.04 * person.yaw * (1 - outline[:, 1] ** 2)
    return outline


def draw_head(person: Person, stance: Stance, random: np.random.Generator) -> Layer:
    """Draw ears, head and face."""
    mottle = fractal_noise(random, stance.size, 0.22 * stance.unit, 4)
    inside = stance.covered(stance.head(head_outline(person)))
    x, y = stance.head_grid()
    x = x - np.float32(_turn(person))
    normals = relief(inside, 0.80 * stance.unit, _bumps(x, y) * np.float32(stance.unit))
    light = lambert(normals, person.light)
    colour = skin_colour(person, mottle, light)
    rouge = 0.10 * (_hill(x - 0.36, y - 0.36, 0.20, 0.16) + _hill(x + 0.36, y - 0.36, 0.20, 0.16))
    rouge = rouge + 0.08 * _hill(x, y - 0.34, 0.09, 0.08)
    hollow = 0.16 * (_hill(x - 0.29, y + 0.03, 0.19, 0.11) + _hill(x + 0.29, y + 0.03, 0.19, 0.11))
    colour = colour * (1 - hollow[..., None])
    colour = colour * (1 - rouge[..., None] * rgb([0.0, 1.0, 0.8]))
    shine = np.clip(normals[..., 2] * lambert(normals, person.light) - 0.93, 0, 1) * 0.8
    head = Layer.of(np.clip(colour + shine[..., None], 0, 1).astype(np.float32), inside)
    features = stance.canvas()
    _draw_features(features, person, stance, random)
    # Whites of eyes and lips lie in the same light as the skin.
    lit = features.layer().shaded(np.clip(light, 0.5, 1.0)).within(inside)
    return lit.over(head).over(_ears(person, stance, mottle))


def draw_glasses(person: Person, stance: Stance) -> Layer:
    """Draw the frame of glasses; the lenses are clear."""
    canvas = stance.canvas()
    dark: Colour = (0.07, 0.06, 0.06)
    turn = _turn(person)
    angle = np.linspace(0, 2 * np.pi, 40)
    for side in (-1, 1):
        ring = np.stack([0.24 * np.cos(angle), 0.19 * np.sin(angle)], axis=1)
        canvas.line(stance.head(moved(ring, turn + 0.31 * side, 0.03)), dark, 0.040 * stance.unit)
        arm = np.array([(turn + 0.55 * side, 0.0), (0.73 * side, -0.04)])
        canvas.line(stance.head(arm), dark, 0.035 * stance.unit)
    bridge = moved(np.array([(-0.08, 0.0), (0.0, -0.03), (0.08, 0.0)]), turn, 0)
    canvas.line(stance.head(smooth_curve(bridge, closed=False)), dark, 0.035 * stance.unit)
    return canvas.layer()


def _turn(person: Person) -> float:
    """Return how far the middle of the face lies beside the middle of the head, in heads."""
    return 0.10 * person.yaw


def _bumps(x: FloatImage, y: FloatImage) -> FloatImage:
    """Return the heights of a face, in heads."""
    ridge = 0.16 * _hill(x, y - 0.34, 0.095, 0.13) + 0.085 * _hill(x, y - 0.10, 0.075, 0.24)
    wings = 0.05 * (_hill(x - 0.10, y - 0.38, 0.06, 0.05) + _hill(x + 0.10, y - 0.38, 0.06, 0.05))
    brows = 0.035 * (_hill(x - 0.28, y + 0.17, 0.22, 0.08) + _hill(x + 0.28, y + 0.17, 0.22, 0.08))
    eyes = -0.055 * (_hill(x - 0.29, y, 0.15, 0.10) + _hill(x + 0.29, y, 0.15, 0.10))
    cheeks = 0.05 * (_hill(x - 0.38, y - 0.30, 0.2, 0.18) + _hill(x + 0.38, y - 0.30, 0.2, 0.18))
    lips = 0.045 * _hill(x, y - 0.60, 0.20, 0.09) - 0.04 * _hill(x, y - 0.74, 0.16, 0.06)
    chin = 0.06 * _hill(x, y - 0.87, 0.16, 0.12)
    return np.asarray(ridge + wings + brows + eyes + cheeks + lips + chin, np.float32)


def _hill(x: FloatImage, y: FloatImage, across: float, down: float) -> FloatImage:
    return np.asarray(np.exp(-((x / across) ** 2) - (y / down) ** 2), np.float32)


def _ears(person: Person, stance: Stance, mottle: FloatImage) -> Layer:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ears = Layer.empty(stance.size)
    for side in (-1, 1):
        near = 1 - 0.35 * side * person.yaw
        across, x = 0.135 * near, 0.69 * side * person.slimness + 0.02 * person.yaw
        shape = np.stack([across * np.cos(angle), 0.215 * np.sin(angle)], axis=1)
        shape[:, 0] *= 1 - 0.25 * np.sin(angle)  # narrower at the lobe
        shape[:, 0] += 0.10 * side * -shape[:, 1]
        inside = stance.covered(stance.head(moved(shape, x, 0.07)))
        light = lambert(relief(inside, 0.10 * stance.unit), person.light)
        ear = Layer.of(skin_colour(person, mottle, 0.92 * light), inside)
        hollow = stance.covered(stance.head(moved(shape * [0.5, 0.6], x + 0.015 * side, 0.05)))
        ears = ear.shaded(1 - 0.28 * hollow).over(ears)
    return ears


def _draw_features(
    canvas: Canvas, person: Person, stance: Stance, random: np.random.Generator
) -> None:
    skin = rgb(person.skin)
    turn = _turn(person)
    for side in (-1, 1):
        narrower = 1 - 0.10 * side * person.yaw
        centre = np.array([turn + 0.295 * side * narrower, 0.02])
        _draw_eye(canvas, person, stance, centre, side)
        _draw_brow(canvas, person, stance, random, centre, side)
        nostril = np.array([(-0.028, 0.004), (0.0, -0.016), (0.032, 0.0), (0.0, 0.014)])
        nostril = moved(nostril * [side, 1], turn + 0.068 * side, 0.432)
        nostril = smooth_curve(nostril, closed=True)
        canvas.shape(stance.head(nostril), skin * rgb([0.36, 0.24, 0.2]))
        wing = np.array([(0.115, 0.33), (0.142, 0.39), (0.115, 0.43)]) * [side, 1]
        wing = smooth_curve(moved(wing, turn, 0), closed=False)
        tone = skin * rgb([0.80, 0.70, 0.66])
        canvas.line(stance.head(wing), tone, 0.016 * stance.unit)
    _draw_mouth(canvas, person, stance, turn)


def _draw_eye(canvas: Canvas, person: Person, stance: Stance, centre: Points, side: int) -> None:
    skin = rgb(person.skin)
    almond = np.array([
        (-0.135, 0.015), (-0.07, -0.045), (0.01, -0.065), (0.09, -0.038), (0.14, -0.01),
        (0.08, 0.035), (0.0, 0.05), (-0.08, 0.04),
    ]) * [side, 1] + centre  # fmt: skip
    almond = smooth_curve(almond, closed=True)
    canvas.shape(stance.head(almond), (0.90, 0.88, 0.86))
    gaze = moved(centre, 0.02 * person.yaw, -0.008)
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    low, high = almond[:, 1].min(), almond[:, 1].max()

    def disc(middle: Points, radius: float, colour: FloatImage | Colour) -> None:
        points = middle + circle * radius
        points[:, 1] = np.clip(points[:, 1], low, high)  # the lids cover the rest
        canvas.shape(stance.head(points), colour)

    disc(gaze, 0.066, rgb(person.eyes) * np.float32(0.55))
    disc(gaze, 0.056, person.eyes)
    disc(gaze, 0.027, (0.02, 0.02, 0.02))
    lamp = moved(gaze, 0.022 * float(np.sign(person.light[0])), -0.024)
    disc(lamp, 0.013, (1.0, 1.0, 1.0))
    quarter = len(almond) // 8
    upper = np.vstack([almond[: 4 * quarter], almond[4 * quarter : 4 * quarter + 1]])
    canvas.line(stance.head(upper), skin * rgb([0.25, 0.18, 0.16]), 0.026 * stance.unit)
    canvas.line(stance.head(moved(upper, 0, -0.055)), skin * np.float32(0.74), 0.014 * stance.unit)
    lower = almond[4 * quarter :]
    canvas.line(stance.head(lower), skin * rgb([0.74, 0.6, 0.56]), 0.010 * stance.unit)


def _draw_brow(
    canvas: Canvas,
    person: Person,
    stance: Stance,
    random: np.random.Generator,
    eye: Points,
    side: int,
) -> None:
    colour = rgb(person.hair) * np.float32(0.55) + rgb(person.skin) * np.float32(0.12)
    for along in np.sort(random.uniform(-0.17, 0.19, 110)):
        arch = -0.185 - 0.05 * np.cos((along - 0.03) * 8) + 0.03 * abs(along)
        root = moved(eye, along * side, arch + random.uniform(-0.022, 0.022))
        lean = random.uniform(0.02, 0.06)
        tip = moved(root, side * lean, random.uniform(-0.035, 0.0) + 0.25 * max(0.0, along))
        canvas.line(stance.head(np.stack([root, tip])), colour, 0.008 * stance.unit)


def _draw_mouth(canvas: Canvas, person: Person, stance: Stance, turn: float) -> None:
    lip = rgb(person.skin) * rgb([0.90, 0.62, 0.60])
    corner = 0.615 - 0.035 * person.smile
    wide = 0.20 + 0.03 * person.smile
    seam = [(-wide, corner), (-0.08, 0.622), (0.0, 0.628), (0.08, 0.622), (wide, corner)]
    upper = [*seam, (0.10, 0.572), (0.035, 0.556), (0.0, 0.566), (-0.035, 0.556), (-0.10, 0.572)]
    lower = [*seam, (0.10, 0.688), (0.0, 0.706), (-0.10, 0.688)]
    lower_lip, upper_lip = (
        smooth_curve(moved(np.array(lip_points), turn, 0), closed=True)
        for lip_points in (lower, upper)
    )
    canvas.shape(stance.head(lower_lip), lip)
    canvas.shape(stance.head(upper_lip), lip * np.float32(0.84))
    line = smooth_curve(moved(np.array(seam), turn, 0), closed=False)
    canvas.line(stance.head(line), lip * np.float32(0.40), 0.015 * stance.unit)
