"""The sample corpus, written with a bar to look at."""

from pathlib import Path
from typing import Any

from shm.datasets.sample import SampleConfig, write_sample
from shm.workflows.progress import progress


def sample_corpus(folder: Path, *, people: int, size: int, seed: int) -> dict[str, Any]:
    """Write the sample corpus; returns the folder and the counts of people and backgrounds."""
    config = SampleConfig(people=people, size=size, seed=seed)
    with progress("sample", people, "person") as bar:
        summary = write_sample(folder, config, on_progress=bar.advance)
    return {
        "folder": str(folder),
        "people": summary.people,
        "backgrounds": summary.backgrounds,
        "seed": seed,
    }
