"""Beards: short hair that softens the edge of the jaw."""

import numpy as np

from shm.datasets.sample.layer import Layer, rgb
from shm.datasets.sample.person import Person
from shm.datasets.sample.stance import Stance
from shm.datasets.sample.strands import Growth, grow_locks, hairs_of


def draw_beard(person: Person, stance: Stance, random: np.random.Generator) -> Layer:
    """Draw a beard and a moustache, from stubble (0.35) to full (1)."""
    growth = Growth(gravity=1.0, wander=0.5, thickness=0.022, gather=1.0, stray=0.03, face=False)
    count = 360
    x = random.uniform(-0.70, 0.70, 12 * count)
    y = random.uniform(0.20, 1.00, 12 * count)
    jaw = 0.645 * person.jaw * np.sqrt(np.clip(1 - (np.maximum(y - 0.2, 0) / 0.80) ** 2.6, 0, 1))
    edge = 0.55 + 0.07 * np.exp(-((x / 0.30) ** 2)) - 0.55 * np.abs(x / 0.7) ** 3
    mouth = (x / 0.26) ** 2 + ((y - 0.63) / 0.095) ** 2 < 1
    lip = (np.abs(x) < 0.27) & (np.abs(y - 0.515 - 0.25 * x**2) < 0.035)
    cheek = (y > edge + 0.14) & (np.abs(x) < jaw)
    chosen = np.flatnonzero((cheek | lip) & ~mouth)[:count]
    roots = np.stack([x[chosen] + 0.10 * person.yaw, y[chosen]], axis=1)
    headings = np.stack([roots[:, 0] * 0.5, np.full(len(roots), 0.8)], axis=1)
    lengths = random.uniform(0.5, 1.0, len(roots)) * (0.05 + 0.17 * person.beard)
    locks = grow_locks(random, roots, headings, lengths, growth)
    hairs = stance.head(hairs_of(random, locks, round(4 + 8 * person.beard), growth))
    tones = np.clip(0.8 + random.normal(0, 0.16, len(hairs)), 0.4, 1.3)
    canvas = stance.canvas()
    for hair, tone in zip(hairs, tones, strict=True):
        canvas.line(hair[::3], rgb(person.hair) * np.float32(tone))
    return canvas.layer()
