"""Strands of hair: locks that grow from the scalp, and the hairs that make up a lock."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm.datasets.sample.layer import Points

Numbers = NDArray[np.float64]

STEPS = 22
"""Points along a lock and along each of its hairs."""

_FACE = np.array([0.0, 0.30])
_FACE_RADII = np.array([0.585, 0.86])
"""The ellipse, in heads, that hair does not hang into."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How locks grow; lengths in heads."""

    gravity: float = 1.5
    """By how much a hair turns downwards in each head of length."""
    wander: float = 0.15
    """How much a lock strays from its way."""
    wave: float = 0.0
    """Amplitude of waves or curls."""
    turns: float = 1.0
    """Waves in each head of length."""
    thickness: float = 0.06
    """Of a lock at its root."""
    gather: float = 0.5
    """Thickness at the tip, as a share of that at the root."""
    stray: float = 0.02
    """How far single hairs leave their lock at the tip."""
    face: bool = True
    """Whether hair keeps out of the face."""


def grow_locks(
    random: np.random.Generator,
    roots: Points,
    headings: Points,
    lengths: Numbers,
    growth: Growth,
) -> Points:
    """Grow one lock from each root.

    Parameters
    ----------
    roots, headings : float arrays, (L, 2)
        Where the locks start, in heads, and in which direction.
    lengths : float array, (L,)
        In heads.

    Returns
    -------
    float array, (L, STEPS, 2)
        Points along the locks, in heads.
    """
    place, heading = roots.copy(), _unit(headings)
    step = (lengths / (STEPS - 1))[:, None]
    drift = random.normal(0, 1, (len(roots), 2))
    shell = 1 + random.uniform(0, 0.14, (len(roots), 1))
    path = [place.copy()]
    for _ in range(STEPS - 1):
        drift = 0.8 * drift + 0.6 * random.normal(0, 1, drift.shape)
        pull = np.array([0.0, growth.gravity])
        heading = _unit(heading + step * pull + np.sqrt(step) * growth.wander * drift)
        place = place + heading * step
        if growth.face:
            place = _out_of_face(place, shell)
        path.append(place.copy())
    return np.stack(path, axis=1)


def hairs_of(random: np.random.Generator, locks: Points, count: int, growth: Growth) -> Points:
    """Split each lock into hairs.

    Parameters
    ----------
    locks : float array, (L, STEPS, 2)
    count : int
        Hairs a lock.

    Returns
    -------
    float array, (L * count, STEPS, 2)
        The hairs of the first lock, then those of the second...
    """
    total = len(locks) * count
    hairs = np.repeat(locks, count, axis=0)
    along = np.linspace(0, 1, STEPS)[None, :, None]
    at_root = random.normal(0, growth.thickness, (total, 1, 2))
    at_tip = at_root * growth.gather + random.normal(0, growth.stray, (total, 1, 2))
    hairs = hairs + at_root * (1 - along) + at_tip * along
    if growth.wave:
        hairs = hairs + _waves(random, hairs, count, growth)
    return _cut(hairs, random.uniform(0.72, 1.0, total))


def _waves(random: np.random.Generator, hairs: Points, count: int, growth: Growth) -> Points:
    """Return the sideways swing of each point; hairs of a lock swing nearly together."""
    steps = np.diff(hairs, axis=1, append=2 * hairs[:, -1:] - hairs[:, -2:-1])
    length = np.linalg.norm(steps, axis=2)
    travelled = np.cumsum(length, axis=1)
    locks = len(hairs) // count
    phase = np.repeat(random.uniform(0, 2 * np.pi, locks), count) + random.normal(
        0, 0.35, len(hairs)
    )
    turns = growth.turns * np.repeat(random.uniform(0.8, 1.25, locks), count)
    swing = np.sin(2 * np.pi * turns[:, None] * travelled + phase[:, None])
    size = growth.wave * np.minimum(1, travelled / 0.25)
    across = np.stack([-steps[..., 1], steps[..., 0]], axis=2) / (length[..., None] + 1e-9)
    sideways: Points = across * (swing * size)[..., None]
    return sideways


def _cut(hairs: Points, shares: Numbers) -> Points:
    """Shorten each hair to a share of its length, again as STEPS points."""
    places = shares[:, None] * np.arange(STEPS)[None, :]
    before = np.minimum(places.astype(np.int64), STEPS - 2)
    rest = (places - before)[..., None]
    rows = np.arange(len(hairs))[:, None]
    shortened: Points = hairs[rows, before] * (1 - rest) + hairs[rows, before + 1] * rest
    return shortened


def _out_of_face(place: Points, shell: Numbers) -> Points:
    relative = (place - _FACE) / _FACE_RADII
    distance = np.linalg.norm(relative, axis=1, keepdims=True)
    outside = _FACE + relative * (shell / np.maximum(distance, 1e-6)) * _FACE_RADII
    return np.where(distance < shell, outside, place)


def _unit(vectors: Points) -> Points:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Points = vectors / np.maximum(length, 1e-9)
    return unit
