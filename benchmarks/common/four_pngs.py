"""Composites as the published scripts for Deep Image Matting make them: four PNGs each.

One process reads foreground and alpha from PNG and the background from JPEG, all of them for each
composite, and writes composite, foreground, background and alpha, with OpenCV.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

PARTS = ("merged", "fg", "bg", "alpha")
"""Folders that are written."""


def write_four_pngs(files: Path, backgrounds: Sequence[Path], target: Path, each: int) -> int:
    """Composite one after the other, with the backgrounds in turn; returns how many were made.

    A background that is too small is enlarged, by r = max(h / h_b, w / w_b) to ⌊h_b · r + 1⌋ ×
    ⌊w_b · r + 1⌋; its top left corner is used.

    Parameters
    ----------
    files : Path
        ``foreground`` and ``alpha`` of people, as `shm-data export` writes them.
    backgrounds : sequence of Path
    target : Path
        A folder that is not there yet.
    each : int
        Composites of each person.
    """
    for name in PARTS:
        (target / name).mkdir(parents=True)
    count = 0
    for foreground_path in sorted((files / "foreground").rglob("*.png")):
        alpha_path = files / "alpha" / foreground_path.relative_to(files / "foreground")
        for _ in range(each):
            foreground = _read(foreground_path)
            alpha = _read(alpha_path, cv2.IMREAD_GRAYSCALE)
            background = _read(backgrounds[count % len(backgrounds)])
            height, width = alpha.shape
            ratio = max(height / background.shape[0], width / background.shape[1])
            if ratio > 1:
                size = (int(background.shape[1] * ratio + 1), int(background.shape[0] * ratio + 1))
                enlarged = cv2.resize(background, size, interpolation=cv2.INTER_LINEAR)
                background = np.asarray(enlarged, np.uint8)
            background = background[:height, :width]
            opacity = alpha[..., None] / 255.0
            merged = (foreground * opacity + background * (1 - opacity)).astype(np.uint8)
            for name, picture in zip(PARTS, (merged, foreground, background, alpha), strict=True):
                cv2.imwrite(str(_path(target, name, count)), picture)
            count += 1
    return count


def read_four_pngs(folder: Path, index: int) -> dict[str, NDArray[np.uint8]]:
    """Read a composite's four files, colours as blue, green, red."""
    return {name: _read(_path(folder, name, index), cv2.IMREAD_UNCHANGED) for name in PARTS}


def _path(folder: Path, name: str, index: int) -> Path:
    return folder / name / f"{index:06d}.png"


def _read(path: Path, flag: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), flag), np.uint8)
