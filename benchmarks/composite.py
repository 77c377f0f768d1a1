"""Composites a second and bytes a composite: the store against four PNGs a composite.

The baseline is what the published scripts for Deep Image Matting do: one process reads photo, alpha
and background from files, and writes composite, foreground, background and alpha as PNG with
OpenCV. Both make as many composites of the same sample people at the same size, in one run.

    python benchmarks/composite.py --people 24 --size 800
"""

import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from shm.datasets.sample import SampleConfig
from shm.workflows.composite import CompositeRun, composite_store
from shm.workflows.engine import ClusterConfig
from shm.workflows.export import export_store
from shm.workflows.prepare import PrepareRun, prepare_corpus
from shm.workflows.sample import sample_corpus


@dataclass(frozen=True)
class Figures:
    """Of one way to make composites."""

    name: str
    composites: int
    seconds: float
    bytes: int

    @property
    def row(self) -> dict[str, float | str]:
        """Return composites a second and kilobytes a composite."""
        return {
            "way": self.name,
            "composites_per_second": round(self.composites / self.seconds, 2),
            "kilobytes_per_composite": round(self.bytes / self.composites / 1000, 1),
        }


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def read(path: Path, flag: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
    """Read a picture as OpenCV has it: blue, green, red."""
    return np.asarray(cv2.imread(str(path), flag), np.uint8)


def four_pngs(files: Path, backgrounds: list[Path], target: Path, per_foreground: int) -> Figures:
    """Composite as the published scripts do, one file after the other."""
    for name in ("merged", "fg", "bg", "alpha"):
        (target / name).mkdir(parents=True)
    began, count = time.perf_counter(), 0
    for foreground_path in sorted((files / "foreground").iterdir()):
        for _ in range(per_foreground):
            foreground = read(foreground_path)
            alpha = read(files / "alpha" / foreground_path.name, cv2.IMREAD_GRAYSCALE)
            background = read(backgrounds[count % len(backgrounds)])
            height, width = alpha.shape
            scale = max(height / background.shape[0], width / background.shape[1])
            if scale > 1:
                size = (int(background.shape[1] * scale + 1), int(background.shape[0] * scale + 1))
                enlarged = cv2.resize(background, size, interpolation=cv2.INTER_LINEAR)
                background = enlarged.astype(np.uint8)
            background = background[:height, :width]
            opacity = alpha[..., None] / 255.0
            merged = (foreground * opacity + background * (1 - opacity)).astype(np.uint8)
            pictures = {"merged": merged, "fg": foreground, "bg": background, "alpha": alpha}
            for name, picture in pictures.items():
                cv2.imwrite(str(target / name / f"{count:06d}.png"), picture)
            count += 1
    return Figures("four PNGs, one process", count, time.perf_counter() - began, size_of(target))


def store(people: Path, backgrounds: Path, target: Path, each: int, workers: int) -> Figures:
    """Composite into a store; the cluster's start is counted, too."""
    began = time.perf_counter()
    run, cluster = CompositeRun(per_foreground=each), ClusterConfig(workers=workers)
    outcome = composite_store(people, target, [backgrounds], run, cluster)
    spent = time.perf_counter() - began
    return Figures(f"store, {workers} workers", outcome.accepted, spent, size_of(target))


@click.command()
@click.option("--people", default=24, show_default=True)
@click.option("--size", default=800, show_default=True, help="Longer side, pixels.")
@click.option("--per-foreground", default=10, show_default=True)
@click.option("--workers", default=os.cpu_count(), show_default="one a core")
@click.option("--quick", is_flag=True, help="Few and small, to see that it runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the rows here.")
def main(
    people: int, size: int, per_foreground: int, workers: int, quick: bool, json_path: Path | None
) -> None:
    """Print composites a second and bytes a composite of both ways."""
    if quick:
        people, size, per_foreground = 8, 256, 4
    folder = Path(tempfile.mkdtemp(prefix="shm-composite-"))
    try:
        cluster = ClusterConfig(workers=workers)
        sample_corpus(folder / "corpus", SampleConfig(people=people, size=size), cluster)
        prepare_corpus(folder / "corpus", folder / "people.zarr", PrepareRun(), cluster)
        export_store(folder / "people.zarr", folder / "files")
        tree = folder / "corpus" / "backgrounds"
        photos = sorted(tree.rglob("*.jpg"))
        rows = [
            four_pngs(folder / "files", photos, folder / "pngs", per_foreground).row,
            store(folder / "people.zarr", tree, folder / "out.zarr", per_foreground, workers).row,
        ]
    finally:
        shutil.rmtree(folder)
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    if json_path is not None:
        json_path.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
