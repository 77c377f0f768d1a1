"""What people do in a notebook: look at a store, matte a photo, paste, train, predict.

    from shm.notebook import batches, load_nets, matte, open_store

Stores and samples draw themselves where a notebook shows them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from shm.notebook.sample import Picture, Sample, read
from shm.notebook.store import SampleStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shm.notebook.nets import Nets
    from shm.pipeline.refine import RefineMethod
    from shm.training.batch import Batch

__all__ = ["Sample", "SampleStore", "batches", "load_nets", "matte", "open_store"]


def open_store(path: str | Path) -> SampleStore:
    """Open a store of people or of composites, of either form, in a folder or at a URL.

    Raises
    ------
    ShmError
        There is none, it is not finished, or it is damaged.

    Examples
    --------
    >>> store = open_store("people.zarr")
    >>> alpha = store["person_0003"].alpha
    """
    from shm.datasets.opening import open_samples
    from shm.datasets.storage.location import locate

    return SampleStore(open_samples(locate(path)))


def matte(
    photo: Picture,
    mask: Picture | None = None,
    *,
    trimap: Picture | None = None,
    size: int = 800,
    refine: "RefineMethod" = "auto",
) -> Sample:
    """Matte a photo from a rough mask, or from a trimap, as ``shm-data prepare`` does.

    Parameters
    ----------
    photo : uint8 (H, W, 3), or a file's path
    mask, trimap : (H', W') of any integer type, or a file's path
        At least one of them; of the photo's shape, at any size.
    size : int
        Longer side of the sample in pixels; smaller photos are not enlarged.
    refine : str
        ``auto``, ``hybrid``, ``closed-form``, ``knn``, ``none``.

    Raises
    ------
    ShmError
        An annotation can't be used, or a file can't be read.
    """
    from shm.notebook.sample import read_values
    from shm.pipeline.prepare import PrepareConfig, RawSample, prepare

    raw = RawSample(
        image=read(photo),
        mask=None if mask is None else read_values(mask),
        trimap=None if trimap is None else read_values(trimap),
    )
    made = prepare(raw, PrepareConfig(size=size, refine=refine))
    return Sample(
        id=Path(photo).stem if isinstance(photo, str | Path) else "photo",
        image=made.image,
        trimap=made.trimap,
        alpha=made.alpha,
        foreground=made.foreground,
        record={"quality": made.quality, "steps": made.steps},
    )


def load_nets(model: str | Path, *, device: str = "auto") -> "Nets":
    """Load a run, a checkpoint, an export, or ``untrained:light``; call it with photos.

    Raises
    ------
    ShmError
        There is no such model, or no such device.

    Examples
    --------
    >>> rgba = load_nets("runs/first")("photos/images/person_0003.jpg").cut_out()
    """
    from shm.notebook.nets import Nets
    from shm.workflows.nets import NetsConfig, load_network

    return Nets(str(model), load_network(str(model), NetsConfig(device=device)))


def batches(
    *stores: str | Path,
    batch: int = 8,
    crop: int = 320,
    split: str = "train",
    seed: int = 0,
    workers: int = 0,
    device: str = "cpu",
) -> "Iterator[Batch]":
    """Yield batches of training crops without end, as ``shm train`` sees them.

    Parameters
    ----------
    stores : paths or URLs
        Several are mixed in equal parts.
    batch : int
    crop : int
        Side in pixels; crops are centred on unknown pixels, and mirrored at random.
    seed : int
        The order and the crops depend on it alone.
    workers : int
        Processes that read; 0 reads here.

    Raises
    ------
    ShmError
        A store is missing or damaged, or its split is empty.
    """
    from shm.datasets.storage.location import locate
    from shm.datasets.streaming.crop import CropConfig
    from shm.datasets.streaming.loader import StreamConfig, training_batches
    from shm.datasets.streaming.reader import ReaderConfig
    from shm.datasets.streaming.sources import Source
    from shm.inference import choose_device
    from shm.training.batch import RawBatch, to_device

    reader = ReaderConfig(crop=CropConfig(sides=(crop,), size=crop), seed=seed)
    config = StreamConfig(reader=reader, batch=batch, split=split, workers=workers)
    where = choose_device(device)
    for raw in training_batches([Source(path=locate(each)) for each in stores], config):
        yield to_device(cast("RawBatch", raw), where, crop)
