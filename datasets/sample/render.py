"""A person, described, becomes a photo with its exact alpha and its true colours."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from shm.datasets.sample.backdrop import draw_backdrop
from shm.datasets.sample.beard import draw_beard
from shm.datasets.sample.body import draw_body
from shm.datasets.sample.face import draw_glasses, draw_head
from shm.datasets.sample.hair import draw_hair
from shm.datasets.sample.hat import draw_hat
from shm.datasets.sample.layer import FloatImage, Layer
from shm.datasets.sample.person import Person
from shm.datasets.sample.stance import Stance
from shm.datasets.sample.texture import blurred
from shm.pipeline.seed import generator
from shm.pipeline.values import Alpha, RgbImage

_Dice = Callable[[str], np.random.Generator]
"""Random numbers for each part of the picture, so that one more curl moves no button."""


@dataclass(frozen=True)
class Portrait:
    """A photo and everything that it was made of.

    Attributes
    ----------
    image : uint8 array, (H, W, 3)
        αF + (1 − α)B plus the sensor's noise.
    alpha : uint8 array, (H, W)
        0 background .. 255 person; exact.
    foreground : uint8 array, (H, W, 3)
        The person's own colours, carried on beyond the silhouette.
    background : uint8 array, (H, W, 3)
    """

    image: RgbImage
    alpha: Alpha
    foreground: RgbImage
    background: RgbImage


def render(person: Person, seed: int, index: int) -> Portrait:
    """Render a person; the same arguments give the same bytes."""

    def random(part: str) -> np.random.Generator:
        return generator(seed, "sample", part, index)

    stance = Stance.of(person)
    scene = _figure(person, stance, random)
    # A lens blurs colour times opacity and opacity alike, so the equation still holds.
    scene = Layer(
        blurred(scene.premultiplied, person.defocus), blurred(scene.alpha, person.defocus)
    )
    alpha = _levels(scene.alpha)
    foreground = _levels(extended_colours(scene))
    background = _levels(draw_backdrop(person, random("backdrop")))
    image = photographed(foreground, alpha, background, person.grain, random("grain"))
    return Portrait(image, alpha, foreground, background)


def photographed(
    foreground: RgbImage,
    alpha: Alpha,
    background: RgbImage,
    grain: float,
    random: np.random.Generator,
) -> RgbImage:
    """Return αF + (1 − α)B with noise of deviation `grain` levels on it, uint8, (H, W, 3)."""
    opacity = alpha[..., None].astype(np.float32) / 255
    mixed = opacity * foreground + (1 - opacity) * background
    noise = random.standard_normal(mixed.shape, dtype=np.float32) * np.float32(grain)
    return np.round(np.clip(mixed + noise, 0, 255)).astype(np.uint8)


def extended_colours(layer: Layer) -> FloatImage:
    """Return a layer's own colours, carried on smoothly to where it is transparent.

    Each level of a pyramid averages the colours by their opacity; where a level knows nothing,
    the next coarser one answers (pull–push, Gortler et al., SIGGRAPH 1996).

    Returns
    -------
    float32 array, (H, W, 3)
        0..1, defined at every pixel.
    """
    levels = [(layer.premultiplied, layer.alpha)]
    while min(levels[-1][1].shape) > 1:
        colour, weight = levels[-1]
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        levels.append((_smaller(colour, size), _smaller(weight, size)))
    filled = _divided(*levels[-1])
    for colour, weight in reversed(levels[:-1]):
        size = (weight.shape[1], weight.shape[0])
        coarser = np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR), np.float32)
        # A quarter of the trust in a pixel's own colour is lost by opacity 1/32, where eight bits
        # of premultiplied colour say little.
        trust = (weight / (weight + 0.01))[..., None]
        filled = np.asarray(trust * _divided(colour, weight) + (1 - trust) * coarser, np.float32)
    return np.clip(filled, 0, 1)


def _figure(person: Person, stance: Stance, random: _Dice) -> Layer:
    """Put the parts on each other, from the back to the front."""
    hair = draw_hair(person, stance, random("hair"))
    body, raised_arms = draw_body(person, stance, random("body"))
    head = draw_head(person, stance, random("face"))
    front = [head]
    if person.beard:
        front.append(draw_beard(person, stance, random("beard")))
    if person.glasses:
        front.append(draw_glasses(person, stance))
    front.append(hair.front)
    if person.hat != "none":
        front.append(draw_hat(person, stance, random("hat")))
    scene = stance.shadowed(
        body.over(hair.behind), hair.front.alpha, offset=(0.06, 0), blur=0.08, strength=0.4
    )
    for layer in front:
        scene = stance.shadowed(scene, layer.alpha, offset=(0.05, 0), blur=0.06, strength=0.35)
        scene = layer.over(scene)
    for arm in raised_arms:
        scene = arm.over(scene)
    return scene


def _smaller(values: FloatImage, size: tuple[int, int]) -> FloatImage:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _divided(colour: FloatImage, weight: FloatImage) -> FloatImage:
    return (colour / np.maximum(weight, 1e-6)[..., None]).astype(np.float32)


def _levels(values: FloatImage) -> Alpha:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
