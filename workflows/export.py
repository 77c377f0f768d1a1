"""A store given back as files."""

from pathlib import Path

from shm.datasets.files import write_png
from shm.datasets.store import open_store
from shm.workflows.progress import progress


def export_store(path: Path, target: Path, split: str | None = None) -> int:
    """Write ``target/{image,alpha,trimap,foreground,…}/ID.png``, each at the sample's own size.

    Files that stand already are written again; each appears whole.

    Returns
    -------
    int
        The number of samples.
    """
    store = open_store(path)
    samples = list(store.samples(split))
    with progress("export", len(samples), "sample") as bar:
        for slot, record in samples:
            for name, array in store.read(slot, record).items():
                write_png(target / name / f"{record['id']}.png", array)
            bar.advance()
    return len(samples)
