"""The sample corpus, drawn on all cores."""

from pathlib import Path
from typing import Any

from shm.datasets.sample import SampleConfig, write_portrait, write_scenery
from shm.workflows.engine import ClusterConfig, run_tasks
from shm.workflows.lock import locked
from shm.workflows.progress import progress

Portrait = tuple[Path, SampleConfig, int]


def sample_corpus(folder: Path, config: SampleConfig, cluster: ClusterConfig) -> dict[str, Any]:
    """Write the sample corpus; returns the folder and the counts of people and backgrounds."""
    with locked(folder, "shm-data sample", inside=True):
        backgrounds = write_scenery(folder)
        portraits = ((folder.resolve(), config, index) for index in range(config.people))
        with progress("sample", config.people, "person") as bar:
            for _ in run_tasks(_write, portraits, cluster):
                bar.advance()
    return {
        "folder": str(folder),
        "people": config.people,
        "backgrounds": backgrounds,
        "seed": config.seed,
    }


def _write(portrait: Portrait) -> None:
    write_portrait(*portrait)
